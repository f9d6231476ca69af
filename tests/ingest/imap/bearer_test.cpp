// Signing in with an access token: XOAUTH2 and OAUTHBEARER (RFC 7628).
#include <gmock/gmock.h>

#include <deque>

#include "daemon/base/digest.h"
#include "tests/ingest/imap/client_rig.h"
#include "tests/support/bearer_sign_in.h"

namespace c360::ingest::imap {
namespace {

using c360::testing::BearerSignIn;
using c360::testing::ImapCommand;
using c360::testing::ImapConnection;
using c360::testing::options_for;
using c360::testing::ScriptedImapServer;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// Hands out what a test put in, in order; the last one for ever.
class ListedTokens final : public adapters::AccessTokens {
 public:
  explicit ListedTokens(std::deque<std::string> tokens) : tokens_(std::move(tokens)) {}

  Result<Secret> token(const Secret& refused) override {
    refused_.emplace_back(refused.reveal());
    if (tokens_.empty()) return fail(ErrorCode::upstream_auth, "consent again", "invalid_grant");
    Secret next{tokens_.front()};
    if (tokens_.size() > 1) tokens_.pop_front();
    return next;
  }
  void interrupt() override { interrupted = true; }
  const std::vector<std::string>& refused() const { return refused_; }

  bool interrupted = false;

 private:
  std::deque<std::string> tokens_;
  std::vector<std::string> refused_;
};

class Bearer : public ::testing::Test {
 protected:
  Result<void> connect(const ScriptedImapServer& server, AuthMechanism auth) {
    ImapOptions options = options_for(server);
    options.username = "someuser@example.com";
    options.password = Secret();
    options.auth = auth;
    return make_imap_mailbox(options, tokens)->connect();
  }
  Error refused(const ScriptedImapServer& server, AuthMechanism auth = AuthMechanism::automatic) {
    const auto connected = connect(server, auth);
    EXPECT_FALSE(connected);
    return connected ? Error{} : connected.error();
  }
  std::shared_ptr<ListedTokens> tokens =
      std::make_shared<ListedTokens>(std::deque<std::string>{"token-1"});
};

TEST_F(Bearer, SendsTheMessagesTheProvidersPublish) {
  const std::string token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";
  tokens = std::make_shared<ListedTokens>(std::deque<std::string>{token});
  ScriptedImapServer server({.capabilities = "IMAP4rev1 SASL-IR AUTH=XOAUTH2"});
  const BearerSignIn sign_in{server, [&](const std::string& each) { return each == token; }};

  ASSERT_TRUE(connect(server, AuthMechanism::automatic));

  EXPECT_THAT(server.transcript(),
              Contains("AUTHENTICATE XOAUTH2 "
                       "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRj"
                       "Mk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="));

  ASSERT_TRUE(connect(server, AuthMechanism::oauthbearer));

  EXPECT_EQ(sign_in.messages().back(),
            "n,a=someuser@example.com,\x01host=127.0.0.1\x01port=" + std::to_string(server.port()) +
                "\x01"
                "auth=Bearer " +
                token + "\x01\x01");
}

TEST_F(Bearer, WaitsForTheServerWhereItTakesNothingOnTheCommandLine) {
  // Yandex: neither SASL-IR nor the mechanism is listed.
  ScriptedImapServer server({.capabilities = "IMAP4rev1 AUTH=PLAIN ID"});
  const BearerSignIn sign_in{server, [](const std::string& token) { return token == "token-1"; }};

  ASSERT_TRUE(connect(server, AuthMechanism::automatic));

  EXPECT_THAT(server.transcript(), Contains("AUTHENTICATE XOAUTH2"));
  EXPECT_THAT(sign_in.answers(), IsEmpty());
}

TEST_F(Bearer, TakesTheStandardMechanismWhereItIsTheOnlyOneListed) {
  ScriptedImapServer server({.capabilities = "IMAP4rev1 SASL-IR AUTH=OAUTHBEARER"});
  const BearerSignIn sign_in{server, [](const std::string& token) { return token == "token-1"; }};
  ASSERT_TRUE(connect(server, AuthMechanism::automatic));
  EXPECT_THAT(server.transcript(), Contains(StartsWith("AUTHENTICATE OAUTHBEARER ")));
}

TEST_F(Bearer, EscapesTheUserNameOfTheStandardMessage) {
  ScriptedImapServer server({.capabilities = "IMAP4rev1 AUTH=OAUTHBEARER"});
  const BearerSignIn sign_in{server, [](const std::string& token) { return token == "token-1"; }};
  ImapOptions options = options_for(server);
  options.username = "a,b=c";
  ASSERT_TRUE(make_imap_mailbox(options, tokens)->connect());
  EXPECT_THAT(sign_in.messages().back(), StartsWith("n,a=a=2Cb=3Dc,\x01"));
}

TEST_F(Bearer, AnswersTheChallengeAndExchangesARefusedTokenOnce) {
  tokens = std::make_shared<ListedTokens>(std::deque<std::string>{"token-1", "token-2"});
  for (const auto& [auth, answer] :
       {std::pair{AuthMechanism::xoauth2, ""}, {AuthMechanism::oauthbearer, "AQ=="}}) {
    for (const char* capabilities : {"IMAP4rev1", "IMAP4rev1 SASL-IR"}) {
      tokens = std::make_shared<ListedTokens>(std::deque<std::string>{"token-1", "token-2"});
      ScriptedImapServer server({.capabilities = capabilities});
      const BearerSignIn sign_in{server,
                                 [](const std::string& token) { return token == "token-2"; }};

      const auto connected = connect(server, auth);

      ASSERT_TRUE(connected) << connected.error().detail;
      EXPECT_THAT(sign_in.answers(), ElementsAre(answer));
      EXPECT_THAT(tokens->refused(), ElementsAre("", "token-1"));
      EXPECT_EQ(sign_in.messages().size(), 2U);
    }
  }
}

TEST_F(Bearer, ASecondRefusalIsAnAuthenticationErrorThatTellsWhatTheServerSaid) {
  ScriptedImapServer server({.capabilities = "IMAP4rev1 SASL-IR"});
  const BearerSignIn sign_in{server, [](const std::string&) { return false; }};

  const Error error = refused(server);

  EXPECT_EQ(error.code, ErrorCode::upstream_auth);
  EXPECT_EQ(error.reason, "authenticationfailed");
  EXPECT_THAT(error.detail, HasSubstr(R"("status":"401")"));
  EXPECT_THAT(error.detail, Not(HasSubstr("token-1")));
  EXPECT_EQ(sign_in.messages().size(), 2U) << "not tried a third time";
}

TEST_F(Bearer, ARefusalThatPassesCostsNoToken) {
  for (const auto& [line, code] :
       {std::pair{"NO [UNAVAILABLE] AUTHENTICATE internal server error sc=TESTSC",
                  ErrorCode::unavailable},
        {"NO [ALERT] Too many simultaneous connections. (Failure)", ErrorCode::rate_limited},
        {"BAD User is authenticated but not connected.", ErrorCode::unavailable}}) {
    tokens = std::make_shared<ListedTokens>(std::deque<std::string>{"token-1"});
    ScriptedImapServer server({.capabilities = "IMAP4rev1 SASL-IR"});
    server.on("AUTHENTICATE", [line](ImapConnection& client, const ImapCommand& command) {
      client.line(command.tag + " " + line);
    });
    EXPECT_EQ(refused(server).code, code) << line;
    EXPECT_THAT(tokens->refused(), ElementsAre("")) << line;
  }
}

TEST_F(Bearer, WithoutATokenNothingIsConnected) {
  tokens = std::make_shared<ListedTokens>(std::deque<std::string>{});
  const ScriptedImapServer server;

  const Error error = refused(server);

  EXPECT_EQ(error.code, ErrorCode::upstream_auth);
  EXPECT_EQ(error.reason, "invalid_grant");
  EXPECT_THAT(server.transcript(), IsEmpty());
}

TEST_F(Bearer, NeverShowsATokenAServerSendsBack) {
  ScriptedImapServer server({.capabilities = "IMAP4rev1 SASL-IR"});
  server.on("AUTHENTICATE", [](ImapConnection& client, const ImapCommand& command) {
    client.line("+ " + to_base64("you said token-1"));
    client.read_line();
    client.line(command.tag + " NO " + command.arguments + " token-1");
  });

  const Error error = refused(server);

  EXPECT_THAT(error.detail, Not(HasSubstr("token-1")));
  EXPECT_THAT(error.detail, Not(HasSubstr("dXNlcj")));
  EXPECT_THAT(error.detail, HasSubstr("***"));
}

TEST_F(Bearer, RefusesAUserNameThatWouldFrameAnotherMessage) {
  const ScriptedImapServer server;
  ImapOptions options = options_for(server);
  options.username =
      "ann\x01"
      "auth=Bearer other";
  EXPECT_EQ(make_imap_mailbox(options, tokens)->connect().error().reason, "login_refused");
  EXPECT_THAT(server.transcript(), IsEmpty());
}

TEST_F(Bearer, SendsATokenTooLongForACommandLineWhenTheServerAsks) {
  const std::string token(12'000, 't');
  tokens = std::make_shared<ListedTokens>(std::deque<std::string>{token});
  ScriptedImapServer server({.capabilities = "IMAP4rev1 SASL-IR"});
  const BearerSignIn sign_in{server, [&](const std::string& each) { return each == token; }};
  ASSERT_TRUE(connect(server, AuthMechanism::automatic));
  EXPECT_THAT(server.transcript(), Contains("AUTHENTICATE XOAUTH2"));
}

TEST_F(Bearer, AnInterruptReachesTheTokens) {
  const ScriptedImapServer server;
  const auto mailbox = make_imap_mailbox(options_for(server), tokens);
  mailbox->interrupt();
  EXPECT_TRUE(tokens->interrupted);
}

}  // namespace
}  // namespace c360::ingest::imap
