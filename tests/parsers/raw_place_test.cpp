// Where a value stands in the mail as it came: read back, or a reason why not.
#include "parsers/raw_place.h"

#include <gtest/gtest.h>

#include <iostream>

#include "daemon/base/text.h"

namespace c360::parsers {
namespace {

constexpr std::string_view kRules = R"toml(
version = 1
mailbox = 'crm'

[[rule]]
name = 'form'
action = 'create_deal'
set.request_type = 'price'
extract.company_text = { label = 'Компания' }
extract.number_of_users = { label = 'Пользователей', steps = ['range'] }
extract.'form.topic' = { match = '(?i)тема ([^ ]+)', in = 'subject' }
extract.'form.id' = { match = '([0-9]+)', in = 'header X-Form' }
extract.'contact.full_name' = { from = 'name' }
extract.'contact.email' = { from = 'address' }
)toml";

// A mail read by kRules and asked for its places.
struct Reading {
  explicit Reading(std::string mail) : raw(std::move(mail)) {
    auto loaded = RuleSet::load({{"crm.toml", std::string(kRules)}});
    if (!loaded) {
      ADD_FAILURE() << loaded.error().front().to_string();
      return;
    }
    text = prepare(parsed.message());
    extraction = match(**loaded, "crm", parsed.message(), text);
  }

  RawPlace place(std::string_view field) {
    const ExtractedValue* value = extraction.find(field);
    if (value == nullptr) {
      ADD_FAILURE() << "no " << field << " in\n" << text.text;
      return {.reason = "no such value"};
    }
    const auto found = RawPlaces(parsed, source).of(*value);
    if (found) return *found;
    ADD_FAILURE() << found.error().detail;
    return {};
  }
  // The bytes of an exact place, else "reason".
  std::string at(std::string_view field) {
    const RawPlace found = place(field);
    if (!found.exact || !found.span) return std::string(found.reason);
    return raw.substr(found.span->begin, found.span->end - found.span->begin);
  }

  std::string raw;
  ParsedMail parsed = read_mail(raw);
  MailSource source{raw};
  PreparedText text;
  Extraction extraction;
};

std::string mail(const std::string& headers, const std::string& body) {
  return "From: Anna <anna@romashka.example>\r\nSubject: Re: Тема цены вопроса\r\nX-Form: no "
         "77\r\n" +
         headers + "\r\n" + body;
}

const std::string kPlain = "Content-Type: text/plain; charset=utf-8\r\n";

TEST(RawPlace, ABodyThatIsSentAsItIsGivesTheVeryBytes) {
  Reading reading(mail(kPlain,
                       "Добрый день\r\nКомпания:\u00A0ООО «Ромашка» \r\n"
                       "Пользователей: 50\u201360\r\n"));

  EXPECT_EQ(reading.at("company_text"), "ООО «Ромашка»");
  EXPECT_EQ(reading.at("number_of_users"), "50\u201360");
  EXPECT_EQ(reading.at("number_of_users_max"), "50\u201360") << "made of the range";
  EXPECT_EQ(reading.at("request_type"), "constant");
}

TEST(RawPlace, OneByteOfAnOldCharsetForEachCharacter) {
  // «Компания: Ромашка» in windows-1251, then in koi8-r.
  const std::string cp1251 =
      "\xCA\xEE\xEC\xEF\xE0\xED\xE8\xFF: \xD0\xEE\xEC\xE0\xF8\xEA\xE0 - 1\r\n";
  const std::string koi8 = "\xEB\xCF\xCD\xD0\xC1\xCE\xC9\xD1: \xF2\xCF\xCD\xC1\xDB\xCB\xC1\r\n";
  Reading old(
      mail("Content-Type: text/plain; charset=windows-1251\r\n"
           "Content-Transfer-Encoding: 8bit\r\n",
           cp1251));
  Reading older(mail("Content-Type: text/plain; charset=koi8-r\r\n", koi8));

  EXPECT_EQ(old.at("company_text"), "\xD0\xEE\xEC\xE0\xF8\xEA\xE0 - 1");
  EXPECT_EQ(older.at("company_text"), "\xF2\xCF\xCD\xC1\xDB\xCB\xC1");
}

TEST(RawPlace, AValueOfHtmlStandsInItsMarkup) {
  Reading reading(mail("Content-Type: text/html; charset=windows-1251\r\n",
                       "<html><p>\xCA\xEE\xEC\xEF\xE0\xED\xE8\xFF: <b>A&amp;B</b> "
                       "\xD0\xEE\xEC</p><p>x</p></html>\r\n"));

  EXPECT_EQ(reading.extraction.value("company_text"), "A&B Ром");
  EXPECT_EQ(reading.at("company_text"), "A&amp;B</b> \xD0\xEE\xEC");
}

TEST(RawPlace, ATransferEncodingLeavesNoSuchBytes) {
  Reading quoted(mail(kPlain + "Content-Transfer-Encoding: quoted-printable\r\n",
                      "=D0=9A=D0=BE=D0=BC=D0=BF=D0=B0=D0=BD=D0=B8=D1=8F: ACME\r\n"));
  Reading packed(mail(kPlain + "Content-Transfer-Encoding: base64\r\n",
                      "0JrQvtC80L/QsNC90LjRjzogQUNNRQ==\r\n"));

  EXPECT_EQ(quoted.at("company_text"), "transfer_encoding");
  EXPECT_EQ(packed.at("company_text"), "transfer_encoding");
  EXPECT_FALSE(packed.place("company_text").span);
}

TEST(RawPlace, ACharsetOfShiftedBytesHasNone) {
  Reading reading(mail("Content-Type: text/plain; charset=utf-7\r\n",
                       "+BBoEPgQ8BD8EMAQ9BDgETw-: +BCAEPgQ8BDAESAQ6BDA-\r\n"));

  EXPECT_EQ(reading.extraction.value("company_text"), "Ромашка");
  EXPECT_EQ(reading.at("company_text"), "charset");
}

TEST(RawPlace, HeaderValuesAreFoundInTheirField) {
  Reading reading(mail(kPlain, "Компания: x\r\n"));

  EXPECT_EQ(reading.at("form.topic"), "цены");
  EXPECT_EQ(reading.at("form.id"), "77");
  EXPECT_EQ(reading.at("contact.full_name"), "Anna");
  EXPECT_EQ(reading.at("contact.email"), "anna@romashka.example");
}

TEST(RawPlace, AnEncodedHeaderGivesTheFieldThatHoldsTheValue) {
  Reading reading(
      "From: =?utf-8?B?0JDQvdC90LA=?= <anna@romashka.example>\r\n"
      "Subject: =?utf-8?B?0KLQtdC80LAg0YbQtdC90Ys=?=\r\n" +
      kPlain + "\r\nКомпания: x\r\n");

  const RawPlace topic = reading.place("form.topic");
  EXPECT_EQ(reading.extraction.value("form.topic"), "цены");
  EXPECT_FALSE(topic.exact);
  EXPECT_EQ(topic.reason, "encoded_word");
  ASSERT_TRUE(topic.span);
  EXPECT_TRUE(
      std::string_view(reading.raw).substr(topic.span->begin).starts_with("Subject: =?utf-8?B?"));
  EXPECT_EQ(reading.at("contact.full_name"), "encoded_word");
  EXPECT_EQ(reading.at("contact.email"), "anna@romashka.example");
}

TEST(RawPlace, OfAValueOfAnotherMailThereIsNone) {
  Reading one(mail(kPlain, "Компания: ООО «Ромашка»\r\n"));
  Reading other(mail(kPlain, "Компания: x\r\n"));
  const auto value = *one.extraction.find("company_text");

  const auto place = RawPlaces(other.parsed, other.source).of(value);

  ASSERT_TRUE(place);
  EXPECT_FALSE(place->exact);
  EXPECT_FALSE(place->reason.empty());
}

TEST(KeptExtraction, IsReadBackAsItWas) {
  Reading reading(mail(kPlain, "Компания: ООО «Ромашка»\r\nПользователей: 50-60\r\n"));

  const auto kept = extraction_from_json(to_json(reading.extraction));

  ASSERT_TRUE(kept) << kept.error().detail;
  EXPECT_EQ(kept->rule, "form");
  EXPECT_EQ(kept->action, RuleAction::create_deal);
  ASSERT_EQ(kept->values.size(), reading.extraction.values.size());
  for (std::size_t i = 0; i < kept->values.size(); ++i) {
    const ExtractedValue& was = reading.extraction.values[i];
    const ExtractedValue& is = kept->values[i];
    EXPECT_EQ(is.field, was.field);
    EXPECT_EQ(is.value, was.value) << was.field;
    EXPECT_EQ(is.raw, was.raw) << was.field;
    EXPECT_EQ(is.source, was.source) << was.field;
    EXPECT_EQ(is.prepared, was.prepared) << was.field;
    EXPECT_EQ(is.part_span, was.part_span) << was.field;
    EXPECT_EQ(is.part, was.part) << was.field;
    EXPECT_EQ(is.transformations, was.transformations) << was.field;
  }
  EXPECT_FALSE(extraction_from_json("{"));
  const auto nothing = extraction_from_json("{}");
  ASSERT_TRUE(nothing);
  EXPECT_TRUE(nothing->rule.empty());
}

TEST(KeptRules, AreUsedAgainWithoutTheirExampleMails) {
  const std::string text = std::string(kRules) +
                           "\n[[rule.example]]\nmail = 'one.eml'\n"
                           "expect = { company_text = 'x' }\n";
  const auto loaded =
      RuleSet::load({{"crm.toml", text}, {"examples/one.eml", mail(kPlain, "Компания: x\r\n")}});
  ASSERT_TRUE(loaded) << loaded.error().front().to_string();

  const auto again = RuleSet::from_files_json((*loaded)->files_json());

  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ((*again)->rules().size(), (*loaded)->rules().size());
  const auto broken = RuleSet::from_files_json(R"([{"name": "a.toml", "text": "nonsense"}])");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::invalid_request);
}

}  // namespace
}  // namespace c360::parsers
