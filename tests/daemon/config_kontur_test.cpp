// The settings of the express reports.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "daemon/config.h"
#include "tests/support/temp_folder.h"

namespace c360::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class KonturConfigTest : public ::testing::Test {
 protected:
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

TEST_F(KonturConfigTest, WithoutAKeyItIsOff) {
  const auto config = load("");

  ASSERT_TRUE(config);
  EXPECT_FALSE(config->kontur_focus.is_on());
  EXPECT_EQ(config->kontur_focus.report_for, std::chrono::days{30});
  EXPECT_EQ(config->kontur_focus.kontur.pdf.whole, std::chrono::seconds{120});
}

TEST_F(KonturConfigTest, TheKeyIsTheSecretOfTheReferenceNameAndIsNeverShown) {
  std::ofstream(folder_.path() / "kontur-focus-api-token") << "PLANTED-FOCUS\n";
  const auto config = load("[kontur_focus]\nday_limit = 7\nafter_import = true\n");

  ASSERT_TRUE(config) << config.error().front().to_string();
  EXPECT_TRUE(config->kontur_focus.is_on());
  EXPECT_EQ(config->kontur_focus.kontur.token.reveal(), "PLANTED-FOCUS");
  EXPECT_EQ(config->kontur_focus.kontur.json.day_calls, 7);
  EXPECT_EQ(config->kontur_focus.kontur.pdf.day_calls, 7);
  EXPECT_TRUE(config->kontur_focus.on_import);
  EXPECT_THAT(print_config(*config), Not(HasSubstr("PLANTED")));
  EXPECT_FALSE(load("[kontur_focus]\nenabled = false\n")->kontur_focus.is_on());
}

TEST_F(KonturConfigTest, TheAddressAndTheLimitsAreChecked) {
  EXPECT_THAT(problem("[kontur_focus]\nurl = 'http://focus.example'\n"),
              HasSubstr("kontur_focus.url"));
  EXPECT_THAT(problem("[kontur_focus]\nreport_days = 0\n"), HasSubstr("kontur_focus.report_days"));
  EXPECT_EQ(load("")->kontur_focus.batch_limit, 1'000);
  EXPECT_EQ(load("[kontur_focus]\nbatch_limit = 7\n")->kontur_focus.batch_limit, 7);
  EXPECT_THAT(problem("[kontur_focus]\nbatch_limit = 0\n"), HasSubstr("kontur_focus.batch_limit"));
  EXPECT_EQ(load("")->probe_interval, std::chrono::minutes{15});
  EXPECT_THAT(problem("[adapters]\nprobe_interval_s = 86401\n"),
              HasSubstr("adapters.probe_interval_s"));
}

}  // namespace
}  // namespace c360::daemon
