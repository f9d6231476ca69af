// DOCX templates: what becomes of the tags a user types in Word, and what is refused.
#include "store/documents/docx.h"

#include <gmock/gmock.h>

#include "store/documents/content.h"
#include "store/documents/docx_package.h"

namespace c360::store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kTypes =
    R"(<?xml version="1.0" encoding="UTF-8" standalone="yes"?>)"
    R"(<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">)"
    R"(<Default Extension="xml" ContentType="application/xml"/>)"
    R"(<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-)"
    R"(officedocument.wordprocessingml.document.main+xml"/></Types>)";
constexpr std::string_view kSpaces =
    R"( xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main")"
    R"( xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml")";

std::string story(std::string_view root, std::string_view inside) {
  return "<w:" + std::string(root) + std::string(kSpaces) + ">" + std::string(inside) +
         "</w:" + std::string(root) + ">";
}
std::string body(std::string_view inside) {
  return story("document", "<w:body>" + std::string(inside) + "</w:body>");
}
std::string p(std::string_view text) {
  return "<w:p><w:r><w:t>" + std::string(text) + "</w:t></w:r></w:p>";
}
std::string cell(std::string_view inside) { return "<w:tc>" + std::string(inside) + "</w:tc>"; }

std::vector<DocxPart> parts_of(std::string document) {
  return {{"[Content_Types].xml", std::string(kTypes)},
          {"_rels/.rels", "<Relationships/>"},
          {"word/document.xml", std::move(document)}};
}
std::string docx_of(std::string document) {
  const auto made = make_docx(parts_of(std::move(document)));
  return made ? *made : made.error().detail;
}

std::string part_of(const std::string& docx, std::string_view name) {
  const auto package = DocxPackage::open(docx, {});
  if (!package) return package.error().reason;
  for (const DocxPart& each : package->parts()) {
    if (each.name == name) return each.xml;
  }
  return "no such part";
}

// The text of a filled body: paragraphs in [], rows in {}.
std::string text_of(std::string_view xml) {
  std::string text;
  for (std::size_t at = 0; at < xml.size();) {
    if (xml[at] != '<') {
      text += xml[at++];
      continue;
    }
    const std::size_t end = xml.find('>', at);
    const std::string_view tag = xml.substr(at, end - at + 1);
    if (tag == "<w:p>" || tag.starts_with("<w:p ")) text += '[';
    if (tag == "<w:p/>") text += "[]";
    if (tag == "</w:p>") text += ']';
    if (tag == "<w:tr>" || tag.starts_with("<w:tr ")) text += '{';
    if (tag == "</w:tr>") text += '}';
    if (tag == "<w:br/>") text += '|';
    at = end + 1;
  }
  std::erase(text, '\n');
  return text;
}

std::string filled(const std::string& inside, std::string_view data) {
  const auto done = fill_docx(docx_of(body(inside)), *Json::parse(data));
  return done ? text_of(part_of(*done, "word/document.xml")) : done.error().fields.front().detail;
}

std::string fault(const std::string& docx, const Json* sample = nullptr,
                  const DocxLimits& limits = {}) {
  const auto fine = check_docx(docx, sample, limits);
  if (fine) return "";
  std::string all;
  for (const FieldError& each : fine.error().fields)
    all += (all.empty() ? "" : "\n") + each.code + ": " + each.detail;
  return all;
}

constexpr std::string_view kRows = R"({"rows":[{"n":"1","s":"a"},{"n":"2"}],"none":[],"x":"X"})";

TEST(Docx, AFieldSplitOverRunsKeepsTheFormattingOfItsFirstRun) {
  const std::string split =
      "<w:p><w:pPr><w:jc w:val=\"right\"/></w:pPr>"
      "<w:r><w:rPr><w:b/></w:rPr><w:t>No {</w:t></w:r><w:proofErr w:type=\"spellStart\"/>"
      "<w:r><w:rPr><w:i/></w:rPr><w:t>{a.</w:t><w:lastRenderedPageBreak/><w:t>b</w:t></w:r>"
      "<w:bookmarkStart w:id=\"1\" w:name=\"x\"/><w:r><w:t>}} end</w:t></w:r></w:p>";

  const auto done = fill_docx(docx_of(body(split)), *Json::parse(R"({"a":{"b":"5 < 6 & 7"}})"));

  ASSERT_TRUE(done) << done.error().detail;
  const std::string xml = part_of(*done, "word/document.xml");
  EXPECT_THAT(xml,
              HasSubstr("<w:rPr><w:b/></w:rPr><w:t xml:space=\"preserve\">No 5 &lt; 6 &amp; 7"));
  EXPECT_EQ(text_of(xml), "[No 5 &lt; 6 &amp; 7 end]");
}

TEST(Docx, SectionsInsideAParagraphRepeatItsRuns) {
  EXPECT_EQ(
      filled(p("a {{#rows}}{{n}}{{#s}}-{{s}}{{/s}}; {{/rows}}{{^none}}no {{x}}{{/none}}."), kRows),
      "[a 1-a; 2; no X.]");
  EXPECT_EQ(
      filled("<w:p><w:r><w:t>{{#rows}}</w:t><w:tab/><w:t>{{n}}</w:t></w:r><w:hyperlink>"
             "<w:r><w:t>{{s}}</w:t></w:r></w:hyperlink><w:r><w:t>!{{/rows}}</w:t></w:r></w:p>",
             kRows),
      "[1a!2!]");
}

TEST(Docx, ValuesWithLinesGetBreaksAndNoForbiddenCharacters) {
  EXPECT_EQ(filled(p("{{x}}."), "{\"x\":\"a\\nb\\u0001\\ufffe{{y}}\",\"y\":\"no\"}"),
            "[a|b{{y}}.]");
}

TEST(Docx, ARowWithASectionOverItsCellsIsRepeated) {
  const std::string table = "<w:tbl><w:tblPr/><w:tr>" + cell(p("No")) + cell(p("What")) +
                            "</w:tr><w:tr>" + cell(p("{{#rows}}{{n}}")) +
                            cell(p("{{s}}") + p("{{#s}}has{{/s}}{{/rows}}")) + "</w:tr></w:tbl>" +
                            p("end");
  EXPECT_EQ(filled(table, kRows), "{[No][What]}{[1][a][has]}{[2][]}[end]");
  EXPECT_EQ(filled(table, R"({"rows":[],"n":"","s":""})"), "{[No][What]}[end]");
}

TEST(Docx, SeveralRowsAreRepeatedAndThoseThatHoldOnlyTheTagGo) {
  const std::string table = "<w:tbl><w:tr>" + cell(p("{{#rows}}")) + "</w:tr><w:tr>" +
                            cell(p("{{n}}")) + "</w:tr><w:tr>" + cell(p("{{s}}")) +
                            "</w:tr><w:tr>" + cell(p("{{/rows}}")) + "</w:tr></w:tbl>" + p("end");
  EXPECT_EQ(filled(table, kRows), "{[1]}{[a]}{[2]}{[]}[end]");
  // Word refuses a table without rows.
  EXPECT_EQ(filled(table, R"({"rows":[]})"), "[end]");
}

TEST(Docx, ParagraphsAndTablesBetweenTheTagsAreRepeated) {
  const std::string inside = p("{{#rows}}") + p("{{n}}") + "<w:tbl><w:tr>" + cell(p("{{s}}")) +
                             "</w:tr></w:tbl>" + p("{{/rows}}") + p("{{^rows}}") + p("none") +
                             p("{{/rows}}") + p("end");
  EXPECT_EQ(filled(inside, kRows), "[1]{[a]}[2]{[]}[end]");
  EXPECT_EQ(filled(inside, R"({"rows":[],"n":"","s":""})"), "[none][end]");
  EXPECT_EQ(filled(p("{{#rows}}{{n}}:") + p("{{s}}{{/rows}}"), kRows), "[1:][a][2:][]");
  EXPECT_EQ(filled(p("{{#rows}}{{#s}}") + p("{{n}}") + p("{{/s}}{{/rows}}"), kRows), "[1]");
}

TEST(Docx, AParagraphWithNothingLeftGoesAndACellKeepsOne) {
  EXPECT_EQ(filled(p("{{#none}}gone{{/none}}") + p("stays"), kRows), "[stays]");
  const std::string table =
      "<w:tbl><w:tr>" + cell(p("{{#none}}") + p("gone") + p("{{/none}}")) + "</w:tr></w:tbl>";
  EXPECT_EQ(filled(table, kRows), "{[]}");
}

TEST(Docx, HeadersFootersNotesAndTextBoxesAreFilledAndNothingElseIsTouched) {
  auto parts = parts_of(body("<w:p><w:r><w:pict><w:txbxContent>" + p("{{x}}{{#none}}") +
                             p("n{{/none}}") + "</w:txbxContent></w:pict></w:r></w:p>"));
  parts.push_back({"word/header1.xml", story("hdr", p("H {{x}}"))});
  parts.push_back({"word/footer2.xml", story("ftr", p("{{#none}}F{{/none}}"))});
  parts.push_back(
      {"word/footnotes.xml", story("footnotes", "<w:footnote>" + p("{{x}}") + "</w:footnote>")});
  parts.push_back({"word/settings.xml", "<settings>{{x}}</settings>"});
  parts.push_back({"customXml/item1.xml", "<a>{{x}}</a>"});
  const std::string docx = *make_docx(parts);
  EXPECT_EQ(fault(docx),
            "section_across: word/document.xml, paragraph 2: The section none begins "
            "and ends where nothing between can be repeated: put both tags into one "
            "paragraph, into one table row, or into paragraphs of their own side by "
            "side.");
  parts[2].xml = body("<w:p><w:r><w:pict><w:txbxContent>" + p("{{x}}") +
                      "</w:txbxContent></w:pict></w:r></w:p>");

  const auto done = fill_docx(*make_docx(parts), *Json::parse(kRows));

  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(text_of(part_of(*done, "word/document.xml")), "[[X]]");
  EXPECT_EQ(text_of(part_of(*done, "word/header1.xml")), "[H X]");
  EXPECT_EQ(text_of(part_of(*done, "word/footer2.xml")), "[]");
  EXPECT_EQ(text_of(part_of(*done, "word/footnotes.xml")), "[X]");
  EXPECT_EQ(part_of(*done, "word/settings.xml"), "<settings>{{x}}</settings>");
}

TEST(Docx, CopiesDeclareNothingTwiceAndHaveNoIdTwice) {
  const std::string row =
      "<w:tbl><w:tr w14:paraId=\"00A\" w14:textId=\"00B\">" +
      cell(
          "<w:p w14:paraId=\"01\"><w:bookmarkStart w:id=\"1\" w:name=\"b\"/><w:r><w:t "
          "xml:space=\"preserve\"> {{#rows}}{{n}}</w:t></w:r><w:bookmarkEnd w:id=\"1\"/></w:p>") +
      cell(p("{{/rows}}")) + "</w:tr></w:tbl>" + p("");

  const auto done = fill_docx(docx_of(body(row)), *Json::parse(kRows));

  ASSERT_TRUE(done);
  const std::string xml = part_of(*done, "word/document.xml");
  for (const std::string_view once :
       {"paraId=\"00A\"", "paraId=\"01\"", "<w:bookmarkStart", "xmlns:w=", "xmlns:w14="}) {
    const auto first = xml.find(once);
    ASSERT_NE(first, std::string::npos) << once;
    EXPECT_EQ(xml.find(once, first + 1), std::string::npos) << once << " is there twice\n" << xml;
  }
}

TEST(Docx, WhatIsWrongIsNamedWithPartParagraphAndTag) {
  auto parts = parts_of(body(p("ok") + p("{{seller.nmae}} {{#lines}}{{sum}}{{/lines}}")));
  parts.push_back({"word/footer1.xml", story("ftr", p("{{document.nr}}"))});
  EXPECT_EQ(fault(*make_docx(parts), &sample_content()),
            "unknown_field: word/document.xml, paragraph 2: There is no field seller.nmae.\n"
            "unknown_field: word/document.xml, paragraph 2: There is no field sum.\n"
            "unknown_field: word/footer1.xml, paragraph 1: There is no field document.nr.");
  EXPECT_THAT(fault(docx_of(body(p("{{a") + p("}}")))),
              HasSubstr("unclosed_tag: word/document.xml, paragraph 1: The tag {{a"));
  EXPECT_THAT(fault(docx_of(body(p("{{{a}}}")))), HasSubstr("tag_not_allowed"));
  EXPECT_THAT(fault(docx_of(body(p("{{#a}}x")))), HasSubstr("unclosed_section"));
  EXPECT_THAT(fault(docx_of(body(p("{{! {{#a}} {{/a}}")))), HasSubstr("wrong_end"));
}

TEST(Docx, ASectionThatCannotBeRepeatedIsRefused) {
  const auto refused = [](const std::string& inside) {
    return fault(docx_of(body(inside))).substr(0, 14);
  };
  const std::string half_in = "<w:tbl><w:tr>" + cell(p("{{#a}}")) + "</w:tr></w:tbl>";
  EXPECT_EQ(refused(half_in + p("{{/a}}")), "section_across");
  EXPECT_EQ(refused(p("text {{#a}}") + p("{{/a}}")), "section_across");
  EXPECT_EQ(refused(p("{{#a}}") + p("{{/a}} text")), "section_across");
  EXPECT_EQ(refused("<w:tbl><w:tr>" + cell(p("{{#a}}")) + cell(p("{{/a}}{{#b}}")) +
                    cell(p("{{/b}}")) + "</w:tr></w:tbl>"),
            "section_across");
  EXPECT_EQ(
      refused("<w:tbl><w:tr>" + cell(p("{{#a}}")) + "</w:tr><w:tr>" + cell(p("{{/a}}{{#b}}")) +
              "</w:tr><w:tr>" + cell(p("{{/b}}")) + "</w:tr></w:tbl>"),
      "section_across");
  EXPECT_EQ(refused("<w:p><w:r><w:t>{{#a}}</w:t></w:r><w:hyperlink><w:r><w:t>{{/a}}</w:t></w:r>"
                    "</w:hyperlink></w:p>"),
            "section_across");
  EXPECT_EQ(refused("<w:tbl><w:tr>" + cell(p("{{#a}}{{#b}}")) + cell(p("{{/b}}{{/a}}")) +
                    "</w:tr></w:tbl>"),
            "");
}

TEST(Docx, ADocumentTypeDeclarationIsRefusedInEveryPart) {
  const std::string bomb =
      "<!DOCTYPE w [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>" + body(p("&b;"));
  EXPECT_THAT(fault(docx_of(bomb)), HasSubstr("docx_doctype: word/document.xml"));
  const auto done = fill_docx(docx_of(bomb + "<!-- { -->"), *Json::parse("{}"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "docx_doctype");
  auto parts = parts_of(body(p("")));
  parts.push_back({"word/styles.xml", "<!DOCTYPE s SYSTEM \"file:///etc/passwd\"><s/>"});
  EXPECT_THAT(fault(*make_docx(parts)), HasSubstr("docx_doctype: word/styles.xml"));
}

TEST(Docx, WhatIsNoDocumentOfWordIsRefused) {
  EXPECT_THAT(fault("hello"), HasSubstr("not_docx"));
  EXPECT_THAT(fault("PK\3\4 and no more"), HasSubstr("docx_damaged"));
  EXPECT_THAT(fault(docx_of("<w:document>")), HasSubstr("docx_xml: word/document.xml: line 1"));
  EXPECT_THAT(fault(docx_of("<html/>")), HasSubstr("not_docx"));
  auto parts = parts_of(body(p("")));
  parts.push_back({"word/vbaProject.bin", "macro"});
  EXPECT_THAT(fault(*make_docx(parts)), HasSubstr("docx_macros"));
  parts = parts_of(body(p("")));
  parts[0].xml = "<Types/>";
  EXPECT_THAT(fault(*make_docx(parts)), HasSubstr("not_docx"));
  parts = parts_of(body(p("")));
  parts.erase(parts.begin() + 1);
  EXPECT_THAT(fault(*make_docx(parts)), HasSubstr("_rels/.rels"));
}

TEST(Docx, EveryLimitHolds) {
  const std::string fine = docx_of(body(p("{{#rows}}{{n}}{{/rows}}")));
  EXPECT_EQ(fault(fine), "");
  EXPECT_THAT(fault(fine, nullptr, {.package_bytes = fine.size() - 1}),
              HasSubstr("docx_too_large"));
  EXPECT_EQ(fault(fine, nullptr, {.package_bytes = fine.size()}), "");
  EXPECT_THAT(fault(fine, nullptr, {.entries = 2}), HasSubstr("docx_too_many_entries"));
  EXPECT_EQ(fault(fine, nullptr, {.entries = 3}), "");
  EXPECT_THAT(fault(fine, nullptr, {.unpacked_bytes = 500}), HasSubstr("docx_unpacks_too_large"));
  EXPECT_THAT(fault(fine, nullptr, {.depth = 4}), HasSubstr("docx_too_deep"));
  EXPECT_EQ(fault(fine, nullptr, {.depth = 5}), "");
  EXPECT_THAT(fault(fine, nullptr, {.part_nodes = 8}), HasSubstr("docx_too_many_nodes"));
  std::string many;
  for (int i = 0; i < 250'001; ++i) many += "<w:p/>";
  for (int i = 0; i < 250'001; ++i) many += "<w:p/>";
  EXPECT_THAT(fault(docx_of(body(many))), HasSubstr("docx_too_many_nodes: word/document.xml"));
  EXPECT_THAT(fault(docx_of(body(p(std::string(600'000, 'x'))))), HasSubstr("template_too_large"));
  std::string tags;
  for (int i = 0; i < 2'000; ++i) tags += "{{x}}";
  EXPECT_EQ(fault(docx_of(body(p(tags)))), "");
  EXPECT_THAT(fault(docx_of(body(p(tags + "{{x}}")))), HasSubstr("too_many_tags"));

  const auto why = [&](const DocxLimits& limits) {
    const auto done = fill_docx(fine, *Json::parse(kRows), limits);
    return done ? "" : done.error().reason;
  };
  EXPECT_EQ(why({.copies = 1}), "docx_too_many_copies");
  EXPECT_EQ(why({.copies = 2}), "");
  EXPECT_EQ(why({.nodes = 3}), "docx_too_many_copies");
  // A long text full of tags costs as much, where it is repeated.
  const std::string dense = docx_of(body(p("{{#rows}}" + tags.substr(0, 9'500) + "{{/rows}}")));
  EXPECT_FALSE(fill_docx(dense, *Json::parse(kRows), {.nodes = 8'000}));
  EXPECT_TRUE(fill_docx(dense, *Json::parse(kRows)));
  EXPECT_EQ(why({.filled_bytes = 100}), "document_too_large");
}

// A few kilobytes that unpack to a hundred million: refused by what the entry says of itself, and
// where it lies, by what comes out.
TEST(Docx, ABombIsNotUnpacked) {
  auto parts = parts_of(body(p("")));
  parts.push_back({"word/media/bomb.xml", std::string(100'000'000, ' ')});
  const std::string bomb = *make_docx(parts);
  ASSERT_LT(bomb.size(), 200'000U);
  EXPECT_THAT(fault(bomb), HasSubstr("docx_unpacks_too_large"));

  // The size in the table of contents is four bytes, little-endian: it says one byte now.
  parts = parts_of(std::string(90'000'000, ' '));
  std::string lying = *make_docx(parts);
  const std::string size("\x80\x4A\x5D\x05", 4);
  std::size_t found = 0;
  for (auto at = lying.find(size); at != std::string::npos; at = lying.find(size, at + 1)) {
    lying.replace(at, 4, std::string("\x01\0\0\0", 4));
    ++found;
  }
  ASSERT_GE(found, 1U);
  EXPECT_NE(fault(lying), "");
}

TEST(Docx, TheSamePartsAreTheSameFile) {
  EXPECT_EQ(docx_of(body(p("x"))), docx_of(body(p("x"))));
  EXPECT_TRUE(looks_like_docx(docx_of(body(p("x")))));
  EXPECT_FALSE(looks_like_docx("%PDF-1.7"));
}

}  // namespace
}  // namespace c360::store
