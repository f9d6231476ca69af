// Customers nobody takes care of are counted, and told of to who wants it.
#include "daemon/jobs/stale_customers.h"

#include <gmock/gmock.h>

#include "daemon/tasks.h"
#include "tests/daemon/job_fixture.h"

namespace c360::daemon {
namespace {

class StaleCustomersTest : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    add_stale_customers_job(handlers_, *database_, 30);
    customer(seller_, "now() - interval '31 days'", "now() + interval '1 day'");
    customer(seller_, "now() - interval '29 days'", "now() + interval '1 day'");
    customer(seller_, "now()", "NULL");
    customer(other_, "NULL", "NULL");
    forget();
  }
  void customer(const store::Actor& of, const std::string& contact, const std::string& reminder) {
    set("counterparty", company_of(of),
        "last_contact_at = " + contact + ", next_reminder_at = " + reminder);
  }
  // One run, which ends with its effect.
  bool count() {
    EXPECT_TRUE(store::enqueue_job(*database_, {.kind = "stale_customers"}));
    const auto jobs = store::take_jobs(*database_, {"stale_customers"}, "a", 1);
    const std::atomic<bool> stopping = false;
    JobRun attempt(*database_, jobs->front(), stopping);
    return handlers_.at("stale_customers")(attempt).has_value();
  }
};

TEST_F(StaleCustomersTest, EachConditionHasItsGauge) {
  ASSERT_TRUE(count());
  for (const PeriodicTask& task : periodic_tasks(*database_, quiet_.observer)) {
    if (task.name != "stale_customers_gauge") continue;
    EXPECT_TRUE(task.run());
  }
  const std::string metrics = quiet_.metrics.serialize();
  EXPECT_THAT(metrics,
              ::testing::HasSubstr(R"(client360_counterparties_stale{condition="no_contact"} 2)"));
  EXPECT_THAT(metrics,
              ::testing::HasSubstr(R"(client360_counterparties_stale{condition="no_reminder"} 2)"));
  EXPECT_EQ(sql("SELECT result FROM ops.job_run"), "ok");
}

TEST_F(StaleCustomersTest, TheDigestGoesToWhoAskedForIt) {
  make("notification_setting", R"({"event":"stale_customers","channel":"inbox","enabled":true})",
       seller_);
  ASSERT_TRUE(count());
  EXPECT_EQ(told(seller_),
            "stale_customers: Клиенты, с которыми давно не было контакта или нет напоминания: 2");
  EXPECT_EQ(told(other_), "");
}

}  // namespace
}  // namespace c360::daemon
