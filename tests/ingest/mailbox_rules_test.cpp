// Any number of mailboxes of each kind, each with its own rules, its own target and its own
// responsible person.
#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "ingest/explain.h"
#include "tests/ingest/intake_fixture.h"
#include "tests/support/temp_folder.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;

class MailboxRules : public IntakeTest {
 protected:
  MailboxRules() {
    const std::string shipped = std::string(C360_SOURCE_DIR) + "/parsers/rules";
    for (const auto& entry : std::filesystem::directory_iterator(shipped))
      if (entry.path().extension() == ".toml")
        std::filesystem::copy_file(entry.path(), folder_.path() / entry.path().filename());
    folder_.write("partners.toml",
                  "version = 1\nmailbox = 'crm'\nname = 'partners'\n"
                  "[[rule]]\nname = 'letter'\naction = 'create'\n"
                  "set.request_category_code = 'partnership-request'\n");
    auto set = parsers::RuleSet::load_folder(folder_.path().string());
    if (!set) throw std::runtime_error(set.error().front().to_string());
    std::vector<store::MailLog::RuleRow> rows;
    for (const parsers::RuleSummary& rule : (*set)->rules())
      rows.push_back({rule.rules, rule.mailbox_kind, rule.name, rule.action, rule.priority});
    const auto version =
        store::MailLog{database}.register_rule_set((*set)->sha256(), (*set)->files_json(), rows);
    inboxes.use_rules({*set, *version});
    boss_ =
        one("INSERT INTO crm.user (login, last_name, email) "
            "VALUES ('boss', 'Boss', 'Boss@company.example') RETURNING id");
  }

  // One pass of the mailbox that `settings` says over a server of its own.
  void take_in(const std::vector<std::string>& mails) {
    ScriptedServer own;
    for (std::size_t i = 0; i < mails.size(); ++i)
      own.add(static_cast<ingest::Uid>(i + 1), mails[i]);
    ingest::Poller box{
        mailbox_id(), settings, scripted_factory(own),
        ingest::PollerPorts{database, inboxes, leases, workers, options, quiet.observer, clock}};
    const auto passed = box.pass();
    ASSERT_TRUE(passed) << passed.error().detail;
  }
  void use(const std::string& code, ingest::MailboxKind kind, const std::string& set,
           ingest::MailTarget target, const std::string& responsible) {
    settings.code = code;
    settings.kind = kind;
    settings.rules = set;
    settings.target = target;
    settings.responsible = responsible;
  }

  TempFolder folder_;
  std::string boss_;
};

TEST_F(MailboxRules, TwoMailboxesOfAKindHaveTheirOwnRulesTargetAndResponsible) {
  use("crm", ingest::MailboxKind::crm, "", ingest::MailTarget::deal, "");
  take_in({form_mail(1)});
  use("partners", ingest::MailboxKind::crm, "partners", ingest::MailTarget::lead, "boss");
  take_in({form_mail(2)});

  EXPECT_EQ(one("SELECT concat_ws('|', request_category_code, responsible_id) FROM crm.deal"),
            "price");
  EXPECT_EQ(one("SELECT concat_ws('|', request_category_code, responsible_id) FROM crm.lead"),
            "partnership-request|" + boss_);
  EXPECT_EQ(query("SELECT concat_ws('|', b.code, m.rule_id, m.extracted -> 'rule_set' ->> 'rules') "
                  "FROM ops.mail m JOIN ops.mailbox b ON b.id = m.mailbox_id ORDER BY m.id"),
            (std::vector<std::string>{"crm|website-form|crm", "partners|letter|partners"}));
  // Who has somebody responsible needs nobody to take it.
  EXPECT_EQ(one("SELECT count(*) FROM crm.task t JOIN crm.deal d ON d.id = t.record_id "
                "WHERE t.kind = 'take_to_work'"),
            "1");
  EXPECT_EQ(one("SELECT count(*) FROM crm.task t JOIN crm.lead l ON l.id = t.record_id "
                "WHERE t.kind = 'take_to_work'"),
            "0");
}

TEST_F(MailboxRules, AnExplanationReadsAMailAgainByTheRulesOfItsMailbox) {
  use("partners", ingest::MailboxKind::crm, "partners", ingest::MailTarget::lead, "");
  take_in({form_mail(2)});

  ingest::MailExplainer explainer{database, inboxes, {.spool_folder = spool}};
  const auto json = explainer.explain(std::stoll(one("SELECT id FROM ops.mail")));

  ASSERT_TRUE(json) << json.error().detail;
  EXPECT_EQ(json->find("rules")->as_string(), "partners");
  EXPECT_TRUE(json->find("reproduced")->as_bool());
}

TEST_F(MailboxRules, TheResponsibleIsNamedByLoginEmailOrId) {
  int form = 0;
  for (const std::string& name :
       {std::string("BOSS"), std::string("boss@company.example"), boss_}) {
    use("crm", ingest::MailboxKind::crm, "", ingest::MailTarget::deal, name);
    take_in({form_mail(++form)});
    EXPECT_EQ(one("SELECT responsible_id FROM crm.deal ORDER BY id DESC LIMIT 1"), boss_) << name;
  }
}

TEST_F(MailboxRules, ASupportMailboxAssignsAndAnActivityMailboxMakesResponsible) {
  query(
      "WITH c AS (INSERT INTO crm.user (login, last_name, email) "
      "VALUES ('anna', 'Anna', 'anna@romashka.example') RETURNING id) SELECT id FROM c");
  use("crm", ingest::MailboxKind::crm, "", ingest::MailTarget::deal, "");
  take_in({form_mail(1)});
  const std::string number = one("SELECT number FROM crm.deal");
  use("notes", ingest::MailboxKind::activity, "", ingest::MailTarget::deal, "boss");
  take_in({letter("n1@romashka.example", "Встреча (deal: " + number + ")")});
  EXPECT_EQ(one("SELECT responsible_id FROM crm.activity"), boss_);

  const auto customer =
      records.create(registry.get("counterparty"),
                     *Json::parse(R"({"name": "Сирень", "email_domains": ["siren.example"]})"),
                     store::Actor::system("import"), {.profile = store::Profile::draft});
  ASSERT_TRUE(customer) << customer.error().detail;
  const auto contact = records.create(
      registry.get("contact"),
      *Json::parse(R"({"full_name": "Oleg", "email": "oleg@siren.example", "counterparty_id": )" +
                   std::to_string(customer->id) + "}"),
      store::Actor::system("import"), {.profile = store::Profile::draft});
  ASSERT_TRUE(contact) << contact.error().detail;
  use("desk", ingest::MailboxKind::support, "", ingest::MailTarget::deal, "boss");
  take_in(
      {"From: oleg@siren.example\r\nTo: sd@client360.example\r\nMessage-ID: <s1@siren.example>"
       "\r\nSubject: Help\r\n\r\nIt does not print.\r\n"});
  EXPECT_EQ(one("SELECT concat_ws('|', status, assignee_user_id) FROM crm.support_request"),
            "first_line|" + boss_);
}

TEST_F(MailboxRules, WithoutThatEmployeeMailIsTakenAndTheMailboxSaysWhatIsWrong) {
  settings.responsible = "boss";
  settings.delay = std::chrono::milliseconds{100};
  query("UPDATE crm.user SET is_active = false WHERE login = 'boss' RETURNING id");
  server.add(1, form_mail(1));
  poller().start();
  const auto eventually = [](const std::function<bool()>& what) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!what() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    return what();
  };

  EXPECT_TRUE(eventually([&] { return poller().status().reason.contains("no active employee"); }))
      << poller().status().reason;
  EXPECT_FALSE(poller().status().ready);
  EXPECT_TRUE(eventually(
      [&] { return one("SELECT count(*) FROM crm.deal WHERE responsible_id IS NULL") == "1"; }));
  EXPECT_THAT(one("SELECT last_error FROM ops.mailbox"), HasSubstr("responsible = 'boss'"));

  query("UPDATE crm.user SET is_active = true WHERE login = 'boss' RETURNING id");

  EXPECT_TRUE(eventually([&] { return poller().status().ready; })) << poller().status().reason;
}

}  // namespace
}  // namespace c360::testing
