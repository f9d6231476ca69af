// Why a mail became what it is: made again from what was kept.
#include "ingest/explain.h"

#include <stdexcept>

#include "ingest/quarantine.h"
#include "store/operations/action.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

class Explain : public IntakeTest {
 protected:
  ingest::MailExplainer explainer{database, inboxes, {.spool_folder = spool}};

  Json explained(ingest::Uid uid) {
    auto json = explainer.explain(
        std::stoll(one("SELECT id FROM ops.mail WHERE uid = " + std::to_string(uid))));
    if (json) return *json;
    throw std::runtime_error(json.error().detail);
  }
  static const Json* field(const Json& explanation, std::string_view name,
                           std::string_view kind = {}) {
    for (const Json& entry : explanation.find("fields")->as_array()) {
      if (entry.find("field")->as_string() != name) continue;
      const Json* of = entry.find("record_kind");
      if (kind.empty() || (of->is_string() && of->as_string() == kind)) return &entry;
    }
    return nullptr;
  }
  static std::string text(const Json& json, std::string_view name) {
    const Json* value = json.find(name);
    if (value == nullptr || value->is_null()) return "null";
    return value->is_string() ? value->as_string() : value->dump();
  }
  // What made_fields says of apply() against what apply() wrote; how many values were compared.
  int compare_with_records(std::initializer_list<ingest::Uid> uids) {
    int compared = 0;
    for (const ingest::Uid uid : uids) {
      const Json json = explained(uid);
      for (const Json& entry : json.find("fields")->as_array()) {
        const std::string kind = text(entry, "record_kind");
        if (kind == "null" || kind == "contact" || text(entry, "value") == "null") continue;
        const std::string name = text(entry, "field");
        const std::string stored =
            one("SELECT coalesce(to_jsonb(r) ->> '" + name + "', 'null') FROM crm." + kind +
                " r WHERE id = " + text(entry, "record_id"));
        ++compared;
        if (name == "date_received" || name == "activity_date") {
          EXPECT_EQ(one("SELECT '" + stored + "'::timestamptz = '" + text(entry, "value") +
                        "'::timestamptz"),
                    "t")
              << name;
        } else if (name == "description") {
          EXPECT_TRUE(stored.contains("&lt;") || stored == text(entry, "value")) << stored;
        } else {
          EXPECT_EQ(stored, text(entry, "value")) << kind << "." << name;
        }
      }
    }
    return compared;
  }
  // The bytes of [begin, end) of what the place speaks of.
  static std::string cut(const Json& place, const std::string& from) {
    if (place.is_null()) return "null";
    const auto begin = static_cast<std::size_t>(*place.find("begin")->as_int64());
    const auto end = static_cast<std::size_t>(*place.find("end")->as_int64());
    return from.substr(begin, end - begin);
  }
};

TEST_F(Explain, EachFieldOfADealSaysWhereItWasRead) {
  const std::string mail = form_mail(1);
  server.add(41, mail);
  pass();

  const Json json = explained(41);

  EXPECT_EQ(text(*json.find("outcome"), "code"), "deal_created");
  EXPECT_EQ(text(json, "reproduced"), "true");
  EXPECT_EQ(text(json, "why_not"), "null");
  const std::string body = text(*json.find("text"), "body");
  const Json* company = field(json, "company_text");
  ASSERT_NE(company, nullptr) << json.dump();
  EXPECT_EQ(cut(*company->find("prepared"), body), "ООО «Пример 1»");
  EXPECT_EQ(cut(*company->find("raw_mail"), mail), "ООО «Пример 1»");
  EXPECT_EQ(text(*company, "charset"), "utf-8");
  EXPECT_EQ(text(*company, "charset_path"), "declared");
  EXPECT_EQ(text(*company, "part"), "1");
  EXPECT_EQ(text(*company, "rule"), one("SELECT rule_id FROM ops.mail"));
  EXPECT_EQ(text(*company, "rule_set_version"), std::to_string(rules_version));
  const Json* email = field(json, "contact.email", "contact");
  ASSERT_NE(email, nullptr);
  EXPECT_EQ(cut(*email->find("raw_mail"), mail), "petrov1@primer.example");
  const Json* date = field(json, "date_received");
  ASSERT_NE(date, nullptr);
  EXPECT_EQ(cut(*date->find("raw_mail"), mail), "Mon, 10 Nov 2025 10:15:00 +0300");
}

TEST_F(Explain, WhatItSaysIsWhatTheRecordHas) {
  server.add(41, form_mail(1));
  server.add(42, with_attachment("w@romashka.example", "Договор"));
  server.add(43, letter("r@romashka.example", "Сделка #1: вопрос"));
  pass();

  EXPECT_GT(compare_with_records({41, 42, 43}), 25);
}

TEST_F(Explain, ALeadIsExplainedAsADealIs) {
  settings.target = ingest::MailTarget::lead;
  const std::string mail = form_mail(1);
  server.add(41, mail);
  pass();

  const Json json = explained(41);

  EXPECT_EQ(text(*json.find("outcome"), "code"), "lead_created");
  EXPECT_EQ(text(json, "reproduced"), "true");
  const Json* company = field(json, "company_text", "lead");
  ASSERT_NE(company, nullptr) << json.dump();
  EXPECT_EQ(text(*company, "record_id"), one("SELECT id FROM crm.lead"));
  EXPECT_EQ(cut(*company->find("raw_mail"), mail), "ООО «Пример 1»");
  EXPECT_GT(compare_with_records({41}), 10);
}

// The bytes of base64 are nobody's place; what was read of them is, and how.
TEST_F(Explain, AnHtmlFormInBase64OfAnOldCharsetSaysHowItWasRead) {
  // <table><tr><td>Компания:</td><td>ООО «Пример&nbsp;&amp; Ко»</td></tr> <tr><td>Количество
  // пользователей:</td><td>от 50 до 100</td></tr></table> in windows-1251
  const std::string html =
      "<table><tr><td>\xCA\xEE\xEC\xEF\xE0\xED\xE8\xFF:</td><td>\xCE\xCE\xCE "
      "\xAB\xCF\xF0\xE8\xEC\xE5\xF0&nbsp;&amp; \xCA\xEE\xBB</td></tr>\r\n"
      "<tr><td>\xCA\xEE\xEB\xE8\xF7\xE5\xF1\xF2\xE2\xEE "
      "\xEF\xEE\xEB\xFC\xE7\xEE\xE2\xE0\xF2\xE5\xEB\xE5\xE9:</td><td>50 - "
      "100</td></tr></table>\r\n";
  const std::string mail =
      "From: Site <noreply@site.client360.example>\r\nTo: crm@client360.example\r\n"
      "Message-ID: <packed@site.client360.example>\r\n"
      "Date: Mon, 10 Nov 2025 10:15:00 +0300\r\nSubject: Price request\r\n"
      "MIME-Version: 1.0\r\nContent-Type: text/html; charset=windows-1251\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\n" +
      to_base64(html) + "\r\n";
  server.add(41, mail);
  pass();

  const Json json = explained(41);

  EXPECT_EQ(text(json, "reproduced"), "true");
  EXPECT_EQ(text(*json.find("text"), "from_html"), "true");
  EXPECT_EQ(text(*json.find("text"), "transfer_encoding"), "base64");
  const std::string body = text(*json.find("text"), "body");
  const Json* company = field(json, "company_text");
  ASSERT_NE(company, nullptr) << json.dump();
  EXPECT_EQ(text(*company, "value"), "ООО «Пример & Ко»");
  EXPECT_EQ(text(*company, "charset"), "windows-1251");
  EXPECT_EQ(text(*company, "charset_path"), "declared");
  EXPECT_EQ(text(*company, "raw_mail"), "null");
  EXPECT_EQ(text(*company, "raw_mail_reason"), "transfer_encoding");
  EXPECT_EQ(cut(*company->find("prepared"), body), text(*company, "raw"));
  const Json* users = field(json, "number_of_users_max");
  ASSERT_NE(users, nullptr) << json.dump();
  EXPECT_EQ(text(*users, "value"), "100");
  EXPECT_EQ(text(*users, "transformations"), R"(["range"])");
  const Json* date = field(json, "date_received");
  ASSERT_NE(date, nullptr);
  EXPECT_EQ(cut(*date->find("raw_mail"), mail), "Mon, 10 Nov 2025 10:15:00 +0300");
  EXPECT_EQ(text(*date, "transformations"), R"(["utc"])");
}

TEST_F(Explain, ADealThatTookOverTheMailIsExplainedByWhatCameWithIt) {
  server.add(41, form_mail(1));
  pass();
  const auto system = store::Actor::system("import");
  const store::Resource& deal = registry.get("deal");
  const auto make = [&](const std::string& name) {
    return records
        .create(deal, *Json::parse(R"({"name": ")" + name + R"(", "company_text": "Своя"})"),
                system, {.profile = store::Profile::draft})
        ->id;
  };
  const std::int64_t target = make("Основная");
  const std::int64_t last = make("Последняя");
  const std::int64_t source = std::stoll(one("SELECT id FROM crm.deal WHERE origin = 'mail'"));
  const store::Actions actions{registry};
  const auto perform = [&](std::string_view action, std::int64_t id, const std::string& body) {
    const auto done = store::perform(database, records, deal, *actions.find(deal, action), id,
                                     *Json::parse(body), system);
    EXPECT_TRUE(done) << done.error().detail;
  };
  const auto merge = [&](std::int64_t from, std::int64_t into) {
    perform("merge", from, R"({"confirm": true, "into": )" + std::to_string(into) + "}");
  };

  merge(source, target);
  merge(target, last);

  const Json json = explained(41);
  ASSERT_EQ(json.find("records")->as_array().size(), 1U);
  EXPECT_EQ(text(json.find("records")->as_array()[0], "id"), std::to_string(last));
  EXPECT_GT(compare_with_records({41}), 3) << "all it says is true of the deal there is now";
  const Json* company = field(json, "company_text");
  ASSERT_NE(company, nullptr);
  EXPECT_EQ(text(*company, "record_kind"), "null") << "read from the mail, and not the deal's";
  EXPECT_EQ(field(json, "name"), nullptr) << "never merged";

  perform("unmerge", last, R"({"source": )" + std::to_string(target) + "}");
  perform("unmerge", target, R"({"source": )" + std::to_string(source) + "}");
  EXPECT_EQ(text(*field(explained(41), "name", "deal"), "record_id"), std::to_string(source));
}

TEST_F(Explain, ARequestToTheServiceDeskAndItsAnswerAreExplainedTheSameWay) {
  settings.code = "support";
  settings.kind = ingest::MailboxKind::support;
  const auto make = [&](std::string_view kind, const std::string& body) {
    const auto made =
        records.create(registry.get(kind), *Json::parse(body), store::Actor::system("import"),
                       {.profile = store::Profile::draft});
    return made ? std::to_string(made->id) : made.error().detail;
  };
  const std::string customer =
      make("counterparty", R"({"name": "Ромашка", "email_domains": ["romashka.example"]})");
  make("contact", R"({"full_name": "Anna", "email": "anna@romashka.example", "counterparty_id": )" +
                      customer + "}");
  server.add(41, letter("s1@romashka.example", "Не печатает"));
  pass();
  ASSERT_EQ(outcome(41), "support_created");
  server.add(42, letter("s2@romashka.example",
                        "Re: (SD-" + one("SELECT number FROM crm.support_request") + ") ещё"));
  pass();
  ASSERT_EQ(outcome(42), "comment_added");

  EXPECT_GT(compare_with_records({41}), 5);
  EXPECT_GT(compare_with_records({42}), 2);
  const Json request = explained(41);
  EXPECT_EQ(text(*field(request, "subject", "support_request"), "value"), "Не печатает");
  EXPECT_EQ(text(request, "reproduced"), "true");
  EXPECT_NE(field(explained(42), "text", "comment"), nullptr);
}

TEST_F(Explain, AnActivityNamesTheSubjectAndTheRecordItWasAttachedTo) {
  server.add(41, form_mail(1));
  pass();
  const std::string number = one("SELECT number FROM crm.deal");
  const std::string mail = letter("r@romashka.example", "Re: Сделка #" + number + ": вопрос");
  server.add(42, mail);
  pass();
  ASSERT_EQ(outcome(42), "activity_added");

  const Json json = explained(42);

  EXPECT_EQ(cut(*json.find("target")->find("raw_mail"), mail), number);
  const Json* parent = field(json, "parent_record_id", "activity");
  ASSERT_NE(parent, nullptr) << json.dump();
  EXPECT_EQ(cut(*parent->find("prepared"), text(*json.find("text"), "subject")), number);
  EXPECT_EQ(text(*parent, "value"), one("SELECT id FROM crm.deal"));
  EXPECT_EQ(text(*field(json, "topic"), "value"), "Re: Сделка #" + number + ": вопрос");
}

TEST_F(Explain, AnIgnoredMailNamesTheRuleThatWouldHaveTakenItOtherwise) {
  server.add(41,
             letter("a@romashka.example", "Запрос стоимости", "Auto-Submitted: auto-replied\r\n"));
  pass();
  ASSERT_EQ(outcome(41), "ignored");

  const Json json = explained(41);
  const Json& why = *json.find("why_not");

  EXPECT_EQ(text(why, "stage"), "rules");
  EXPECT_EQ(text(why, "reason"), "ignored");
  EXPECT_EQ(text(why, "rule"), "auto-reply");
  EXPECT_NE(text(why, "would_match"), "null");
  ASSERT_FALSE(why.find("nearest")->as_array().empty());
  for (const Json& rule : why.find("nearest")->as_array()) {
    EXPECT_NE(text(rule, "condition"), "");
    EXPECT_NE(text(rule, "detail"), "");
  }
  EXPECT_EQ(text(json, "reproduced"), "true");
}

TEST_F(Explain, AQuarantinedMailSaysHowFarItCame) {
  server.add(41, letter("r1@romashka.example", "Сделка #424242"));
  server.add(42, letter("l1@romashka.example", "Без текста", "", " "));
  pass();

  const Json target = explained(41);
  EXPECT_EQ(text(*target.find("why_not"), "stage"), "target");
  EXPECT_EQ(text(*target.find("why_not"), "reason"), "target_not_found");
  EXPECT_EQ(text(*target.find("target"), "value"), "424242");
  const Json empty = explained(42);
  EXPECT_EQ(text(*empty.find("why_not"), "stage"), "rules");
  EXPECT_EQ(text(*empty.find("why_not"), "reason"), "empty_body");
}

TEST_F(Explain, AMailThatWasNeverFetchedHasNoTextAndSaysSo) {
  const std::string box = std::to_string(mailbox_id());
  postgres.execute(url, "INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid) VALUES (" +
                            box + ", 1, 7)");

  const Json json = explained(7);

  EXPECT_EQ(text(json, "text"), "null");
  EXPECT_EQ(text(*json.find("why_not"), "stage"), "pending");
  EXPECT_EQ(json.find("notes")->as_array().size(), 1U);
  const auto unknown = explainer.explain(999'999);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
}

TEST_F(Explain, TheRuleSetOfThatTimeDecidesNotTodays) {
  server.add(41, form_mail(1));
  pass();
  auto today = parsers::RuleSet::load({{"crm.toml",
                                        "version = 9\nmailbox = 'crm'\n[[rule]]\nname = 'never'\n"
                                        "when.subject = 'никогда'\naction = 'create_deal'\n"}});
  ASSERT_TRUE(today);
  inboxes.use_rules({*today, *store::MailLog{database}.register_rule_set(
                                 (*today)->sha256(), (*today)->files_json(), {})});

  for (int i = 0; i < 2; ++i) {  // the second time from memory
    const Json json = explained(41);
    EXPECT_EQ(text(json, "reproduced"), "true");
    EXPECT_EQ(text(*json.find("outcome")->find("rule_set"), "version"),
              std::to_string(rules_version));
  }
}

TEST_F(Explain, ARuleSetThisProgramCannotUseIsSaidAndTheKeptValuesAreShown) {
  server.add(41, form_mail(1));
  pass();
  auto today = parsers::RuleSet::load({{"crm.toml", "version = 9\nmailbox = 'crm'\n"}});
  inboxes.use_rules({today ? *today : rules, rules_version + 1});
  postgres.execute(url,
                   "UPDATE ops.rule_set SET files = '[{\"name\": \"a.toml\", \"text\": \"x\"}]'");

  const Json json = explained(41);

  EXPECT_EQ(text(json, "reproduced"), "null");
  EXPECT_NE(field(json, "company_text"), nullptr);
  ASSERT_EQ(json.find("notes")->as_array().size(), 1U);
  EXPECT_TRUE(json.find("notes")->as_array()[0].as_string().contains("cannot use the rule set"));
}

TEST_F(Explain, AValueThatDoesNotStandThereAnyMoreIsNotMarked) {
  server.add(41, form_mail(1));
  pass();
  postgres.execute(
      url,
      "UPDATE ops.mail_content SET extracted = jsonb_set(extracted::jsonb, '{values}', "
      "(SELECT jsonb_agg(CASE WHEN v ->> 'field' = 'company_text' THEN v || "
      "'{\"value\": \"другое имя!!\"}' ELSE v END) "
      "FROM jsonb_array_elements(extracted::jsonb -> 'values') v))");

  const Json json = explained(41);

  EXPECT_EQ(text(json, "reproduced"), "false");
  const Json* company = field(json, "company_text");
  EXPECT_EQ(text(*company, "value"), "другое имя!!");
  EXPECT_EQ(text(*company, "prepared"), "null");
  EXPECT_EQ(text(*company, "raw_mail"), "null");
}

TEST_F(Explain, WhatCouldNotBeShownIsRefusedWhenItIsWritten) {
  server.add(41, form_mail(1));
  pass();
  const std::string keep = "UPDATE ops.mail_content SET extracted = '{\"rule\": \"a";

  EXPECT_ANY_THROW(postgres.execute(url, keep + "\\u0000\"}'"));
  postgres.execute(url, keep + "\\\\u0000\"}'");  // a backslash and five letters

  EXPECT_EQ(postgres.query(url, "SELECT extracted ->> 'rule' FROM ops.mail"),
            (std::vector<std::string>{"a\\u0000"}));
}

TEST_F(Explain, AReleasedMailIsExplainedAsItWasLetPass) {
  server.add(41, letter("l1@romashka.example", "Без текста", "", " "));
  pass();
  postgres.execute(url, "INSERT INTO crm.user (login, last_name) VALUES ('boss', 'Boss')");
  ingest::QuarantineDesk desk{database,
                              inboxes,
                              [](std::string_view) { return std::nullopt; },
                              {.spool_folder = spool},
                              clock};
  ASSERT_TRUE(desk.release(std::stoll(one("SELECT id FROM ops.quarantine")),
                           std::stoll(one("SELECT id FROM crm.user"))));

  const Json json = explained(41);

  EXPECT_EQ(text(*json.find("outcome"), "code"), "deal_created");
  EXPECT_EQ(text(json, "reproduced"), "true");
  const Json* name = field(json, "contact.full_name");
  ASSERT_NE(name, nullptr);
  EXPECT_EQ(text(*name, "value"), "Anna");
}

}  // namespace
}  // namespace c360::testing
