// The settings of the register of companies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "daemon/config.h"
#include "tests/support/temp_folder.h"

namespace c360::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class DadataConfigTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, std::string_view text) const {
    const auto file = folder_.path() / name;
    std::ofstream(file, std::ios::binary) << text;
    return file.string();
  }
  std::expected<Config, Problems> load(std::string_view text) const {
    return parse_config(text, (folder_.path() / "client360.toml").string(),
                        {[](const std::string&) { return std::nullopt; }, folder_.path().string()});
  }
  std::string problem(std::string_view text) const {
    const auto config = load(text);
    return config || config.error().empty() ? "none" : config.error().front().detail;
  }

  // Of every service that has one.
  static std::vector<const adapters::HttpProxy*> proxies(const Config& config) {
    return {&config.dadata.dadata.find.proxy,
            &config.dadata.dadata.clean.proxy,
            &config.kontur_focus.kontur.json.proxy,
            &config.kontur_focus.kontur.pdf.proxy,
            &config.metrika.metrika.limits.proxy,
            &config.telegram.limits.proxy,
            &config.sms.limits.call.proxy,
            &config.messages.smtp.proxy,
            &config.messages.oauth.proxy};
  }

  testing::TempFolder folder_;
};

TEST_F(DadataConfigTest, DefaultsAreThoseOfTheServiceAndWithoutAKey) {
  const auto config = load("");

  ASSERT_TRUE(config);
  EXPECT_TRUE(config->dadata.dadata.token.empty());
  EXPECT_TRUE(config->dadata.enabled);
  EXPECT_EQ(config->dadata.workers, 4U);
  EXPECT_FALSE(config->dadata.cleaning) << "it costs money";
  EXPECT_EQ(config->dadata.dadata.clean.day_calls, 1'000);
  EXPECT_EQ(config->dadata.lookup_budget, std::chrono::seconds{5});
  EXPECT_EQ(config->dadata.dadata.find.rate.calls, 20);
  EXPECT_EQ(config->dadata.found_for, std::chrono::hours{24});
  EXPECT_EQ(config->dadata.not_found_for, std::chrono::hours{1});
  EXPECT_THAT(config->believed_sources,
              ElementsAre("person", "import", "mail", "dadata", "kontur"));
}

TEST_F(DadataConfigTest, KeysComeFromFilesOrCredentialsOfTheirReferenceNamesAndAreNeverShown) {
  write("dadata-api-key", "PLANTED-KEY\n");
  write("secret.txt", "PLANTED-SECRET");
  const auto config = load("[dadata]\nsecret_key_file = 'secret.txt'\nday_limit = 100\n");

  ASSERT_TRUE(config) << config.error().front().to_string();
  EXPECT_EQ(config->dadata.dadata.token.reveal(), "PLANTED-KEY");
  EXPECT_EQ(config->dadata.dadata.secret.reveal(), "PLANTED-SECRET");
  EXPECT_EQ(config->dadata.dadata.find.day_calls, 100);
  EXPECT_THAT(print_config(*config), Not(HasSubstr("PLANTED")));
  EXPECT_THAT(config_json(*config), Not(HasSubstr("PLANTED")));
}

TEST_F(DadataConfigTest, AddressesAndSourcesAreChecked) {
  EXPECT_THAT(problem("[dadata]\nsuggestions_url = 'http://dadata.example'\n"),
              HasSubstr("dadata.suggestions_url"));
  EXPECT_THAT(problem("[dadata]\nprofile_url = 'https://dadata.example/path'\n"),
              HasSubstr("dadata.profile_url"));
  EXPECT_THAT(problem("[dadata]\ncleaner_url = 'http://cleaner.example'\n"),
              HasSubstr("dadata.cleaner_url"));
  EXPECT_THAT(problem("[dadata]\nlookup_timeout_ms = 99\n"), HasSubstr("dadata.lookup_timeout_ms"));
  EXPECT_THAT(problem("[dadata]\nday_limit = -1\n"), HasSubstr("dadata.day_limit"));
  EXPECT_THAT(problem("[requisites]\nbelieve = ['person', 'dadata']\n"),
              HasSubstr("requisites.believe"));
  EXPECT_EQ(problem("[requisites]\nbelieve = ['dadata', 'kontur', 'mail', 'import', 'person']\n"),
            "none");
}

TEST_F(DadataConfigTest, AProxyIsAHostAndAPortWithoutAPassword) {
  for (const std::string right :
       {"http://proxy.example:3128", "socks5h://10.0.0.1:1080", "http://[::1]:3128"}) {
    const auto config = load("[dadata]\nproxy = '" + right + "'\n[kontur_focus]\nproxy = '" +
                             right + "'\n[metrika]\nproxy = '" + right +
                             "'\n[telegram]\nproxy = '" + right + "'\n[sms]\nproxy = '" + right +
                             "'\n[smtp]\nproxy = '" + right + "'\noauth_proxy = '" + right + "'\n");

    ASSERT_TRUE(config) << config.error().front().to_string();
    for (const adapters::HttpProxy* proxy : proxies(*config)) EXPECT_EQ(proxy->url, right);
  }
  for (const std::string wrong : {"proxy.example:3128", "http://proxy.example", "ftp://a:1",
                                  "http://ann:PLANTED@proxy.example:3128", "http://a:1/x"}) {
    const std::string told = problem("[telegram]\nproxy = '" + wrong + "'\n");
    EXPECT_THAT(told, HasSubstr("telegram.proxy")) << wrong;
    EXPECT_THAT(told, Not(HasSubstr("PLANTED")));
  }
}

TEST_F(DadataConfigTest, TheNameAndPasswordOfAProxyComeFromAFileAndAreNeverShown) {
  write("ann", "ann:PLANTED\n");
  std::string text;
  for (const std::string table : {"dadata", "kontur_focus", "metrika", "telegram", "sms", "smtp"})
    text +=
        "[" + table + "]\nproxy = 'http://proxy.example:3128'\nproxy_credentials_file = 'ann'\n";
  text += "oauth_proxy = 'http://proxy.example:3128'\noauth_proxy_credentials_file = 'ann'\n";
  const auto config = load(text);

  ASSERT_TRUE(config) << config.error().front().to_string();
  for (const adapters::HttpProxy* proxy : proxies(*config))
    EXPECT_EQ(proxy->credentials.reveal(), "ann:PLANTED");
  EXPECT_THAT(print_config(*config), Not(HasSubstr("PLANTED")));
  EXPECT_THAT(config_json(*config), Not(HasSubstr("PLANTED")));
  // Another word in the file is another setting.
  write("ann", "ann:PLANTED-TOO\n");
  EXPECT_THAT(changed_settings(*config, *load(text)), Contains("metrika.proxy_credentials_file"));

  write("none", "PLANTED\n");
  const std::string unfit =
      problem("[sms]\nproxy = 'http://a:1'\nproxy_credentials_file = 'none'\n");
  EXPECT_THAT(unfit, HasSubstr("sms.proxy_credentials_file: wanted is one line NAME:PASSWORD"));
  EXPECT_THAT(unfit, Not(HasSubstr("PLANTED")));
  EXPECT_THAT(problem("[sms]\nproxy_credentials_file = 'ann'\n"),
              HasSubstr("sms.proxy_credentials_file: is of no use without the proxy"));
}

// adapters.md, 0.3: each of them, with the default of its table.
TEST_F(DadataConfigTest, EveryServiceHasItsOwnDeadlinesParallelCallsAndRetries) {
  const auto plain = load("");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->dadata.dadata.find.first_byte, seconds{5});
  EXPECT_EQ(plain->dadata.dadata.clean.first_byte, seconds{10});
  EXPECT_EQ(plain->dadata.dadata.clean.whole, seconds{15});
  EXPECT_EQ(plain->dadata.dadata.clean.max_answer_bytes, 2U << 20U);
  EXPECT_EQ(plain->dadata.dadata.clean.rate.calls, 10);
  EXPECT_EQ(plain->dadata.cleanings, 2U);
  EXPECT_EQ(plain->kontur_focus.kontur.json.first_byte, seconds{15});
  EXPECT_EQ(plain->kontur_focus.kontur.pdf.first_byte, seconds{60});
  EXPECT_EQ(plain->kontur_focus.connections, 2U);
  EXPECT_EQ(plain->kontur_focus.pdf_connections, 1U);
  EXPECT_EQ(plain->metrika.metrika.limits.first_byte, seconds{20});
  EXPECT_EQ(plain->metrika.metrika.long_rate.calls, 180);
  EXPECT_EQ(plain->metrika.connections, 2U);
  EXPECT_EQ(plain->telegram.limits.first_byte, seconds{10});
  EXPECT_EQ(plain->telegram.connections, 4U);
  EXPECT_EQ(plain->sms.limits.call.first_byte, seconds{10});
  EXPECT_EQ(plain->sms.connections, 1U);
  EXPECT_EQ(plain->messages.oauth.timeout, seconds{15});
  EXPECT_EQ(plain->service_retry.attempts, 5);
  EXPECT_EQ(plain->service_retry.first, seconds{2});
  EXPECT_EQ(plain->service_retry.factor, 3);
  EXPECT_EQ(plain->service_retry.limit, seconds{900});

  const auto set = load(
      "[adapters]\nretry_attempts = 7\nretry_first_ms = 1000\nretry_factor = 2\n"
      "retry_limit_s = 60\n"
      "[dadata]\nfirst_byte_s = 6\ncleaning_first_byte_s = 7\ncleaning_timeout_ms = 8000\n"
      "cleaning_connections = 3\ncleanings_per_second = 4\ncleaning_max_answer_bytes = 100000\n"
      "connect_timeout_ms = 1234\n"
      "[kontur_focus]\nfirst_byte_s = 9\npdf_first_byte_s = 10\nconnections = 5\n"
      "pdf_connections = 6\n[metrika]\nfirst_byte_s = 11\nconnections = 3\n"
      "calls_per_5_minutes = 100\n[telegram]\nfirst_byte_s = 12\nconnections = 2\n"
      "[sms]\nfirst_byte_s = 13\nconnections = 2\n[smtp]\noauth_timeout_ms = 5000\n"
      "oauth_first_byte_s = 3\noauth_connect_timeout_ms = 400\noauth_max_answer_bytes = 5000\n");

  ASSERT_TRUE(set) << set.error().front().to_string();
  EXPECT_EQ(set->service_retry.attempts, 7);
  EXPECT_EQ(set->service_retry.first, seconds{1});
  EXPECT_EQ(set->service_retry.factor, 2);
  EXPECT_EQ(set->service_retry.limit, seconds{60});
  EXPECT_EQ(set->dadata.dadata.find.first_byte, seconds{6});
  EXPECT_EQ(set->dadata.dadata.clean.first_byte, seconds{7});
  EXPECT_EQ(set->dadata.dadata.clean.whole, seconds{8});
  EXPECT_EQ(set->dadata.cleanings, 3U);
  EXPECT_EQ(set->dadata.dadata.clean.rate.calls, 4);
  EXPECT_EQ(set->dadata.dadata.clean.max_answer_bytes, 100'000U);
  EXPECT_EQ(set->dadata.dadata.clean.connect, milliseconds{1'234});
  EXPECT_EQ(set->kontur_focus.kontur.json.first_byte, seconds{9});
  EXPECT_EQ(set->kontur_focus.kontur.pdf.first_byte, seconds{10});
  EXPECT_EQ(set->kontur_focus.connections, 5U);
  EXPECT_EQ(set->kontur_focus.pdf_connections, 6U);
  EXPECT_EQ(set->metrika.metrika.limits.first_byte, seconds{11});
  EXPECT_EQ(set->metrika.connections, 3U);
  EXPECT_EQ(set->metrika.metrika.long_rate.calls, 100);
  EXPECT_EQ(set->telegram.limits.first_byte, seconds{12});
  EXPECT_EQ(set->telegram.connections, 2U);
  EXPECT_EQ(set->sms.limits.call.first_byte, seconds{13});
  EXPECT_EQ(set->sms.connections, 2U);
  EXPECT_EQ(set->messages.oauth.timeout, seconds{5});
  EXPECT_EQ(set->messages.oauth.first_byte, seconds{3});
  EXPECT_EQ(set->messages.oauth.connect_timeout, milliseconds{400});
  EXPECT_EQ(set->messages.oauth.max_answer_bytes, 5'000U);
  EXPECT_THAT(problem("[adapters]\nretry_attempts = 0\n"), HasSubstr("adapters.retry_attempts"));
  EXPECT_THAT(problem("[sms]\nconnections = 0\n"), HasSubstr("sms.connections"));
}

TEST_F(DadataConfigTest, DisabledInPlaceOfAKeyIsOff) {
  write("word", " Disabled\n");
  const auto config = load("[dadata]\napi_key_file = 'word'\nsecret_key_file = 'word'\n");

  ASSERT_TRUE(config) << config.error().front().to_string();
  EXPECT_TRUE(config->dadata.dadata.token.empty());
  EXPECT_TRUE(config->dadata.dadata.secret.empty());
}

TEST_F(DadataConfigTest, TheBlockMayHaveTheNameOfTheReference) {
  const auto config = load("[findCounterpartyByInn]\nday_limit = 7\n");

  ASSERT_TRUE(config) << config.error().front().to_string();
  EXPECT_EQ(config->dadata.dadata.find.day_calls, 7);
  EXPECT_THAT(problem("[findCounterpartyByInn]\nday_limit = 7\n[dadata]\nday_limit = 8\n"),
              HasSubstr("another name of [dadata]"));
  EXPECT_THAT(problem("[findCounterpartyByInn]\nday_limitt = 7\n"), HasSubstr("dadata.day_limitt"));
}

TEST_F(DadataConfigTest, AChangedKeyIsAChangeOfTheSetting) {
  write("key", "one");
  const auto before = load("[dadata]\napi_key_file = 'key'\n");
  write("key", "two");
  const auto after = load("[dadata]\napi_key_file = 'key'\n");

  ASSERT_TRUE(before && after);
  EXPECT_THAT(changed_settings(*before, *after), ElementsAre("dadata.api_key_file"));
}

}  // namespace
}  // namespace c360::daemon
