// A rule states a code; the directory decides, at any moment, whether there is such a code.
#include "daemon/base/json.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

class RuleValues : public IntakeTest {
 protected:
  RuleValues() {
    auto set = parsers::RuleSet::load(
        {{"crm.toml",
          "version = 1\nmailbox = 'crm'\n[[rule]]\nname = 'fair'\naction = 'create_deal'\n"
          "set.request_source_code = 'fair'\nextract.company_text = { label = 'Компания' }\n"}});
    if (set) fair_rules = *set;
  }
  // What the rules make of a mail, as a dry run says it.
  ingest::ReadMail read(int id) {
    return live.read({.raw = ingest::RawMail{form_mail(id)}, .fetched_at = clock.now()}, settings,
                     {fair_rules, 0}, {.trace = true});
  }

  std::shared_ptr<const parsers::RuleSet> fair_rules;
  ingest::Inboxes live{registry,
                       records,
                       {rules, 0},
                       {.spool_folder = spool,
                        .directories = std::make_shared<store::DirectoryReader>(
                            database, registry, std::chrono::milliseconds{0})}};
};

TEST_F(RuleValues, AnUnknownCodeCostsItsFieldAndNotTheMail) {
  ASSERT_TRUE(fair_rules);

  const ingest::ReadMail mail = read(1);

  EXPECT_EQ(mail.extraction.value("company_text"), "ООО «Пример 1»");
  EXPECT_EQ(mail.extraction.find("request_source_code"), nullptr);
  const auto kept = Json::parse(mail.result.extracted_json);
  ASSERT_TRUE(kept);
  const Json* rejected = kept->find("rejected");
  ASSERT_TRUE(rejected);
  EXPECT_EQ(rejected->as_array().front().find("field")->as_string(), "request_source_code");
  EXPECT_EQ(rejected->as_array().front().find("rejected")->as_string(), "unknown_value");
}

TEST_F(RuleValues, ACodeAddedWhileTheServiceRunsIsTakenByTheNextMail) {
  ASSERT_TRUE(fair_rules);
  ASSERT_EQ(read(1).extraction.find("request_source_code"), nullptr);

  query(
      "INSERT INTO crm.request_source (code, name_ru, name_en) VALUES ('fair', 'Ярмарка', "
      "'Fair')");

  EXPECT_EQ(read(2).extraction.value("request_source_code"), "fair");
}

}  // namespace
}  // namespace c360::testing
