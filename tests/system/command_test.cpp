// The operator's command against the running service.
#include "tests/support/dovecot.h"
#include "tests/support/openapi_validator.h"
#include "tests/support/scripted_imap_server.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;

class Command : public SystemTest {
 protected:
  RanProgram client360(std::vector<std::string> words) {
    words.insert(words.begin(), {kCommand, "--config=" + daemon_.config_file()});
    return run_program(words, environment_);
  }
  // A configuration that names the ports the running service got.
  void pin_ports(const std::string& rest = {}) {
    rewrite("[database]\nurl = '" + database_ +
            "'\n[admin]\nlisten = '127.0.0.1:" + std::to_string(daemon_.port("admin")) +
            "'\n[api]\nlisten = '127.0.0.1:" + std::to_string(daemon_.port("api")) + "'\n" + rest);
  }
  void make_operator() {
    const RanProgram user = client360({"user", "add", "--admin", "admin@example.test"});
    ASSERT_EQ(user.exit_code, 0) << user.output;
    const RanProgram token = client360({"--json", "token", "create", "--user=admin@example.test",
                                        "--name=operator", "--scopes=admin"});
    ASSERT_EQ(token.exit_code, 0) << token.output;
    environment_["CLIENT360_TOKEN"] = Json::parse(token.output)->find("token")->as_string();
  }
  std::map<std::string, std::string> environment_;
};

TEST_F(Command, FromAnEmptyDatabaseToATokenThatWorks) {
  database_ = TempPostgres::shared().create_empty_database();
  rewrite(config());
  EXPECT_EQ(client360({"check"}).exit_code, 4);
  EXPECT_EQ(client360({"migrate"}).exit_code, 0);
  EXPECT_EQ(client360({"check"}).exit_code, 0);
  make_operator();
  // Asking again for what is there is no mistake.
  EXPECT_THAT(client360({"user", "add", "admin@example.test"}).output, HasSubstr("exists"));

  daemon_.start();
  daemon_.wait_until_ready();
  HttpClient api(daemon_.port("api"), environment_["CLIENT360_TOKEN"]);
  EXPECT_EQ(api.get("/api/v1/deals").status, 200);

  const RanProgram list = client360({"token", "list"});
  EXPECT_THAT(list.output, HasSubstr("operator"));
  EXPECT_EQ(client360({"token", "revoke", "1"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return api.get("/api/v1/deals").status == 401; }));
}

TEST_F(Command, JobsAreListedRunWatchedAndTheirSchedulesChanged) {
  start(config());
  make_operator();
  pin_ports();
  EXPECT_THAT(client360({"job", "schedules"}).output, HasSubstr("purge_jobs"));
  const RanProgram ran = client360({"job", "run", "purge_jobs", "--watch"});
  EXPECT_EQ(ran.exit_code, 0) << ran.output << daemon_.log();
  EXPECT_THAT(ran.output, HasSubstr("done"));
  EXPECT_THAT(client360({"job", "list", "--status=done"}).output, HasSubstr("purge_jobs"));
  EXPECT_THAT(client360({"job", "runs", "--job=purge_jobs"}).output, HasSubstr("ok"));
  EXPECT_THAT(client360({"job", "pause", "purge_jobs"}).output, HasSubstr("paused           yes"));
  EXPECT_THAT(client360({"job", "cron", "purge_jobs", "15 4 * * *"}).output,
              HasSubstr("15 4 * * *"));
  EXPECT_THAT(client360({"job", "cron", "purge_jobs", "often"}).output, HasSubstr("/cron"));
  EXPECT_EQ(client360({"job", "resume", "purge_jobs"}).exit_code, 0);
  EXPECT_EQ(client360({"job", "watch", "999999"}).exit_code, 1);
  EXPECT_THAT(client360({"job", "retry", "--all"}).output, HasSubstr("0 failed jobs"));
}

// A token shown to nobody; or written to the database, whose connection got the number of standard
// output.
TEST_F(Command, WhatCannotBePrintedIsAFailure) {
  rewrite(config());
  make_operator();
  const std::string create = "'" + kCommand + "' --config='" + daemon_.config_file() +
                             "' token create --user=admin@example.test --name=lost --scopes=admin ";
  int id = 2;
  for (const std::string where : {">/dev/full", ">&-", ">&- <&-"}) {
    const RanProgram ran = run_program({"/bin/sh", "-c", create + where});
    EXPECT_EQ(ran.exit_code, 1) << where << ran.output;
    EXPECT_THAT(ran.output, HasSubstr("client360 token revoke " + std::to_string(id++))) << where;
  }
  EXPECT_EQ(client360({"token", "list"}).exit_code, 0);
}

// Where a person or a program looks for it: readiness, the mailbox of the API, the command.
TEST_F(Command, HowFarTheFirstSyncOfAMailboxIsIsShown) {
  ScriptedImapServer server;
  for (int i = 1; i <= 5; ++i)
    server.account().add(
        "INBOX", "From: a" + std::to_string(i) + "@example.org\r\nSubject: Offer\r\n\r\nHello\r\n");
  // The last two are refused, each alone, until they are not.
  server.misbehave("UID FETCH", 0, [&server](ImapConnection& client, const ImapCommand& command) {
    if (command.asks_for(4) || command.asks_for(5)) return client.no(command, "not now");
    server.answer(client, command);
  });
  daemon_.write("secret", "secret");
  const std::string box =
      "[mail]\nbatch_messages = 1\n[mailbox.sales]\nhost = '127.0.0.1'\nport = " +
      std::to_string(server.port()) +
      "\ntls = 'none'\nallow_plain = true\nusername = 'ann'\npassword_file = 'secret'\n"
      "delay_ms = 1000\n";
  start(config(box));
  make_operator();
  pin_ports(box);
  HttpClient api(daemon_.port("api"), environment_["CLIENT360_TOKEN"]);
  const auto in_readiness = [&] {
    const Json ready = admin_get("/readyz").json();
    const Json* sync = ready.find("mailboxes")->as_array().at(0).find("first_sync");
    return sync->find("done")->number_text() + " of " + sync->find("total")->number_text();
  };
  const auto in_api = [&] {
    const HttpAnswer box_now = api.get("/api/v1/mail/mailboxes?fields=sync_done,sync_total");
    return box_now.field("items/0/sync_done") + " of " + box_now.field("items/0/sync_total");
  };

  EXPECT_TRUE(eventually([&] { return in_readiness() == "3 of 5"; })) << in_readiness();
  EXPECT_EQ(in_api(), "3 of 5");
  const RanProgram half = client360({"mailbox", "list"});
  EXPECT_THAT(half.output, HasSubstr("FIRST SYNC"));
  EXPECT_THAT(half.output, HasSubstr(" 3 of 5"));
  server.heal();
  (void)one("UPDATE ops.mail_message SET next_attempt_at = now() RETURNING 1");

  EXPECT_TRUE(eventually([&] { return in_readiness() == "5 of 5"; })) << in_readiness();
  EXPECT_EQ(in_api(), "5 of 5");
  EXPECT_THAT(client360({"mailbox", "list"}).output, HasSubstr(" 5 done"));
}

TEST_F(Command, AMailThatWasReadBeforeWeCameIsTakenInAfterAll) {
  ScriptedImapServer server;
  server.account().add("INBOX", "From: a@example.org\r\nSubject: Offer\r\n\r\nHello\r\n");
  server.account().change([](auto& folders) { folders["INBOX"].front().flags = {"\\Seen"}; });
  daemon_.write("secret", "secret");
  const std::string box =
      "[mailbox.sales]\nhost = '127.0.0.1'\nport = " + std::to_string(server.port()) +
      "\ntls = 'none'\nallow_plain = true\nusername = 'ann'\npassword_file = 'secret'\n"
      "delay_ms = 1000\n";
  start(config(box));
  make_operator();
  pin_ports(box);
  ASSERT_TRUE(eventually([&] { return one("SELECT rule_id FROM ops.mail") == "already-seen"; }));
  const std::string id = one("SELECT id FROM ops.mail");

  const RanProgram taken = client360({"mail", "process", id});

  EXPECT_EQ(taken.exit_code, 0) << taken.output;
  EXPECT_TRUE(eventually([&] { return one("SELECT outcome FROM ops.mail") == "deal_created"; }));
  const RanProgram again = client360({"mail", "process", id});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.output, HasSubstr("deal_created"));
}

TEST_F(Command, MailIsListedShownAndProbed) {
  Dovecot dovecot;
  dovecot.deliver("sales",
                  "From: a@example.org\r\nTo: sales@example.test\r\n"
                  "Subject: nothing in it\r\n\r\n");
  daemon_.write("secret", dovecot.options().password);
  const std::string box =
      "[mailbox.sales]\nhost = '127.0.0.1'\nport = " + std::to_string(dovecot.imaps_port()) +
      "\nusername = 'sales'\npassword_file = 'secret'\ndelay_ms = 1000\n"
      "ca_file = '" +
      dovecot.ca_file() + "'\n";
  start(config(box));
  make_operator();
  pin_ports(box);

  const RanProgram probed = client360({"mailbox", "probe", "sales"});
  EXPECT_EQ(probed.exit_code, 0) << probed.output;
  EXPECT_THAT(probed.output, HasSubstr("INBOX"));
  EXPECT_TRUE(eventually([&] {
    return client360({"quarantine", "list"}).output.contains("empty_body");
  })) << client360({"quarantine", "list"}).output
      << daemon_.log();
  EXPECT_THAT(client360({"mailbox", "list"}).output, HasSubstr("sales"));
  // It is still unread on the server, and no mail to list: it is held.
  const RanProgram doctor = client360({"doctor"});
  EXPECT_THAT(doctor.output, HasSubstr("0 mails to list"));
  EXPECT_THAT(doctor.output, HasSubstr("1 listed, 0 pending, 1 in quarantine"));
  EXPECT_THAT(client360({"mail", "show", "1"}).output, HasSubstr("quarantined"));
  const RanProgram why = client360({"mail", "explain", "1"});
  EXPECT_EQ(why.exit_code, 0) << why.output;
  EXPECT_THAT(why.output, HasSubstr("why it made nothing: rules: empty_body"));
  EXPECT_THAT(why.output, HasSubstr("subject: nothing in it"));
  const auto json = Json::parse(client360({"--json", "mail", "explain", "1"}).output);
  ASSERT_TRUE(json);
  EXPECT_TRUE(json->find("reproduced")->as_bool());
  HttpClient api(daemon_.port("api"), environment_["CLIENT360_TOKEN"]);
  const OpenApiValidator schema(api.get("/api/v1/openapi.json").body);
  HttpExchange exchange{.method = "GET", .target = "/api/v1/mail/messages/1/explain"};
  exchange.answer = api.get(exchange.target);
  EXPECT_THAT(schema.check(exchange), ::testing::IsEmpty());
  EXPECT_THAT(api.get("/api/v1/mail/messages/1/explain.html").body, HasSubstr("empty_body"));

  const RanProgram again =
      client360({"quarantine", "retry", "--all", "--reason=empty_body", "--mailbox=sales"});
  EXPECT_EQ(again.exit_code, 0) << again.output;
  EXPECT_THAT(again.output, HasSubstr("quarantined"));
  EXPECT_THAT(client360({"quarantine", "retry", "--all", "--reason=oversize"}).output,
              HasSubstr("nothing of that kind"));
  EXPECT_THAT(client360({"quarantine", "show", "1"}).output, HasSubstr("retry"));
  EXPECT_EQ(client360({"quarantine", "target", "1", "999"}).exit_code, 1);
  EXPECT_EQ(client360({"quarantine", "target", "1", "none"}).exit_code, 0);
  EXPECT_EQ(client360({"quarantine", "discard", "1"}).exit_code, 1);
  EXPECT_EQ(client360({"quarantine", "discard", "1", "--comment=no use"}).exit_code, 0);
  EXPECT_THAT(client360({"quarantine", "list"}).output, HasSubstr("the quarantine is empty"));
}

TEST_F(Command, AComparisonIsMadeAtOnceAlthoughTheNextPassIsAnHourAway) {
  Dovecot dovecot;
  dovecot.deliver("sales", "From: a@example.org\r\nSubject: one\r\n\r\n");
  daemon_.write("secret", dovecot.options().password);
  const std::string box =
      "[mailbox.sales]\nhost = '127.0.0.1'\nport = " + std::to_string(dovecot.imaps_port()) +
      "\nusername = 'sales'\npassword_file = 'secret'\ndelay_ms = 3600000\n"
      "ca_file = '" +
      dovecot.ca_file() + "'\n";
  start(config(box));
  pin_ports(box);
  ASSERT_TRUE(becomes("sales", "ready"));
  // A mail the ledger does not know of: its row is taken away behind the program's back.
  TempPostgres::shared().execute(database_,
                                 "ALTER TABLE ops.mail_message DISABLE TRIGGER mail_message_kept;"
                                 "DELETE FROM ops.quarantine; DELETE FROM ops.mail_content;"
                                 "DELETE FROM ops.mail_message;"
                                 "ALTER TABLE ops.mail_message ENABLE TRIGGER mail_message_kept");

  const RanProgram compared = client360({"--json", "mailbox", "compare", "sales"});

  // Healed; and the row that was taken away is still missed by the sum.
  EXPECT_EQ(compared.exit_code, 1) << compared.output << daemon_.log();
  const auto shown = Json::parse(compared.output);
  ASSERT_TRUE(shown) << compared.output;
  EXPECT_EQ(shown->find("folders")->as_array().at(0).find("server")->number_text(), "1");
  EXPECT_EQ(shown->find("listed")->number_text(), "2");
  EXPECT_FALSE(shown->find("holds")->as_bool());
  EXPECT_THAT(client360({"mailbox", "list"}).output, HasSubstr("BROKEN"));
}

TEST_F(Command, ReloadShowsEveryProblem) {
  start(config());
  pin_ports("[log]\nlevel = 'loud'\n");

  const RanProgram refused = client360(
      {"reload", "--admin-url=http://127.0.0.1:" + std::to_string(daemon_.port("admin"))});

  EXPECT_EQ(refused.exit_code, 3) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("client360.toml:8:9: log.level"));
  pin_ports();
  EXPECT_EQ(client360({"reload"}).exit_code, 0);
}

TEST_F(Command, TheDoctorNamesTheRemedy) {
  start(config());
  pin_ports(
      "[mailbox.gone]\nhost = '127.0.0.1'\nport = 1\nusername = 'u'\n"
      "password_file = 'secret'\n");
  daemon_.write("secret", "x");

  const RanProgram sick = client360({"doctor"});
  EXPECT_EQ(sick.exit_code, 1) << sick.output;
  EXPECT_THAT(sick.output, HasSubstr("mailbox gone"));
  EXPECT_THAT(sick.output, HasSubstr("check host, port and tls"));

  pin_ports();
  const RanProgram well = client360({"--json", "doctor"});
  EXPECT_EQ(well.exit_code, 0) << well.output;
  EXPECT_TRUE(Json::parse(well.output).has_value());
  EXPECT_THAT(well.output, HasSubstr("\"check\":\"renderer\""));
}

TEST_F(Command, TheDoctorNamesAnOutsideServiceThatDoesNotWork) {
  start(config());
  pin_ports(
      "[dadata]\napi_key_file = 'key'\nsuggestions_url = 'https://127.0.0.1:1'\n"
      "profile_url = 'https://127.0.0.1:1'\n");
  daemon_.write("key", "x");
  ASSERT_EQ(client360({"reload"}).exit_code, 0);
  make_operator();
  ASSERT_EQ(client360({"adapter", "probe", "dadata"}).exit_code, 1);

  const RanProgram doctor = client360({"doctor"});

  EXPECT_EQ(doctor.exit_code, 0) << "it works without: " << doctor.output;
  EXPECT_THAT(doctor.output, HasSubstr("degraded dadata"));
}

TEST_F(Command, ADryRunNeedsNoService) {
  rewrite(config());
  const auto mail = daemon_.write(
      "form.eml",
      "From: form@example.org\r\nTo: crm@example.test\r\nSubject: Request for a quote\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n\r\nCompany: ACME\r\nName: John Doe\r\n");

  const RanProgram tested = client360({"--json", "rules", "test", mail});

  EXPECT_EQ(tested.exit_code, 0) << tested.output;
  const auto outcome = Json::parse(tested.output);
  ASSERT_TRUE(outcome) << tested.output;
  EXPECT_EQ(outcome->find("outcome")->as_string(), "deal_created");
}

}  // namespace
}  // namespace c360::testing
