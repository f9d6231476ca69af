// The settings of Telegram and short messages, and the channels made of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "adapters/curl_http_client.h"
#include "daemon/config.h"
#include "daemon/phone_channels.h"
#include "tests/support/manual_clock.h"
#include "tests/support/service_server.h"
#include "tests/support/temp_folder.h"

namespace c360::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PhoneConfigTest : public ::testing::Test {
 protected:
  std::expected<Config, Problems> load(std::string_view text) const {
    return parse_config(text, (folder_.path() / "client360.toml").string(),
                        {[](const std::string&) { return std::nullopt; }, folder_.path().string()});
  }
  std::string problem(std::string_view text) const {
    const auto config = load(text);
    return config || config.error().empty() ? "none" : config.error().front().detail;
  }
  void secret(const std::string& name, const std::string& value) const {
    std::ofstream(folder_.path() / name) << value << "\n";
  }
  adapters::ChannelPorts ports() {
    return {.connect = [] { return std::make_unique<adapters::CurlHttpClient>("client360/test"); },
            .states = gates_,
            .clock = clock_};
  }
  // What the SMS channel of that configuration posts, and where.
  testing::ServiceRequest posted_by(const std::string& text) {
    testing::ServiceServer server;
    const auto config =
        load("[sms]\nca_file = '" + server.ca_file() + "'\nurl = '" + server.url() + text);
    EXPECT_TRUE(config) << config.error().front().to_string();
    if (!config) return {};
    const auto channel = sms_channel(config->sms, ports());
    EXPECT_TRUE(channel);
    if (channel) (void)channel->send({.address = "+79990000001", .text = "x"}, {});
    const auto requests = server.requests();
    return requests.empty() ? testing::ServiceRequest{} : requests.front();
  }

  testing::TempFolder folder_;
  adapters::MemoryGateStates gates_;
  testing::ManualClock clock_;
};

TEST_F(PhoneConfigTest, WithoutKeysBothAreOff) {
  const auto config = load("");

  ASSERT_TRUE(config);
  EXPECT_FALSE(config->telegram.is_on());
  EXPECT_FALSE(config->sms.is_on());
  EXPECT_FALSE(telegram_channel(config->telegram, ports()));
  EXPECT_FALSE(sms_channel(config->sms, ports()));
  for (const std::string provider : {"smsc", "sms_ru", "form"})
    EXPECT_FALSE(load("[sms]\nprovider = '" + provider + "'\n")->sms.is_on()) << provider;
}

TEST_F(PhoneConfigTest, TheTokenIsTheSecretOfTheReferenceNameAndIsNeverShown) {
  secret("telegram-oap-authtoken", "1:PLANTED");
  secret("sms-api-key", "PLANTED-KEY");
  secret("sms-password", "PLANTED-PASSWORD");
  const auto config = load("[sms]\nprovider = 'smsc'\nlogin = 'company'\n");

  ASSERT_TRUE(config) << config.error().front().to_string();
  EXPECT_EQ(config->telegram.token.reveal(), "1:PLANTED");
  EXPECT_TRUE(telegram_channel(config->telegram, ports()));
  EXPECT_EQ(config->sms.password.reveal(), "PLANTED-PASSWORD");
  EXPECT_TRUE(sms_channel(config->sms, ports()));
  EXPECT_THAT(print_config(*config), Not(HasSubstr("PLANTED")));
  EXPECT_THAT(config_json(*config), Not(HasSubstr("PLANTED")));
  EXPECT_FALSE(load("[telegram]\nenabled = false\n")->telegram.is_on());
}

TEST_F(PhoneConfigTest, DisabledInPlaceOfAKeyIsOff) {
  secret("telegram-oap-authtoken", " Disabled");
  secret("sms-api-key", "disabled");
  const auto config = load("[sms]\nprovider = 'sms_ru'\n");

  ASSERT_TRUE(config);
  EXPECT_FALSE(config->telegram.is_on());
  EXPECT_FALSE(config->sms.is_on());
}

TEST_F(PhoneConfigTest, EachProviderIsAskedInItsOwnWay) {
  secret("sms-api-key", "KEY");
  const auto smsc = posted_by("'\nprovider = 'smsc'\n");
  EXPECT_EQ(smsc.path, "/sys/send.php");
  EXPECT_THAT(smsc.body, HasSubstr("apikey=KEY&"));
  const auto sms_ru = posted_by("'\nprovider = 'sms_ru'\nsender = 'ROMASHKA'\n");
  EXPECT_EQ(sms_ru.path, "/sms/send");
  EXPECT_THAT(sms_ru.body, HasSubstr("api_id=KEY&"));
  EXPECT_THAT(sms_ru.body, HasSubstr("from=ROMASHKA"));
  const auto form = posted_by(
      "/out'\nprovider = 'form'\nform_fields = ['a=b=c']\nform_secret_field = 'k'\n"
      "form_number_field = 'n'\nform_text_field = 't'\nform_plus = true\n");
  EXPECT_EQ(form.path, "/out");
  EXPECT_EQ(form.body, "a=b%3Dc&k=KEY&n=%2B79990000001&t=x");
}

TEST_F(PhoneConfigTest, AddressesLimitsAndTheFormAreChecked) {
  EXPECT_THAT(problem("[telegram]\nurl = 'http://tg.example'\n"), HasSubstr("telegram.url"));
  EXPECT_THAT(problem("[telegram]\nurl = 'http://127.0.0.1.example'\n"), HasSubstr("telegram.url"));
  EXPECT_THAT(problem("[telegram]\nurl = 'https://tg.example/bot'\n"), HasSubstr("telegram.url"));
  EXPECT_EQ(problem("[telegram]\nurl = 'http://127.0.0.1:8081'\n"), "none");
  EXPECT_THAT(problem("[telegram]\nmax_parts = 0\n"), HasSubstr("telegram.max_parts"));
  EXPECT_THAT(problem("[sms]\nprovider = 'pigeon'\n"), HasSubstr("sms.provider"));
  EXPECT_THAT(problem("[sms]\nurl = 'https://sms.example/x'\nprovider = 'smsc'\n"),
              HasSubstr("sms.url"));
  EXPECT_THAT(problem("[sms]\nurl = 'http://sms.example/x'\nprovider = 'form'\n"),
              HasSubstr("sms.url"));
  EXPECT_THAT(problem("[sms]\nprovider = 'form'\nform_fields = ['nothing']\n"),
              HasSubstr("NAME=VALUE"));
  EXPECT_THAT(problem("[sms]\nprovider = 'form'\nform_text_field = ''\n"),
              HasSubstr("form_text_field"));
  secret("sms-api-key", "KEY");
  EXPECT_THAT(problem("[sms]\nprovider = 'form'\nurl = 'https://sms.example/x'\n"),
              HasSubstr("form_secret_field"));
}

TEST_F(PhoneConfigTest, PausesBelongToTheSettingsTheyCameFrom) {
  secret("telegram-oap-authtoken", "1:A");
  const auto before = load("[sms]\nprovider = 'smsc'\nlogin = 'a'\n");
  secret("telegram-oap-authtoken", "1:B");
  const auto after = load("[sms]\nprovider = 'smsc'\nlogin = 'b'\n");

  EXPECT_NE(telegram_settings(before->telegram), telegram_settings(after->telegram));
  EXPECT_NE(sms_settings(before->sms), sms_settings(after->sms));
  EXPECT_THAT(changed_settings(*before, *after),
              ::testing::ElementsAre("telegram.oap_authtoken_file", "sms.login"));
}

}  // namespace
}  // namespace c360::daemon
