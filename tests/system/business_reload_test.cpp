// Rules and settings of the business, changed while the daemon runs.
#include <filesystem>
#include <fstream>

#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;

class RulesReload : public SystemTest {
 protected:
  static std::string rules(const std::string& source) {
    return "version = 1\nmailbox = 'crm'\n[[rule]]\nname = 'all'\naction = 'create'\n"
           "set.request_source_code = '" +
           source + "'\n";
  }
};

TEST_F(RulesReload, ACodeNoDirectoryHasIsRefusedWithItsPlaceUntilTheDirectoryHasIt) {
  const std::string file = daemon_.write("rules/crm.toml", rules("mail"));
  const std::string folder = file.substr(0, file.rfind('/'));
  start(config("[rules]\nfolder = '" + folder + "'\n"));

  daemon_.write("rules/crm.toml", rules("fair"));
  const auto refused = reload();

  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr("request_source_code cannot be 'fair'"));
  const Json answer = refused.json();
  const auto& problem = answer.find("problems")->as_array().front();
  EXPECT_EQ(problem.find("line")->as_int64(), 6);
  EXPECT_THAT(problem.find("file")->as_string(), HasSubstr("crm.toml"));

  TempPostgres::shared().query(database_,
                               "INSERT INTO crm.request_source (code, name_ru, name_en) "
                               "VALUES ('fair', 'Ярмарка', 'Fair')");
  EXPECT_EQ(reload().status, 200);
}

TEST_F(RulesReload, AMailboxWithItsOwnRulesTargetAndResponsibleComesWhileItRuns) {
  namespace fs = std::filesystem;
  const std::string file = daemon_.write("rules/crm.toml", rules("mail"));
  const std::string folder = "[rules]\nfolder = '" + file.substr(0, file.rfind('/')) + "'\n";
  const fs::path drop = fs::path(daemon_.write("drop/.keep", "")).parent_path();
  start(config(folder));
  TempPostgres::shared().query(
      database_, "INSERT INTO crm.user (login, last_name) VALUES ('boss', 'Boss') RETURNING id");

  rewrite(config(folder + "[mailbox.partners]\nmaildir = '" + drop.string() +
                 "'\ndelay_ms = 1000\nrules = 'partners'\ntarget = 'lead'\n"
                 "responsible = 'boss'\n"));
  const auto refused = reload();
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr("no rule file has name = 'partners'; there are crm"));

  daemon_.write("rules/partners.toml", "name = 'partners'\n" + rules("mail"));
  EXPECT_EQ(reload().status, 200);
  ASSERT_TRUE(becomes("partners", "ready"));
  std::ofstream(drop / "tmp/1.host", std::ios::binary)
      << "From: Ann <ann@shop.example>\r\nSubject: Offer\r\n\r\nHello\r\n";
  fs::rename(drop / "tmp/1.host", drop / "new/1.host");

  EXPECT_TRUE(eventually([&] {
    return TempPostgres::shared().query(
               database_,
               "SELECT u.login FROM crm.lead l JOIN crm.user u ON u.id = l.responsible_id") ==
           std::vector<std::string>{"boss"};
  }));
}

TEST_F(RulesReload, AMailNoRuleTookBecomesADealByOneCommandOnceARuleDoes) {
  namespace fs = std::filesystem;
  const auto only = [](const std::string& subject) {
    return "version = 1\nmailbox = 'crm'\n[[rule]]\nname = 'takes-" + subject +
           "'\nwhen.subject = '(?i)" + subject + "'\naction = 'create'\n";
  };
  const std::string file = daemon_.write("rules/crm.toml", only("price"));
  const fs::path drop = fs::path(daemon_.write("drop/.keep", "")).parent_path();
  start(config("[rules]\nfolder = '" + file.substr(0, file.rfind('/')) +
               "'\n[mailbox.files]\nmaildir = '" + drop.string() + "'\ndelay_ms = 1000\n"));
  sign_in();
  ASSERT_TRUE(becomes("files", "ready"));
  std::ofstream(drop / "tmp/1.host", std::ios::binary)
      << "From: Ann <ann@shop.example>\r\nSubject: Angebot\r\n\r\nHallo\r\n";
  fs::rename(drop / "tmp/1.host", drop / "new/1.host");
  ASSERT_TRUE(eventually([&] { return one("SELECT reason FROM ops.quarantine") == "no_rule"; }))
      << daemon_.log();
  const std::string before = one("SELECT max(version) FROM ops.rule_set");
  const auto retry = [&] {
    return run_program({kCommand, "--config=" + daemon_.config_file(),
                        "--token-file=" + daemon_.write("token", token_),
                        "--api-url=http://127.0.0.1:" + std::to_string(daemon_.port("api")),
                        "quarantine", "retry", "--all"});
  };
  EXPECT_THAT(retry().output, HasSubstr("quarantined")) << "the rules are what they were";

  daemon_.write("rules/crm.toml", only("angebot"));
  ASSERT_EQ(reload().status, 200);
  const RanProgram taken = retry();

  EXPECT_EQ(taken.exit_code, 0) << taken.output;
  EXPECT_THAT(taken.output, HasSubstr("deal_created"));
  EXPECT_EQ(one("SELECT outcome || ' ' || rule_id FROM ops.mail"), "deal_created takes-angebot");
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
  const std::string now = one("SELECT max(version) FROM ops.rule_set");
  EXPECT_NE(now, before);
  EXPECT_EQ(one("SELECT string_agg(outcome || ' ' || rule_set_version, ', ' ORDER BY id) FROM "
                "ops.quarantine_attempt WHERE action = 'retry'"),
            "quarantined " + before + ", deal_created " + now);
}

using SettingsReload = SystemTest;

TEST_F(SettingsReload, HowLongAnAnswerIsKeptChangesWithoutARestart) {
  start(config());
  const std::string file = "--config=" + daemon_.config_file();
  ASSERT_EQ(run_program({kCommand, file, "user", "add", "--admin", "ops"}).exit_code, 0);
  const RanProgram made = run_program(
      {kCommand, file, "--json", "token", "create", "--user=ops", "--name=test", "--scopes=admin"});
  const auto token = Json::parse(made.output);
  ASSERT_TRUE(token) << made.output;
  const auto kept_hours = [&](const std::string& key) {
    const auto answer = HttpClient(daemon_.port("api"))
                            .post("/api/v1/deals", R"({"name":"x"})",
                                  {{"Authorization", "Bearer " + token->find("token")->as_string()},
                                   {"Idempotency-Key", key},
                                   {"Content-Type", "application/json"}});
    EXPECT_EQ(answer.status, 201) << answer.body;
    return TempPostgres::shared()
        .query(database_,
               "SELECT extract(epoch FROM expires_at - created_at)::bigint / 3600 "
               "FROM ops.idempotency_key WHERE key = '" +
                   key + "'")
        .front();
  };
  ASSERT_EQ(kept_hours("before"), "72");

  rewrite(config("[idempotency]\nkeep_hours = 5\n"));
  ASSERT_EQ(reload().status, 200);

  EXPECT_EQ(kept_hours("after"), "5");
}

}  // namespace
}  // namespace c360::testing
