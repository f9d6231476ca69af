// What [mailbox.NAME] says about OAuth 2.0.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config.h"
#include "tests/support/service_account.h"
#include "tests/support/temp_folder.h"

namespace c360::daemon {
namespace {

using c360::testing::TestServiceAccount;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ConfigOAuth : public ::testing::Test {
 protected:
  ConfigOAuth() {
    folder_.write("refresh", "the refresh token\n");
    folder_.write("client", "the client secret\n");
    folder_.write("password", "a password\n");
    folder_.write("ca.pem", "a certificate");
  }
  std::expected<Config, Problems> load(const std::string& text) const {
    const Surroundings surroundings{[](const std::string&) { return std::nullopt; }, {}};
    return parse_config(text, (folder_.path() / "c.toml").string(), surroundings);
  }
  std::vector<std::string> problems(const std::string& lines) const {
    std::vector<std::string> texts;
    const auto config = load("[mailbox.m]\nhost = 'h'\nusername = 'u'\n" + lines);
    if (config) return texts;
    for (const auto& problem : config.error())
      texts.push_back(problem.to_string().substr(folder_.path().string().size() + 1));
    return texts;
  }
  Config good(const std::string& text) const {
    auto config = load(text);
    if (config) return std::move(*config);
    for (const auto& problem : config.error()) ADD_FAILURE() << problem.to_string();
    return {};
  }

  c360::testing::TempFolder folder_;
  const std::string whole_ =
      "oauth_token_url = 'https://provider.example/token'\noauth_client_id = 'client'\n"
      "oauth_client_secret_file = 'client'\noauth_refresh_token_file = 'refresh'\n"
      "oauth_scope = 'mail offline'\noauth_ca_file = 'ca.pem'\n";
};

TEST_F(ConfigOAuth, TakesTheSettingsAndTheSecretsFromTheirFiles) {
  const Config config = good("[mailbox.m]\nhost = 'h'\nusername = 'u'\n" + whole_);

  ASSERT_EQ(config.mailboxes.size(), 1U);
  ASSERT_TRUE(config.mailboxes.front().oauth);
  const auto& oauth = *config.mailboxes.front().oauth;
  EXPECT_EQ(oauth.token_url, "https://provider.example/token");
  EXPECT_EQ(oauth.grant, adapters::OAuthGrant::refresh_token);
  EXPECT_EQ(oauth.client_id, "client");
  EXPECT_EQ(oauth.client_secret.reveal(), "the client secret");
  EXPECT_EQ(oauth.refresh_token.reveal(), "the refresh token");
  EXPECT_EQ(oauth.scope, "mail offline");
  EXPECT_EQ(oauth.ca_file, (folder_.path() / "ca.pem").string());
  EXPECT_THAT(config.watched, ::testing::Contains((folder_.path() / "refresh").string()));
}

TEST_F(ConfigOAuth, GoesWithAMailboxAsOneStringToo) {
  const Config config = good("[mailbox.m]\nuri = 'imaps://h?username=u'\n" + whole_);
  ASSERT_EQ(config.mailboxes.size(), 1U);
  EXPECT_TRUE(config.mailboxes.front().oauth);
  EXPECT_EQ(config.mailboxes.front().imap.username, "u");
}

TEST_F(ConfigOAuth, TakesTheRightOfAnApplicationWithoutARefreshToken) {
  const Config config = good(
      "[mailbox.m]\nhost = 'h'\nusername = 'u'\noauth_token_url = 'https://p.example/t'\n"
      "oauth_grant = 'client_credentials'\noauth_client_id = 'c'\n"
      "oauth_client_secret_file = 'client'\nauth = 'xoauth2'\n");
  EXPECT_EQ(config.mailboxes.front().oauth->grant, adapters::OAuthGrant::client_credentials);
  EXPECT_EQ(config.mailboxes.front().imap.auth, ingest::imap::AuthMechanism::xoauth2);
}

TEST_F(ConfigOAuth, TakesTheKeyOfAServiceAccountForTheMailboxItIsUsedFor) {
  folder_.write("robot.json", TestServiceAccount::file());
  const std::string rest =
      "oauth_token_url = 'https://p.example/t'\noauth_grant = 'jwt_bearer'\n"
      "oauth_service_account_file = 'robot.json'\noauth_scope = 'https://mail.google.com/'\n";
  const Config config = good("[mailbox.m]\nhost = 'h'\nusername = 'sales@company.example'\n" +
                             rest + "[mailbox.n]\nuri = 'imaps://h?username=n'\n" + rest);

  const auto& oauth = *config.mailboxes.front().oauth;
  EXPECT_EQ(oauth.grant, adapters::OAuthGrant::jwt_bearer);
  EXPECT_EQ(oauth.subject, "sales@company.example");
  EXPECT_EQ(std::string(oauth.service_account.reveal()) + "\n", TestServiceAccount::file());
  EXPECT_EQ(config.mailboxes.back().oauth->subject, "n");
  EXPECT_THAT(config.watched, ::testing::Contains((folder_.path() / "robot.json").string()));
  for (const std::string& printed : {print_config(config), config_json(config)}) {
    EXPECT_THAT(printed, HasSubstr("robot.json"));
    EXPECT_THAT(printed, Not(HasSubstr("PRIVATE")));
  }
}

TEST_F(ConfigOAuth, AScopeThatOnlyReadsMailIsRefused) {
  folder_.write("refresh", "r");
  const auto with_scope = [this](const std::string& scope) {
    return problems(
        "oauth_token_url = 'https://p.example/t'\noauth_client_id = 'c'\n"
        "oauth_refresh_token_file = 'refresh'\noauth_scope = '" +
        scope + "'\n");
  };
  EXPECT_THAT(with_scope("login:email mail:imap_ro"),
              ElementsAre(HasSubstr("mailbox.m.oauth_scope: mail:imap_ro reads alone")));
  EXPECT_THAT(with_scope("mail:imap_full"), ::testing::IsEmpty());
}

TEST_F(ConfigOAuth, WhatIsWrongWithAServiceAccountIsSaidBeforeItIsUsed) {
  const std::string grant = "oauth_token_url = 'https://p.example/t'\noauth_grant = 'jwt_bearer'\n";
  EXPECT_THAT(problems(grant + "oauth_client_id = 'c'\n"),
              ElementsAre("c.toml:1:10: mailbox.m.oauth_scope: is missing; with jwt_bearer Google "
                          "wants https://mail.google.com/",
                          "c.toml:1:10: mailbox.m.oauth_service_account_file: is missing; "
                          "jwt_bearer needs it",
                          "c.toml:6:19: mailbox.m.oauth_client_id: jwt_bearer has the service "
                          "account alone"));
  folder_.write("robot.json",
                TestServiceAccount::file_with(TestServiceAccount::strange_key(1'024)));
  EXPECT_THAT(problems(grant + "oauth_scope = 's'\noauth_service_account_file = 'robot.json'\n"),
              ElementsAre("c.toml:7:30: mailbox.m.oauth_service_account_file: the key of the "
                          "service account holds no usable \"private_key\": an RSA key of at "
                          "least 2048 bits in PEM"));
  EXPECT_THAT(problems(whole_ + "oauth_service_account_file = 'refresh'\n"),
              ElementsAre(HasSubstr("is for oauth_grant = 'jwt_bearer'")));
  EXPECT_THAT(problems(whole_ + "oauth_service_account = 'x'\n"),
              ElementsAre(HasSubstr("name a file with oauth_service_account_file")));
}

TEST_F(ConfigOAuth, ANewRefreshTokenChangesThatMailboxAlone) {
  const std::string text = "[mailbox.a]\nhost = 'h'\nusername = 'u'\n" + whole_ +
                           "[mailbox.b]\nhost = 'h'\nusername = 'v'\npassword_file = 'password'\n";
  const Config before = good(text);
  folder_.write("refresh", "another one\n");
  const Config after = good(text);

  EXPECT_THAT(changed_settings(before, after), ElementsAre("mailbox.a.oauth_refresh_token_file"));
  EXPECT_NE(before.mailboxes.front(), after.mailboxes.front());
  EXPECT_EQ(before.mailboxes.back(), after.mailboxes.back());
}

TEST_F(ConfigOAuth, NothingThatIsPrintedShowsASecret) {
  const Config config = good("[mailbox.m]\nhost = 'h'\nusername = 'u'\n" + whole_);
  for (const std::string& printed : {print_config(config), config_json(config)}) {
    EXPECT_THAT(printed, HasSubstr("oauth_refresh_token_file"));
    EXPECT_THAT(printed, Not(HasSubstr("the refresh token")));
    EXPECT_THAT(printed, Not(HasSubstr("the client secret")));
  }
  EXPECT_THAT(sample_config(), HasSubstr("#oauth_token_url"));
}

TEST_F(ConfigOAuth, EveryMistakeHasItsPlace) {
  EXPECT_THAT(problems("oauth_token_url = 'http://p.example/t'\n"),
              ElementsAre("c.toml:1:10: mailbox.m.oauth_client_id: is missing",
                          "c.toml:1:10: mailbox.m.oauth_refresh_token_file: is missing",
                          "c.toml:4:19: mailbox.m.oauth_token_url: wanted is https://HOST/PATH, "
                          "without a user name or a fragment"));
  EXPECT_THAT(problems("oauth_client_id = 'c'\nauth = 'xoauth2'\npassword_file = 'password'\n"),
              ElementsAre("c.toml:4:19: mailbox.m.oauth_client_id: is of no use without "
                          "oauth_token_url",
                          "c.toml:5:8: mailbox.m.auth: signs in with a token, and there is no "
                          "oauth_token_url"));
  EXPECT_THAT(
      problems(whole_ + "auth = 'login'\npassword_file = 'password'\n"),
      ElementsAre(HasSubstr("c.toml:10:8: mailbox.m.auth: signs in with a password"),
                  HasSubstr("c.toml:11:17: mailbox.m.password_file: with oauth_token_url")));
  EXPECT_THAT(problems(whole_ + "oauth_refresh_token = 'x'\n"),
              ElementsAre("c.toml:10:1: mailbox.m.oauth_refresh_token: a secret does not belong "
                          "into this file; name a file with oauth_refresh_token_file"));
  EXPECT_THAT(problems(whole_ + "oauth_grant = 'client_credentials'\n"),
              ElementsAre(HasSubstr("c.toml:7:28: mailbox.m.oauth_refresh_token_file")));
  EXPECT_THAT(problems("oauth_token_url = 'https://u:p@p.example/t'\noauth_client_id = 'c'\n"
                       "oauth_refresh_token_file = 'none'\n"),
              ElementsAre(HasSubstr("none cannot be read")));
  EXPECT_THAT(problems("oauth_token_url = 'https://u:p@p.example/t'\noauth_client_id = 'c'\n"
                       "oauth_refresh_token_file = 'refresh'\n"),
              ElementsAre(HasSubstr("without a user name")));
  EXPECT_THAT(problems(whole_), IsEmpty());
}

}  // namespace
}  // namespace c360::daemon
