// A mailbox that signs in with tokens, through the real binary: the token ends while mails flow,
// the consent is withdrawn and given again.
#include <fmt/format.h>

#include <atomic>

#include "tests/support/bearer_sign_in.h"
#include "tests/support/service_account.h"
#include "tests/support/token_server.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string request_mail(int number) {
  return fmt::format(
      "From: Site <site@shop.example>\r\nMessage-ID: <{0}@shop.example>\r\n"
      "Subject: Запрос стоимости\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
      "Компания: ООО «Пример {0}»\r\nE-mail: p{0}@primer.example\r\n",
      number);
}

class OAuthMailbox : public SystemTest {
 protected:
  OAuthMailbox() {
    provider_.know("consented");
    provider_.rotate(true);
    // As Gmail ends a session whose token has run out.
    for (const char* name : {"SELECT", "UID SEARCH", "UID FETCH", "UID STORE", "NOOP"})
      server_.on(name, [this](ImapConnection& client, const ImapCommand& command) {
        if (before_command_) before_command_(command);
        if (!provider_.good(sign_in_.token_of(client).value_or(""))) {
          client.line("* BYE Session expired, please login again.");
          client.close();
        }
        server_.answer(client, command);
      });
    daemon_.write("refresh", "consented\n");
    daemon_.write("client", "client secret\n");
    daemon_.write("password", "secret\n");
  }

  std::string mailboxes() const {
    const std::string common =
        "host = '127.0.0.1'\ntls = 'none'\nallow_plain = true\nusername = 'ann'\n"
        "delay_ms = 1000\n";
    return "[mail]\nbatch_messages = 5\n[mailbox.tokens]\n" + common +
           fmt::format("port = {}\noauth_token_url = '{}'\noauth_ca_file = '{}'\n", server_.port(),
                       provider_.url(), provider_.ca_file()) +
           "oauth_client_id = 'client'\noauth_client_secret_file = 'client'\n"
           "oauth_refresh_token_file = 'refresh'\n[mailbox.words]\n" +
           common + fmt::format("port = {}\npassword_file = 'password'\n", other_.port());
  }
  std::string one(const std::string& sql) {
    return TempPostgres::shared().query(database_, sql).at(0);
  }
  bool done(const std::string& mailbox, int count) {
    return eventually([&] {
      return one("SELECT count(*) FROM ops.mail m JOIN ops.mailbox b ON b.id = "
                 "m.mailbox_id "
                 "WHERE b.code = '" +
                 mailbox + "' AND m.outcome = 'deal_created' AND m.flagged_at IS NOT NULL") ==
             std::to_string(count);
    });
  }
  std::size_t sign_ins_of_the_other() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        other_.transcript(), [](const std::string& line) { return line.starts_with("AUTH"); }));
  }
  std::vector<std::string> refresh_tokens() const {
    std::vector<std::string> tokens;
    for (const TokenRequest& request : provider_.requests())
      tokens.push_back(request.fields.at("refresh_token"));
    return tokens;
  }

  TokenServer provider_;
  std::function<void(const ImapCommand&)> before_command_;
  ScriptedImapServer server_;
  BearerSignIn sign_in_{server_,
                        [this](const std::string& token) { return provider_.good(token); }};
  ScriptedImapServer other_;
};

TEST_F(OAuthMailbox, LosesNothingWhenTheTokenEndsWhileMailsFlow) {
  constexpr int kMails = 40;
  for (int i = 0; i < kMails; ++i) server_.account().add("INBOX", request_mail(i));
  std::atomic<int> fetches = 0;
  before_command_ = [&](const ImapCommand& command) {
    if (command.name != "UID FETCH") return;
    const int now = ++fetches;
    if (now == 2 || now == 5) provider_.withdraw_access_tokens();
  };

  start(config(mailboxes()));

  ASSERT_TRUE(done("tokens", kMails));
  EXPECT_EQ(one("SELECT count(*) || ' ' || count(DISTINCT uid) FROM ops.mail"),
            fmt::format("{0} {0}", kMails));
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), std::to_string(kMails));
  for (const auto& message : server_.account().messages("INBOX"))
    EXPECT_TRUE(message.flags.contains("\\Seen")) << message.uid;
  EXPECT_THAT(refresh_tokens(), ElementsAre("consented", "refresh-1", "refresh-2"));
  EXPECT_TRUE(becomes("tokens", "ready"));

  other_.account().add("INBOX", request_mail(1'000));
  EXPECT_TRUE(done("words", 1));
  EXPECT_EQ(sign_ins_of_the_other(), 1U) << "the other mailbox was disturbed";
}

TEST_F(OAuthMailbox, SaysThatTheConsentIsGoneAndGoesOnWithANewOne) {
  start(config(mailboxes()));
  ASSERT_TRUE(becomes("tokens", "ready"));
  ASSERT_TRUE(becomes("words", "ready"));
  provider_.forget_refresh_tokens();
  provider_.withdraw_access_tokens();
  server_.account().add("INBOX", request_mail(1));

  ASSERT_TRUE(eventually([&] { return mailbox("tokens").contains("invalid_grant"); }));
  EXPECT_THAT(mailbox("tokens"), HasSubstr("Consent again"));
  EXPECT_GE(metric(R"(client360_oauth_token_requests_total{mailbox="tokens",outcome="auth"})"), 1);
  daemon_.wait_for_log({"event=token_refused", "mailbox=tokens", "reason=invalid_grant"});
  EXPECT_EQ(mailbox("words"), "ready");

  provider_.know("consented again");
  daemon_.write("refresh", "consented again\n");  // nobody tells the daemon

  ASSERT_TRUE(done("tokens", 1));
  EXPECT_TRUE(becomes("tokens", "ready"));
  EXPECT_EQ(sign_ins_of_the_other(), 1U) << "the other mailbox was disturbed";
  const std::string seen =
      daemon_.log() + admin_get("/-/config").body +
      run_program({kDaemon, "--config=" + daemon_.config_file(), "--print=config"}).output;
  EXPECT_THAT(seen, HasSubstr("oauth_refresh_token_file"));
  for (const char* secret : {"consented", "client secret", "access-", "refresh-1"})
    EXPECT_THAT(seen, Not(HasSubstr(secret)));
}

TEST_F(OAuthMailbox, AServiceAccountSignsForTheMailboxAndANewKeyIsTakenAtOnce) {
  provider_.delegate("ann");
  daemon_.write("robot.json", TestServiceAccount::file_with(TestServiceAccount::strange_key()));
  server_.account().add("INBOX", request_mail(1));

  start(
      config(fmt::format("[mailbox.tokens]\nhost = '127.0.0.1'\ntls = 'none'\nallow_plain = true\n"
                         "username = 'ann'\ndelay_ms = 1000\nport = {}\n"
                         "oauth_token_url = '{}'\noauth_ca_file = '{}'\n"
                         "oauth_grant = 'jwt_bearer'\noauth_scope = 'https://mail.google.com/'\n"
                         "oauth_service_account_file = 'robot.json'\n",
                         server_.port(), provider_.url(), provider_.ca_file())));

  ASSERT_TRUE(eventually([&] { return mailbox("tokens").contains("Invalid JWT Signature"); }));
  daemon_.wait_for_log({"event=token_refused", "mailbox=tokens", "reason=invalid_grant"});
  daemon_.write("robot.json", TestServiceAccount::file());  // nobody tells the daemon

  ASSERT_TRUE(done("tokens", 1));
  EXPECT_TRUE(becomes("tokens", "ready"));
  const std::string seen =
      daemon_.log() + admin_get("/-/config").body +
      run_program({kDaemon, "--config=" + daemon_.config_file(), "--print=config"}).output;
  EXPECT_THAT(seen, HasSubstr("robot.json"));
  for (const char* secret : {"PRIVATE KEY", "eyJ", "access-"})
    EXPECT_THAT(seen, Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace c360::testing
