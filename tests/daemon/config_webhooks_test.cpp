// The settings of webhooks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "daemon/config.h"
#include "tests/support/temp_folder.h"

namespace c360::daemon {
namespace {

using ::testing::HasSubstr;

std::expected<Config, Problems> load_webhooks(std::string_view text) {
  return parse_config(text, "client360.toml",
                      {[](const std::string&) { return std::nullopt; }, std::string{}});
}

TEST(WebhookConfigTest, WithoutSettingsOnlyPublicHttpsAddressesAreCalled) {
  const auto config = load_webhooks("");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->webhooks.threads, 2U);
  EXPECT_EQ(config->webhooks.retry_limit, std::chrono::hours{72});
  EXPECT_FALSE(config->webhooks.limits.targets.plain_http);
  EXPECT_TRUE(config->webhooks.limits.targets.allowed.empty());
}

TEST(WebhookConfigTest, NetworksAreAllowedByTheirNames) {
  const auto config = load_webhooks(
      "[webhooks]\nallowed_networks = ['10.1.0.0/16', '::1']\nallow_http = true\n"
      "timeout_ms = 500\nretry_hours = 1\n");
  ASSERT_TRUE(config) << config.error().front().to_string();
  const auto& limits = config->webhooks.limits;
  EXPECT_EQ(limits.targets.allowed.size(), 2U);
  EXPECT_TRUE(limits.targets.check("http://10.1.2.3/hook"));
  EXPECT_FALSE(limits.targets.check("http://10.2.0.1/hook"));
  EXPECT_EQ(limits.timeout, std::chrono::milliseconds{500});
  EXPECT_EQ(config->webhooks.retry_limit, std::chrono::hours{1});

  const auto wrong = load_webhooks("[webhooks]\nallowed_networks = ['10.1.0.1/16']\n");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().front().to_string(),
              HasSubstr("client360.toml:2:20: webhooks.allowed_networks: '10.1.0.1/16'"));
}

TEST(WebhookConfigTest, AKeyIsLongEnoughToBeRandomAndIsNeverShown) {
  const testing::TempFolder folder;
  const auto load = [&](const std::string& key) {
    std::ofstream(folder.path() / "webhook.key") << key << "\n";
    return parse_config("[webhooks]\nkey_file = 'webhook.key'\n",
                        (folder.path() / "client360.toml").string(),
                        {[](const std::string&) { return std::nullopt; }, folder.path().string()});
  };
  const std::string key(kMinWebhookKeyBytes, 'k');
  const auto config = load(key);
  ASSERT_TRUE(config) << config.error().front().to_string();
  EXPECT_EQ(config->webhooks.key.reveal(), key);
  EXPECT_THAT(print_config(*config), ::testing::Not(HasSubstr(key)));

  const auto wrong = load(key.substr(1));
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().front().to_string(), HasSubstr("openssl rand -hex 32"));
}

}  // namespace
}  // namespace c360::daemon
