// Templates of documents: what they say, and what they may not.
#include "store/documents/template.h"

#include <gmock/gmock.h>

#include <map>

#include "daemon/base/text.h"
#include "store/documents/content.h"
#include "store/documents/docx.h"
#include "store/documents/docx_package.h"
#include "store/documents/shipped_templates.h"
#include "store/printed_number.h"

namespace c360::store {
namespace {

using ::testing::HasSubstr;

Json tree(std::string_view text) { return *Json::parse(text); }

std::string filled(std::string_view text, std::string_view data) {
  const auto done = fill_template(text, tree(data));
  return done ? *done : done.error().reason;
}

// "code@line …" of what is wrong.
std::string faults(std::string_view text, const Json* sample = nullptr) {
  const auto fine = check_template(text, sample);
  if (fine) return "";
  std::string all;
  for (const FieldError& each : fine.error().fields) {
    const auto colon = each.detail.find(':');
    const std::string line =
        each.detail.starts_with("Line ") ? each.detail.substr(5, colon - 5) : "";
    all += (all.empty() ? "" : " ") + each.code + "@" + line;
  }
  return all;
}

TEST(DocumentTemplate, FieldsAreEscapedRowsRepeatedAndConditionsKept) {
  EXPECT_EQ(filled("{{a.b}}|{{ c }}", R"({"a":{"b":"<b>&\"'"},"c":"x"})"),
            "&lt;b&gt;&amp;&quot;&apos;|x");
  EXPECT_EQ(filled("{{#rows}}{{n}}:{{name}};{{/rows}}",
                   R"({"rows":[{"n":"1"},{"n":"2","name":"own"}],"name":"outer"})"),
            "1:outer;2:own;");
  EXPECT_EQ(filled("{{#kpp}}KPP {{kpp}}{{/kpp}}{{^kpp}}none{{/kpp}}", R"({"kpp":""})"), "none");
  EXPECT_EQ(filled("{{#a.b}}yes{{/a.b}}{{^a.c}}no{{/a.c}}{{! remark }}", R"({"a":{"b":"1"}})"),
            "yesno");
  EXPECT_EQ(filled("{{#contract}}{{number}}{{/contract}}", R"({"contract":null})"), "");
  EXPECT_EQ(filled("{{#none}}VAT free{{/none}}", R"({"none":true})"), "VAT free");
}

TEST(DocumentTemplate, AValueIsNeverATemplate) {
  EXPECT_EQ(filled("{{a}}", R"({"a":"{{b}}{{{b}}}","b":"secret"})"), "{{b}}{{{b}}}");
}

TEST(DocumentTemplate, WhatIsNotAllowedIsNamedWithItsLine) {
  EXPECT_EQ(faults("ok\n{{{raw}}}\n{{&raw}}\n{{>other}}\n{{=<% %>=}}"),
            "tag_not_allowed@2 tag_not_allowed@3 tag_not_allowed@4 tag_not_allowed@5");
  EXPECT_EQ(faults("{{#a}}\n{{/b}}"), "wrong_end@2 unclosed_section@1");
  EXPECT_EQ(faults("{{a"), "unclosed_tag@1");
  EXPECT_EQ(faults("{{#lines}}{{#lines}}{{/lines}}{{/lines}}"), "section_in_itself@1");
  EXPECT_EQ(faults("{{^lines}}{{^lines}}{{/lines}}{{/lines}}"), "");
  EXPECT_EQ(faults("{{a b}}{{}}{{Имя}}"), "tag_not_allowed@1 tag_not_allowed@1 tag_not_allowed@1");
  std::string deep;
  for (char name = 'a'; name <= 'i'; ++name) deep += std::string("{{#") + name + "}}";
  EXPECT_THAT(faults(deep), HasSubstr("too_deep@1"));
  EXPECT_EQ(faults("\xff"), "text_encoding@1");
  EXPECT_EQ(faults(std::string(kMaxTemplateBytes + 1, 'x')), "template_too_large@1");
  EXPECT_EQ(faults(std::string(kMaxTemplateBytes, 'x')), "");
}

TEST(DocumentTemplate, AFieldNobodyKnowsIsNamed) {
  const Json& sample = sample_content();
  EXPECT_EQ(faults("{{seller.name}}{{#lines}}{{name}}{{seller.inn}}{{/lines}}", &sample), "");
  EXPECT_EQ(faults("{{seller.nmae}}\n{{price}}\n{{#lines}}{{price}}{{sum}}{{/lines}}", &sample),
            "unknown_field@1 unknown_field@2 unknown_field@3");
}

TEST(DocumentTemplate, TheShippedOnesKnowTheirFieldsAndAreFilled) {
  ASSERT_EQ(shipped_templates().size(), 4U);
  for (const ShippedTemplate& each : shipped_templates()) {
    EXPECT_EQ(faults(each.text, &sample_content()), "") << each.code;
    const auto page = fill_template(each.text, sample_content());
    ASSERT_TRUE(page) << each.code;
    EXPECT_THAT(*page, HasSubstr("«Ромашка»")) << each.code;
    EXPECT_EQ(page->find("{{"), std::string::npos) << each.code;
  }
}

// What the overrides and relations name is there, and every style that is used.
void expect_whole(std::string_view code) {
  std::map<std::string, std::string> parts;
  for (const ShippedPart& part : shipped_docx_parts()) {
    for (const std::string& folder : {std::string("common/"), std::string(code) + "/"}) {
      if (part.path.starts_with(folder))
        parts[std::string(part.path.substr(folder.size()))] = std::string(part.xml);
    }
  }
  const auto named_in = [&](const std::string& part, const std::string& attribute) {
    std::vector<std::string> names;
    const std::string& xml = parts[part];
    for (auto at = xml.find(attribute); at != std::string::npos; at = xml.find(attribute, at + 1)) {
      const auto begin = at + attribute.size();
      names.push_back(xml.substr(begin, xml.find('"', begin) - begin));
    }
    return names;
  };
  for (const std::string& name : named_in("[Content_Types].xml", "PartName=\"/"))
    EXPECT_TRUE(parts.contains(name)) << code << " " << name;
  for (const std::string& name : named_in("word/_rels/document.xml.rels", "Target=\""))
    EXPECT_TRUE(parts.contains("word/" + name)) << code << " " << name;
  EXPECT_THAT(named_in("_rels/.rels", "Target=\""), ::testing::ElementsAre("word/document.xml"));
  const auto styles = named_in("word/styles.xml", "w:styleId=\"");
  for (const std::string part : {"word/document.xml", "word/footer1.xml"}) {
    for (const std::string& style : named_in(part, "<w:pStyle w:val=\""))
      EXPECT_THAT(styles, ::testing::Contains(style)) << code << " " << part;
  }
  EXPECT_THAT(named_in("word/document.xml", "r:id=\""), ::testing::ElementsAre("rId3"));
}

TEST(DocumentTemplate, TheShippedWordFilesAreWholeAndFilledLikeThePages) {
  for (const std::string_view code : {"act", "invoice", "proposal"}) {
    const std::string_view docx = shipped_docx(code);
    ASSERT_FALSE(docx.empty()) << code;
    const auto fine = check_docx(docx, &sample_content());
    EXPECT_TRUE(fine) << code << " " << fine.error().fields.front().detail;
    expect_whole(code);
    const auto made = fill_docx(docx, sample_content());
    ASSERT_TRUE(made) << code << " " << made.error().detail;
    std::string text;
    const auto package = DocxPackage::open(*made, {});
    for (const DocxPart& part : package->parts()) text += part.xml;
    EXPECT_EQ(text.find("{{"), std::string::npos) << code;
    for (const char* said :
         {"«Ромашка»", "Консультация", "Разработка &lt;прототипа&gt; &amp; отчёт", "НДС 22%:",
          "660,00", "Три тысячи шестьсот шестьдесят рублей", "23 ноября 2026 г.", "NUMPAGES"}) {
      EXPECT_THAT(text, HasSubstr(said)) << code;
    }
    // A cell that does not end with a paragraph is one Word refuses to open.
    for (auto at = text.find("</w:tc>"); at != std::string::npos; at = text.find("</w:tc>", at + 1))
      EXPECT_THAT(std::string(trimmed(std::string_view(text).substr(0, at))),
                  ::testing::AnyOf(::testing::EndsWith("</w:p>"), ::testing::EndsWith("<w:p/>")))
          << code;
  }
  EXPECT_THAT(shipped_docx("company_card"), ::testing::IsEmpty());
}

TEST(DocumentTemplate, TheActOfWordHasRoomForThePositionsOfThoseWhoSign) {
  const auto made = fill_docx(shipped_docx("act"), sample_content());
  ASSERT_TRUE(made) << made.error().detail;
  std::string text;
  const auto package = DocxPackage::open(*made, {});
  for (const DocxPart& part : package->parts()) text += part.xml;
  for (const char* said : {">Генеральный директор<", ">Директор<", ">должность<", ">подпись<",
                           ">расшифровка подписи<", ">М.П.<"}) {
    EXPECT_THAT(text, HasSubstr(said));
  }
}

// What prints nothing is bounded as well: lists inside each other, and tags without a value.
TEST(DocumentTemplate, AFillingHasALimitOfStepsWhateverItPrints) {
  Json::Array many;
  for (int i = 0; i < 1'500; ++i) many.push_back(Json::Object{{"a", ""}});
  Json data{Json::Object{{"rows", many}, {"parts", many}, {"nothing", ""}}};
  std::string tags;
  for (int i = 0; i < 1'000; ++i) tags += "{{nothing}}";

  for (const std::string& text :
       {std::string("{{#rows}}{{#parts}}{{/parts}}{{/rows}}"), "{{#rows}}" + tags + "{{/rows}}"}) {
    const auto done = fill_template(text, data);
    ASSERT_FALSE(done) << text.substr(0, 40);
    EXPECT_EQ(done.error().reason, "too_many_steps");
  }
  // Side by side they are no more than their sum; a condition that does not hold is not gone into.
  EXPECT_EQ(filled("{{#rows}}{{/rows}}{{#parts}}x{{/parts}}", data.dump()).size(), 1'500U);
  EXPECT_EQ(filled("{{#rows}}{{^rows}}" + tags + "{{/rows}}{{#a}}" + tags + "{{/a}}{{/rows}}",
                   data.dump()),
            "");
}

TEST(DocumentTemplate, WhatGrowsTooLargeIsRefused) {
  Json::Array rows;
  for (int i = 0; i < 100; ++i) rows.push_back(Json::Object{{"a", "x"}});
  const Json data{Json::Object{{"rows", std::move(rows)}}};
  const std::string text = "{{#rows}}" + std::string(100'000, 'x') + "{{/rows}}";

  const auto done = fill_template(text, data);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "document_too_large");
}

TEST(DocumentContent, NumbersArePrintedAsInRussia) {
  EXPECT_EQ(printed_number("0.00"), "0,00");
  EXPECT_EQ(printed_number("999.90"), "999,90");
  EXPECT_EQ(printed_number("1234567.80"), "1\u00a0234\u00a0567,80");
  EXPECT_EQ(printed_number("-1000.00"), "−1\u00a0000,00");
  EXPECT_EQ(printed_number("1500.0000"), "1\u00a0500");
  EXPECT_EQ(printed_number("0.2500"), "0,25");
}

}  // namespace
}  // namespace c360::store
