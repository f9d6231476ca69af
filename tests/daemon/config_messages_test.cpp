// The settings of messages to people outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "daemon/config.h"
#include "tests/support/temp_folder.h"

namespace c360::daemon {
namespace {

using ::testing::HasSubstr;

class MessageConfigTest : public ::testing::Test {
 protected:
  MessageConfigTest() { std::ofstream(folder.path() / "password") << "secret\n"; }
  std::expected<Config, Problems> load(const std::string& text) const {
    return parse_config(text, (folder.path() / "client360.toml").string(),
                        {[](const std::string&) { return std::nullopt; }, std::string{}});
  }
  std::string problem(const std::string& text) const {
    const auto config = load(text);
    return config ? "taken" : config.error().front().detail;
  }

  c360::testing::TempFolder folder;
};

TEST_F(MessageConfigTest, WithoutAServerNoMailGoesOut) {
  const auto config = load("");
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->messages.smtp.host.empty());
  EXPECT_EQ(config->messages.email.per_minute, 30);
  EXPECT_EQ(config->messages.sms.quiet.from, std::chrono::hours{21});
}

TEST_F(MessageConfigTest, AccountIsTakenWithItsSecret) {
  const auto config = load(
      "[smtp]\nhost = 'smtp.company.example'\nport = 465\ntls = 'implicit'\n"
      "username = 'crm@company.example'\npassword_file = 'password'\n"
      "from = 'crm@company.example'\n"
      "[messages]\npublic_url = 'https://crm.company.example/'\n"
      "email_quiet_hours = '20:00-10:00'\n");
  ASSERT_TRUE(config) << config.error().front().to_string();
  const auto& smtp = config->messages.smtp;
  EXPECT_EQ(smtp.tls, adapters::SmtpTls::implicit);
  EXPECT_EQ(smtp.password.reveal(), "secret");
  EXPECT_EQ(config->messages.public_url, "https://crm.company.example");
  EXPECT_EQ(config->messages.email.quiet.until, std::chrono::hours{10});
}

TEST_F(MessageConfigTest, MistakesAreToldByTheirSetting) {
  const std::string server =
      "[smtp]\nhost = 'smtp.company.example'\nfrom = 'crm@company.example'\n";
  EXPECT_THAT(problem("[smtp]\nhost = 'smtp.company.example'\n"), HasSubstr("smtp.from"));
  EXPECT_THAT(problem(server + "username = 'crm'\n"), HasSubstr("smtp.password_file: is missing"));
  EXPECT_THAT(problem(server + "username = 'crm'\npassword_file = 'password'\ntls = 'none'\n"),
              HasSubstr("smtp.tls"));
  EXPECT_THAT(problem("[messages]\nsms_quiet_hours = 'night'\n"),
              HasSubstr("messages.sms_quiet_hours: 'night' is not HH:MM-HH:MM"));
  EXPECT_THAT(problem("[messages]\npublic_url = 'http://crm.example'\n"),
              HasSubstr("messages.public_url"));
  EXPECT_THAT(problem(server + "username = 'crm'\noauth_token_url = 'https://o.example/token'\n"),
              HasSubstr("smtp.oauth_client_id"));
}

}  // namespace
}  // namespace c360::daemon
