// The alerts for operators: what Prometheus takes, about metrics there are.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include "daemon/base/metric_table.h"
#include "tests/support/daemon_process.h"

namespace c360::testing {
namespace {

const std::string kAlerts = std::string(C360_SOURCE_DIR) + "/systemd/client360.alerts.yml";

TEST(Alerts, PrometheusTakesThem) {
  const RanProgram checked = run_program({"/bin/sh", "-c", "promtool check rules " + kAlerts});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
}

TEST(Alerts, EveryMetricTheyNameIsThere) {
  std::ifstream file(kAlerts);
  std::stringstream text;
  text << file.rdbuf();
  const std::string alerts = text.str();
  const std::regex name("client360_[a-z_]+");
  int named = 0;
  for (std::sregex_iterator found(alerts.begin(), alerts.end(), name), end; found != end; ++found) {
    std::string metric = found->str();
    if (metric.ends_with("_bucket")) metric.resize(metric.size() - std::string("_bucket").size());
    EXPECT_TRUE(std::ranges::any_of(kMetricTable, [&](const MetricRow& row) {
      return row.name == metric;
    })) << metric;
    ++named;
  }
  EXPECT_GE(named, 11);
}

}  // namespace
}  // namespace c360::testing
