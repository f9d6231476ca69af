// A message from the request to the mail server, the answer back to its record; a daemon that is
// killed while it sends; the secret of the account nowhere.
#include <signal.h>

#include "tests/support/scripted_imap_server.h"
#include "tests/support/smtp_server.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class Messages : public SystemTest {
 protected:
  std::string smtp(const std::string& more = {}) {
    return "[smtp]\nhost = '127.0.0.1'\nport = " + std::to_string(server_.port()) +
           "\nusername = 'crm@company.example'\npassword_file = '" +
           daemon_.write("smtp-password", "PLANTED-SECRET\n") + "'\nca_file = '" +
           server_.ca_file() + "'\nfrom = 'crm@company.example'\n" + more;
  }
  std::string mailbox() {
    return "[mailbox.answers]\nhost = '127.0.0.1'\ntls = 'none'\nallow_plain = true\n"
           "username = 'ann'\ndelay_ms = 1000\nport = " +
           std::to_string(inbox_.port()) + "\npassword_file = '" +
           daemon_.write("imap-password", "secret\n") + "'\n";
  }
  HttpAnswer post(const std::string& path, const std::string& body) {
    return HttpClient(daemon_.port("api"))
        .post("/api/v1" + path, body,
              {{"Authorization", "Bearer " + token_}, {"Content-Type", "application/json"}});
  }
  std::string deal() {
    const HttpAnswer made = post("/deals", R"({"name":"Поставка"})");
    EXPECT_EQ(made.status, 201) << made.body;
    return made.json().find("id")->number_text();
  }
  HttpAnswer send(const std::string& deal) {
    return post("/messages", R"({"channel":"email","record_id":)" + deal +
                                 R"(,"address":"anna@customer.example","subject":"Предложение",)"
                                 R"("text":"Здравствуйте!"})");
  }
  static std::string header(const ReceivedMail& mail, const std::string& name) {
    const auto at = mail.bytes.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const auto begin = at + name.size() + 4;
    return mail.bytes.substr(begin, mail.bytes.find("\r\n", begin) - begin);
  }

  SmtpServer server_{{.password = "PLANTED-SECRET"}};
  ScriptedImapServer inbox_;
};

TEST_F(Messages, AnswerToAMailFindsTheRecordTheMailWasAbout) {
  start(config(smtp() + mailbox()));
  sign_in();
  const std::string about = deal();

  const HttpAnswer sent = send(about);
  ASSERT_EQ(sent.status, 201) << sent.body;
  ASSERT_TRUE(eventually([&] { return server_.mails().size() == 1; }));
  const std::string id = header(server_.mails().front(), "Message-ID");
  inbox_.account().add("INBOX",
                       "From: Anna <anna@customer.example>\r\nTo: crm@company.example\r\n"
                       "Message-ID: <answer@customer.example>\r\nSubject: Re: a word of her own\r\n"
                       "In-Reply-To: " +
                           id + "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nСогласна.\r\n");

  EXPECT_TRUE(eventually([&] {
    return one("SELECT count(*) FROM crm.activity WHERE parent_record_id = " + about +
               " AND mail_message_id IS NOT NULL") == "1";
  }));
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
  EXPECT_EQ(one("SELECT status FROM crm.outbound_message"), "sent");
}

TEST_F(Messages, ServerIsSetUpWhileTheDaemonRunsAndItsSecretIsNowhere) {
  start(config());
  sign_in();
  const std::string about = deal();
  EXPECT_EQ(send(about).field("code"), "channel_off");

  rewrite(config(smtp()));
  ASSERT_TRUE(eventually([&] {
    return one("SELECT coalesce(bool_or(is_on), false) FROM ops.service_switch "
               "WHERE service = 'email'") == "t";
  }));
  const HttpAnswer sent = send(about);

  ASSERT_EQ(sent.status, 201) << sent.body;
  EXPECT_TRUE(eventually([&] { return server_.mails().size() == 1; }));
  server_.at("AUTH", {.reply = "535 5.7.8 PLANTED-SECRET is wrong"});
  send(about);
  EXPECT_TRUE(eventually([&] {
    return one("SELECT count(*) FROM crm.outbound_message WHERE reason = 'sign_in'") == "1";
  }));
  EXPECT_THAT(daemon_.log(), Not(HasSubstr("PLANTED")));
  EXPECT_THAT(daemon_.log(), Not(HasSubstr("customer.example")));
  EXPECT_THAT(admin_get("/-/config").body, Not(HasSubstr("PLANTED")));
  EXPECT_THAT(admin_get("/metrics").body, Not(HasSubstr("PLANTED")));
  EXPECT_EQ(one("SELECT string_agg(outcome, ' ' ORDER BY id) FROM ops.service_call "
                "WHERE service = 'email' AND operation = 'submit'"),
            "found auth");
  for (const std::string table :
       {"crm.outbound_message", "ops.service_gate", "ops.service_switch", "ops.service_call"})
    for (const std::string& row :
         TempPostgres::shared().query(database_, "SELECT t::text FROM " + table + " t"))
      EXPECT_THAT(row, Not(HasSubstr("PLANTED"))) << table;
}

TEST_F(Messages, DaemonKilledWhileItSendsLeavesTheMessageUnclearAndSendsItOnceMore) {
  start(config(smtp()));
  sign_in();
  server_.at(".", {.is_silent = true});
  ASSERT_EQ(send(deal()).status, 201);
  ASSERT_TRUE(eventually([&] {
    const auto said = server_.commands();
    return !said.empty() && said.back() == "DATA";
  }));

  daemon_.signal(SIGKILL);
  daemon_.wait_for_exit();
  EXPECT_EQ(one("SELECT status FROM crm.outbound_message"), "sending");
  one("UPDATE crm.outbound_message SET claimed_until = now() RETURNING 1");
  daemon_.start();
  ASSERT_TRUE(
      eventually([&] { return one("SELECT reason FROM crm.outbound_message") == "unclear"; }));
  one("WITH due AS (UPDATE crm.outbound_message SET next_attempt_at = now() RETURNING 1) "
      "SELECT pg_notify('c360_job', '') FROM due");

  EXPECT_TRUE(eventually([&] { return one("SELECT status FROM crm.outbound_message") == "sent"; }));
  EXPECT_EQ(one("SELECT unclear_attempts FROM crm.outbound_message"), "1");
}

}  // namespace
}  // namespace c360::testing
