// The token endpoint: what is asked, and what every recorded answer means.
#include "adapters/oauth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "adapters/curl_http_client.h"
#include "tests/support/connect_proxy.h"
#include "tests/support/service_account.h"
#include "tests/support/token_server.h"

namespace c360::adapters {
namespace {

using c360::testing::TestServiceAccount;
using c360::testing::TokenAnswer;
using c360::testing::TokenServer;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string fixture(const std::string& name) {
  std::ifstream file{std::string(C360_SOURCE_DIR) + "/tests/fixtures/oauth/" + name};
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

class OAuth : public ::testing::Test {
 protected:
  OAuth() {
    settings.token_url = provider.url();
    settings.ca_file = provider.ca_file();
    settings.client_id = "client";
    settings.client_secret = Secret("client secret");
    settings.refresh_token = Secret("consented");
    settings.timeout = seconds{30};
    settings.connect_timeout = seconds{30};
  }
  Result<IssuedToken> ask() {
    return request_token(http, settings, settings.refresh_token, SystemClock{}.now());
  }
  Error refused(TokenAnswer answer) {
    provider.answer_next(std::move(answer));
    const auto token = ask();
    EXPECT_FALSE(token);
    return token ? Error{} : token.error();
  }

  TokenServer provider;
  CurlHttpClient http{"test"};
  OAuthSettings settings;
};

TEST_F(OAuth, AsksAsTheStandardSaysAndEncodesEveryValue) {
  settings.client_secret = Secret("s+c&r=t %");
  settings.scope = "https://mail.example/ offline_access";
  provider.answer_next({200, fixture("google_ok.json")});

  ASSERT_TRUE(ask());

  const auto request = provider.requests().front();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/token");
  EXPECT_EQ(request.content_type, "application/x-www-form-urlencoded");
  EXPECT_EQ(
      request.body,
      "grant_type=refresh_token&refresh_token=consented&client_id=client&"
      "client_secret=s%2Bc%26r%3Dt%20%25&scope=https%3A%2F%2Fmail.example%2F%20offline_access");
}

TEST_F(OAuth, OfAnApplicationAsksWithItsOwnCredentials) {
  settings.grant = OAuthGrant::client_credentials;

  ASSERT_TRUE(ask());

  EXPECT_EQ(provider.requests().front().body,
            "grant_type=client_credentials&client_id=client&client_secret=client%20secret");
}

class OAuthServiceAccount : public OAuth {
 protected:
  OAuthServiceAccount() {
    settings.grant = OAuthGrant::jwt_bearer;
    settings.service_account = Secret(TestServiceAccount::file());
    settings.subject = "sales@company.example";
    settings.scope = "https://mail.google.com/";
    settings.client_id.clear();
    settings.client_secret = {};
    settings.refresh_token = {};
    provider.delegate("sales@company.example");
  }
};

TEST_F(OAuthServiceAccount, SignsForTheMailboxAndSendsNothingElse) {
  const auto token = ask();

  ASSERT_TRUE(token) << token.error().detail;
  EXPECT_EQ(token->access.reveal(), "access-1");
  EXPECT_EQ(token->lifetime, seconds{3'600});
  EXPECT_TRUE(token->refresh.empty());
  const auto fields = provider.requests().front().fields;
  EXPECT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields.at("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
  const auto claims = TestServiceAccount::verified(fields.at("assertion"));
  ASSERT_TRUE(claims) << "the signature does not hold";
  EXPECT_EQ(*claims->find("iss"), Json(TestServiceAccount::kEmail));
  EXPECT_EQ(*claims->find("sub"), Json("sales@company.example"));
  EXPECT_EQ(*claims->find("scope"), Json("https://mail.google.com/"));
  EXPECT_EQ(*claims->find("aud"), Json(provider.url()));
  EXPECT_EQ(*claims->find("exp")->as_int64() - *claims->find("iat")->as_int64(), 3'600);
}

TEST_F(OAuthServiceAccount, WhatTheProviderRefusesIsSaidWithWhatToCheck) {
  const std::string key = TestServiceAccount::private_key();
  const auto expect_refused = [&](const std::string& what, const std::string& reason) {
    const auto token = ask();
    ASSERT_FALSE(token) << what;
    EXPECT_EQ(token.error().code, ErrorCode::upstream_auth) << what;
    EXPECT_EQ(token.error().reason, reason) << what;
    EXPECT_THAT(token.error().detail, HasSubstr(what));
    EXPECT_THAT(token.error().detail, HasSubstr("delegated oauth_scope"));
    EXPECT_THAT(token.error().detail, Not(HasSubstr("Consent")));
  };
  settings.service_account =
      Secret(TestServiceAccount::file_with(TestServiceAccount::strange_key()));
  expect_refused("Invalid JWT Signature", "invalid_grant");
  settings.service_account = Secret(TestServiceAccount::file());
  settings.subject = "boss@company.example";
  expect_refused("unauthorized to retrieve", "unauthorized_client");
  settings.subject = "sales@company.example";
  provider.set_time(1'000'000'000);
  expect_refused("short-lived", "invalid_grant");
}

TEST_F(OAuthServiceAccount, AnAssertionThatIsSentBackIsNotShown) {
  std::string sent;
  provider.on_request([&](const testing::TokenRequest& request) {
    sent = request.fields.at("assertion");
    provider.answer_next(
        {400, R"({"error": "invalid_request", "error_description": "you sent )" + sent + "\"}"});
  });

  const auto token = ask();

  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, ErrorCode::upstream_rejected);
  EXPECT_THAT(token.error().detail, HasSubstr("you sent ***"));
  EXPECT_THAT(token.error().detail, Not(HasSubstr(sent)));
}

TEST_F(OAuthServiceAccount, AKeyThatCannotSignIsAnErrorOfItsOwnAndNobodyIsAsked) {
  std::string encrypted = TestServiceAccount::private_key();
  encrypted.replace(encrypted.find("BEGIN PRIVATE"), 13, "BEGIN ENCRYPTED PRIVATE");
  const std::pair<std::string, const char*> cases[] = {
      {"no JSON", "is not the JSON file"},
      {"[]", "is not the JSON file"},
      {R"({"type": "authorized_user"})", "another kind"},
      {R"({"type": "service_account"})", "client_email"},
      {TestServiceAccount::file_with(""), "private_key"},
      {TestServiceAccount::file_with("-----BEGIN PRIVATE KEY-----\nAAAA\n"), "private_key"},
      {TestServiceAccount::file_with(encrypted), "private_key"},
      {TestServiceAccount::file_with(TestServiceAccount::strange_key(1'024)), "2048 bits"},
  };
  for (const auto& [file, what] : cases) {
    settings.service_account = Secret(file);
    const auto token = ask();
    ASSERT_FALSE(token) << what;
    EXPECT_EQ(token.error().code, ErrorCode::invalid_request) << what;
    EXPECT_EQ(token.error().reason, "service_account") << what;
    EXPECT_THAT(token.error().detail, HasSubstr(what));
    EXPECT_THAT(token.error().detail, Not(HasSubstr("BEGIN")));
  }
  EXPECT_THAT(provider.requests(), IsEmpty());
}

TEST_F(OAuth, ReadsTheAnswerOfEveryProvider) {
  struct Case {
    const char* file;
    const char* access;
    int lifetime_s;
    const char* refresh;
  };
  for (const auto& [file, access, lifetime_s, refresh] :
       {Case{"google_ok.json", "ya29.TEST", 3599, ""},
        Case{"microsoft_ok.json", "EwBTEST", 4567, "M.TEST-ROTATED"},
        Case{"yandex_ok.json", "y0_TEST", 31'536'000, "1:TEST"},
        Case{"mailru_ok.json", "TESTMAILRU", 3600, ""}}) {
    provider.answer_next({200, fixture(file)});
    const auto token = ask();
    ASSERT_TRUE(token) << file << ": " << token.error().detail;
    EXPECT_EQ(token->access.reveal(), access) << file;
    EXPECT_EQ(token->lifetime, seconds{lifetime_s}) << file;
    EXPECT_EQ(token->refresh.reveal(), refresh) << file;
  }
}

TEST_F(OAuth, ATokenThatOnlyReadsMailIsToldFromOthersAndKeepsItsRefreshToken) {
  const auto with_scope = [](const std::string& scope) {
    return TokenAnswer{
        200,
        R"({"access_token":"t","refresh_token":"r","expires_in":3600,"scope":")" + scope + "\"}"};
  };
  for (const auto& [scope, reads_only] : {std::pair{"login:email mail:imap_ro", true},
                                          {"mail:imap_full mail:imap_ro", false},
                                          {"mail:imap_full", false},
                                          {"mail:imap_rose", false},
                                          {"", false}}) {
    provider.answer_next(with_scope(scope));
    const auto token = ask();
    ASSERT_TRUE(token) << scope;
    EXPECT_EQ(token->reads_mail_only, reads_only) << scope;
    EXPECT_EQ(token->refresh.reveal(), "r") << scope;
  }
}

TEST_F(OAuth, TakesALifetimeInAnySpelling) {
  for (const auto& [spelled, lifetime_s] : {std::pair{R"("1800")", 1'800},
                                            {"60", 60},
                                            {"0", 3'600},
                                            {"-5", 3'600},
                                            {"null", 3'600},
                                            {R"("soon")", 3'600},
                                            {"99999999999999999999", 400 * 86'400}}) {
    provider.answer_next(
        {200, R"({"access_token":"t","expires_in":)" + std::string(spelled) + "}"});
    const auto token = ask();
    ASSERT_TRUE(token) << spelled;
    EXPECT_EQ(token->lifetime, seconds{lifetime_s}) << spelled;
  }
}

TEST_F(OAuth, EveryRecordedRefusalHasItsClass) {
  struct Case {
    int status;
    const char* file;
    ErrorCode code;
    const char* reason;
  };
  for (const auto& [status, file, code, reason] :
       {Case{400, "invalid_grant.json", ErrorCode::upstream_auth, "invalid_grant"},
        Case{401, "invalid_client.json", ErrorCode::upstream_auth, "invalid_client"},
        Case{400, "ms_aadsts.json", ErrorCode::upstream_auth, "invalid_grant"},
        Case{400, "mailru_string_code.json", ErrorCode::upstream_auth, "invalid_token"},
        Case{503, "temporarily_unavailable.json", ErrorCode::unavailable,
             "temporarily_unavailable"}}) {
    const Error error = refused({status, fixture("errors/" + std::string(file))});
    EXPECT_EQ(error.code, code) << file;
    EXPECT_EQ(error.reason, reason) << file;
    EXPECT_THAT(error.detail, HasSubstr(std::to_string(status))) << file;
  }
  EXPECT_THAT(refused({400, fixture("errors/ms_aadsts.json")}).detail,
              ::testing::AllOf(HasSubstr("AADSTS70000"), HasSubstr("Consent again")));
}

TEST_F(OAuth, OtherAnswersAreJudgedByTheirStatus) {
  const std::string nothing = "{}";
  EXPECT_EQ(refused({500, nothing}).code, ErrorCode::unavailable);
  EXPECT_EQ(refused({403, nothing}).code, ErrorCode::upstream_auth);
  EXPECT_EQ(refused({400, nothing}).code, ErrorCode::upstream_rejected);
  EXPECT_EQ(refused({302, nothing, "text/html", {{"Location", "https://other.example/"}}}).code,
            ErrorCode::upstream_rejected);
  const Error busy = refused({429, nothing, "application/json", {{"Retry-After", "7"}}});
  EXPECT_EQ(busy.code, ErrorCode::rate_limited);
  EXPECT_EQ(busy.retry_after, seconds{7});
  const Error dated = refused(
      {429, nothing, "application/json", {{"Retry-After", "Sun, 22 Nov 2020 00:00:00 GMT"}}});
  EXPECT_EQ(dated.retry_after, seconds{1}) << "a date, which is over";
  const Error later = refused(
      {429, nothing, "application/json", {{"Retry-After", "Fri, 22 Nov 2199 00:00:00 GMT"}}});
  EXPECT_EQ(later.retry_after, seconds{86'400});
}

TEST_F(OAuth, GoesThroughItsProxyWhichSeesNoToken) {
  const c360::testing::ConnectProxy proxy;
  settings.proxy = {.url = proxy.url(), .credentials = Secret("ann:word")};
  provider.answer_next({200, fixture("google_ok.json")});

  ASSERT_TRUE(ask());

  ASSERT_EQ(proxy.requests().size(), 1U);
  EXPECT_THAT(proxy.requests().front(), HasSubstr("Proxy-Authorization: Basic YW5uOndvcmQ="));
  EXPECT_THAT(proxy.requests().front(), Not(HasSubstr("consented")));
}

TEST_F(OAuth, AnswersThatAreNoneAreAskedForAgain) {
  const std::string page = "<html>Under maintenance</html>";
  for (const TokenAnswer& answer :
       {TokenAnswer{200, page, "text/html"}, TokenAnswer{200, ""}, TokenAnswer{200, "[]"},
        TokenAnswer{200, R"({"expires_in":3600})"}, TokenAnswer{200, R"({"access_token":""})"},
        TokenAnswer{200, R"({"access_token":"with\r\nline"})"},
        TokenAnswer{200, R"({"access_token":"t","refresh_token":"a b"})"},
        TokenAnswer{200, R"({"access_token":")" + std::string(20'000, 'x') + R"("})"}}) {
    const Error error = refused(answer);
    EXPECT_EQ(error.code, ErrorCode::unavailable) << answer.body.substr(0, 80);
    EXPECT_EQ(error.reason, "malformed") << answer.body.substr(0, 80);
  }
  EXPECT_EQ(refused({200, R"({"access_token":"t","token_type":"mac"})"}).code,
            ErrorCode::upstream_rejected);
}

TEST_F(OAuth, AnAnswerOverTheLimitIsNotRead) {
  settings.max_answer_bytes = 1'000;
  const Error error = refused({200, std::string(2'000, ' ')});
  EXPECT_EQ(error.code, ErrorCode::upstream_rejected);
  EXPECT_EQ(error.reason, "too_large");
}

TEST_F(OAuth, ShowsNoSecretThatTheProviderSendsBack) {
  const Error error = refused({400, R"({"error":"invalid_request","error_description":)"
                                    R"("bad consented / client secret / client%20secret\u0007"})"});
  EXPECT_EQ(error.code, ErrorCode::upstream_rejected);
  EXPECT_THAT(error.detail, HasSubstr("bad *** / *** / ***"));
  EXPECT_THAT(error.detail, Not(HasSubstr("consented")));
  EXPECT_THAT(error.detail, Not(HasSubstr("\a")));
}

TEST_F(OAuth, TrustsOnlyTheAuthorityItWasTold) {
  const TokenServer stranger;
  settings.token_url = stranger.url();  // and the ca_file of the other one

  const auto token = ask();

  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, ErrorCode::unavailable);
  EXPECT_EQ(token.error().reason, "tls");
  EXPECT_EQ(token.error().retry_after, seconds{300});
  EXPECT_THAT(stranger.requests(), IsEmpty());
}

TEST_F(OAuth, IsNotAskedByPlainHttp) {
  settings.token_url = "http://127.0.0.1:1/token";
  const auto token = ask();
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, ErrorCode::invalid_request);
}

}  // namespace
}  // namespace c360::adapters
