// Tokens over time and shared between daemons: a real provider over TLS, a real database.
#include "adapters/token_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <thread>

#include "adapters/curl_http_client.h"
#include "tests/support/manual_clock.h"
#include "tests/support/quiet.h"
#include "tests/support/service_account.h"
#include "tests/support/temp_postgres.h"
#include "tests/support/token_server.h"

namespace c360::adapters {
namespace {

using c360::testing::ManualClock;
using c360::testing::Quiet;
using c360::testing::TempPostgres;
using c360::testing::TestServiceAccount;
using c360::testing::TokenRequest;
using c360::testing::TokenServer;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class TokenKeeperTest : public ::testing::Test {
 protected:
  TokenKeeperTest() {
    settings.token_url = provider.url();
    settings.ca_file = provider.ca_file();
    settings.client_id = "client";
    settings.client_secret = Secret("client secret");
    settings.refresh_token = Secret("consented");
    settings.timeout = seconds{30};
    settings.connect_timeout = seconds{30};
    provider.know("consented");
  }

  std::unique_ptr<TokenKeeper> keeper(const std::string& holder = "one",
                                      const std::string& mailbox = "crm") {
    return std::make_unique<TokenKeeper>(
        mailbox, settings, holder,
        TokenKeeperPorts{database, quiet.observer, clock,
                         [] { return std::make_unique<CurlHttpClient>("test"); }});
  }
  static std::string text(const Result<Secret>& token) {
    return token ? std::string(token->reveal()) : "no token: " + token.error().detail;
  }
  std::vector<std::string> refresh_tokens() const {
    std::vector<std::string> tokens;
    for (const TokenRequest& request : provider.requests())
      tokens.push_back(request.fields.at("refresh_token"));
    return tokens;
  }
  std::string one(const std::string& sql) { return postgres.query(url, sql).at(0); }

  TokenServer provider;
  TempPostgres& postgres = TempPostgres::shared();
  Quiet quiet;
  std::string url = postgres.create_database();
  store::Database database{store::DatabaseOptions{.url = url}, quiet.observer};
  ManualClock clock;
  OAuthSettings settings;
  const Secret none;
};

TEST_F(TokenKeeperTest, AsksOnceAndKeepsTheTokenUntilShortlyBeforeItsEnd) {
  const auto tokens = keeper();
  EXPECT_EQ(text(tokens->token(none)), "access-1");
  clock.advance(seconds{3'600 - 301});
  EXPECT_EQ(text(tokens->token(none)), "access-1");

  clock.advance(seconds{2});

  EXPECT_EQ(text(tokens->token(none)), "access-2");
  EXPECT_EQ(provider.requests().size(), 2U);
}

TEST_F(TokenKeeperTest, TheMarginOfAShortLifeIsATenthOfIt) {
  provider.set_lifetime(100);
  const auto tokens = keeper();
  EXPECT_EQ(text(tokens->token(none)), "access-1");
  clock.advance(seconds{89});
  EXPECT_EQ(text(tokens->token(none)), "access-1");
  clock.advance(seconds{2});
  EXPECT_EQ(text(tokens->token(none)), "access-2");
}

TEST_F(TokenKeeperTest, ARefusedTokenIsExchangedAndNotHandedOutAgain) {
  const auto tokens = keeper();
  const auto first = tokens->token(none);
  ASSERT_TRUE(first);
  EXPECT_EQ(text(tokens->token(*first)), "access-2");
  EXPECT_EQ(text(tokens->token(none)), "access-2");
  EXPECT_EQ(text(tokens->token(*first)), "access-2") << "refused was the former one";
}

TEST_F(TokenKeeperTest, ARotatedRefreshTokenIsUsedNextAlsoByTheNextProcess) {
  provider.rotate(true);
  {
    const auto tokens = keeper();
    const auto first = tokens->token(none);
    ASSERT_TRUE(first);
    ASSERT_EQ(text(tokens->token(*first)), "access-2");
  }
  const auto tokens = keeper("two");
  EXPECT_EQ(text(tokens->token(none)), "access-2") << "it is good, nobody needs to be asked";
  EXPECT_EQ(text(tokens->token(Secret("access-2"))), "access-3");
  EXPECT_THAT(refresh_tokens(), ElementsAre("consented", "refresh-1", "refresh-2"));
}

TEST_F(TokenKeeperTest, ATokenThatOnlyReadsMailIsRefusedAndWhatReplacedItsRefreshTokenIsKept) {
  provider.answer_next({200, R"({"access_token":"narrow","refresh_token":"newest",)"
                             R"("expires_in":3600,"scope":"login:email mail:imap_ro"})"});
  const auto refused = keeper()->token(none);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::upstream_auth);
  EXPECT_EQ(refused.error().reason, "invalid_scope");
  EXPECT_THAT(refused.error().detail, HasSubstr("consent to mail:imap_full"));
  EXPECT_EQ(one("SELECT access_sealed IS NULL FROM ops.oauth_token"), "t") << "nobody may use it";

  // The person widened his consent; the provider knows the newest refresh token alone.
  provider.forget_refresh_tokens();
  provider.know("newest");
  EXPECT_EQ(text(keeper("two")->token(none)), "access-1");
  EXPECT_THAT(refresh_tokens(), ElementsAre("consented", "newest"));
}

TEST_F(TokenKeeperTest, HandsNoTokenOutBeforeItsRefreshTokenIsInTheDatabase) {
  provider.rotate(true);
  // The table is away between the claim and the commit, as if the database had failed there.
  provider.on_request([this](const TokenRequest&) {
    postgres.query(url, "ALTER TABLE ops.oauth_token RENAME TO oauth_token_away");
  });
  const auto tokens = keeper();
  EXPECT_FALSE(tokens->token(none));
  EXPECT_FALSE(tokens->token(none)) << "still not";
  provider.on_request(nullptr);
  postgres.query(url, "ALTER TABLE ops.oauth_token_away RENAME TO oauth_token");

  EXPECT_EQ(text(tokens->token(none)), "access-1");

  EXPECT_THAT(refresh_tokens(), ElementsAre("consented")) << "the rotated one was not thrown away";
  EXPECT_EQ(text(keeper("two")->token(Secret("access-1"))), "access-2");
}

TEST_F(TokenKeeperTest, TwoDaemonsRenewOneAfterTheOtherAndShareWhatTheyGet) {
  provider.rotate(true);
  std::latch asked{1};
  std::promise<void> go;
  provider.on_request([&, answer = go.get_future().share()](const TokenRequest&) {
    asked.count_down();
    answer.wait();
  });
  const auto first = keeper("one");
  const auto second = keeper("two");
  auto by_first = std::async(std::launch::async, [&] { return text(first->token(none)); });
  asked.wait();
  auto by_second = std::async(std::launch::async, [&] { return text(second->token(none)); });
  EXPECT_EQ(by_second.wait_for(std::chrono::milliseconds{300}), std::future_status::timeout);
  go.set_value();

  EXPECT_EQ(by_first.get(), "access-1");
  EXPECT_EQ(by_second.get(), "access-1");
  EXPECT_EQ(provider.requests().size(), 1U);
}

TEST_F(TokenKeeperTest, ADaemonThatDiedWhileRenewingDoesNotBlockTheOthersForEver) {
  ASSERT_EQ(text(keeper()->token(none)), "access-1");
  postgres.query(url,
                 "UPDATE ops.oauth_token SET claimed_by = 'dead', claimed_until = "
                 "clock_timestamp() + interval '1 second'");
  EXPECT_EQ(text(keeper("two")->token(Secret("access-1"))), "access-2");
}

TEST_F(TokenKeeperTest, MailboxesHaveTokensOfTheirOwn) {
  EXPECT_EQ(text(keeper("one", "crm")->token(none)), "access-1");
  EXPECT_EQ(text(keeper("one", "sales")->token(none)), "access-2");
}

TEST_F(TokenKeeperTest, AnotherConsentBeginsAnew) {
  ASSERT_EQ(text(keeper()->token(none)), "access-1");
  settings.refresh_token = Secret("consented again");
  provider.know("consented again");
  EXPECT_EQ(text(keeper()->token(none)), "access-2");
  EXPECT_THAT(refresh_tokens(), ElementsAre("consented", "consented again"));
}

TEST_F(TokenKeeperTest, ANewClientSecretKeepsTheRotatedRefreshToken) {
  provider.rotate(true);
  ASSERT_EQ(text(keeper()->token(none)), "access-1");
  settings.client_secret = Secret("another secret");
  EXPECT_FALSE(keeper()->token(Secret("access-1")));
  EXPECT_THAT(refresh_tokens(), ElementsAre("consented", "refresh-1"));
}

TEST_F(TokenKeeperTest, AServiceAccountAsksAnewEachTimeAndAnotherKeyIsAnotherGrant) {
  provider.delegate("crm@company.example");
  const auto on_time = [&] {
    provider.set_time(std::chrono::floor<seconds>(clock.now().time_since_epoch()).count());
  };
  settings.grant = OAuthGrant::jwt_bearer;
  settings.service_account = Secret(TestServiceAccount::file());
  settings.subject = "crm@company.example";
  settings.scope = "https://mail.google.com/";
  on_time();
  const auto first = keeper();

  EXPECT_EQ(text(first->token(none)), "access-1");
  EXPECT_EQ(text(keeper("two")->token(none)), "access-1") << "daemons share it";
  clock.advance(seconds{3'600});
  on_time();
  EXPECT_EQ(text(first->token(none)), "access-2");
  settings.service_account =
      Secret(TestServiceAccount::file_with(TestServiceAccount::strange_key()));
  EXPECT_THAT(text(keeper()->token(none)), HasSubstr("Invalid JWT Signature"));
}

TEST_F(TokenKeeperTest, NothingInTheDatabaseShowsAToken) {
  provider.rotate(true);
  ASSERT_EQ(text(keeper()->token(none)), "access-1");
  const std::string row =
      one("SELECT to_jsonb(t)::text || encode(refresh_sealed, 'escape') || "
          "encode(access_sealed, 'escape') FROM ops.oauth_token t");
  EXPECT_THAT(row, HasSubstr("crm"));
  for (const char* secret : {"access-1", "refresh-1", "consented", "client secret"})
    EXPECT_THAT(row, Not(HasSubstr(secret)));
}

TEST_F(TokenKeeperTest, CountsEveryOutcomeAndGivesTheClaimBack) {
  const auto tokens = keeper();
  provider.answer_next({503, "{}"});
  EXPECT_EQ(tokens->token(none).error().code, ErrorCode::unavailable);
  provider.answer_next({429, "{}"});
  EXPECT_EQ(tokens->token(none).error().code, ErrorCode::rate_limited);
  provider.forget_refresh_tokens();
  const auto refused = tokens->token(none);
  EXPECT_EQ(refused.error().code, ErrorCode::upstream_auth);
  EXPECT_THAT(refused.error().detail, HasSubstr("mailbox crm"));
  provider.know("consented");
  EXPECT_EQ(text(keeper("two")->token(none)), "access-1") << "the claim of the first is over";

  const std::string metrics = quiet.metrics.serialize();
  const std::string series = "client360_oauth_token_requests_total{mailbox=\"crm\",outcome=\"";
  for (const char* outcome :
       {"found\"} 1", "retryable\"} 1", "quota\"} 1", "auth\"} 1", "permanent\"} 0"})
    EXPECT_THAT(metrics, HasSubstr(series + outcome));
}

TEST_F(TokenKeeperTest, AnInterruptEndsACallUnderWayAndEveryLaterOne) {
  std::latch asked{1};
  std::promise<void> go;
  provider.on_request([&, answer = go.get_future().share()](const TokenRequest&) {
    asked.count_down();
    answer.wait();
  });
  const auto tokens = keeper();
  auto under_way = std::async(std::launch::async, [&] { return tokens->token(none); });
  asked.wait();

  tokens->interrupt();

  const auto ended = under_way.get();  // and not after the provider's answer, which never comes
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().reason, "interrupted");
  EXPECT_EQ(tokens->token(none).error().reason, "interrupted");
  go.set_value();
}

}  // namespace
}  // namespace c360::adapters
