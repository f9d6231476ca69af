// The settings of the register of companies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "daemon/config.h"
#include "tests/support/temp_folder.h"

namespace c360::daemon {
namespace {

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
  const auto config = load(
      "[dadata]\nproxy = 'http://proxy.example:3128'\n[kontur_focus]\nproxy = "
      "'socks5h://10.0.0.1:1080'\n[metrika]\nproxy = 'http://[::1]:3128'\n[telegram]\nproxy = "
      "'socks5h://127.0.0.1:9050'\n[sms]\nproxy = 'http://proxy.example:3128'\n");

  ASSERT_TRUE(config) << config.error().front().to_string();
  EXPECT_EQ(config->dadata.dadata.find.proxy, "http://proxy.example:3128");
  EXPECT_EQ(config->dadata.dadata.clean.proxy, "http://proxy.example:3128");
  EXPECT_EQ(config->kontur_focus.kontur.json.proxy, "socks5h://10.0.0.1:1080");
  EXPECT_EQ(config->kontur_focus.kontur.pdf.proxy, "socks5h://10.0.0.1:1080");
  EXPECT_EQ(config->metrika.metrika.limits.proxy, "http://[::1]:3128");
  EXPECT_EQ(config->telegram.limits.proxy, "socks5h://127.0.0.1:9050");
  EXPECT_EQ(config->sms.limits.call.proxy, "http://proxy.example:3128");
  for (const std::string wrong : {"proxy.example:3128", "http://proxy.example", "ftp://a:1",
                                  "http://ann:PLANTED@proxy.example:3128", "http://a:1/x"}) {
    const std::string told = problem("[telegram]\nproxy = '" + wrong + "'\n");
    EXPECT_THAT(told, HasSubstr("telegram.proxy")) << wrong;
    EXPECT_THAT(told, Not(HasSubstr("PLANTED")));
  }
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
