// What the dates of records make of them, by the jobs that look at them.
#include "daemon/jobs/expiry.h"

#include <gmock/gmock.h>

#include "tests/daemon/job_fixture.h"

namespace c360::daemon {
namespace {

class ExpiryTest : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    company_ = company_of(seller_);
    deal_ = make("deal", R"({"name":"x","counterparty_id":)" + company_ + "}", seller_).key;
    add_expiry_jobs(handlers_, *database_, records_port());
  }
  std::string company_, deal_;
};

TEST_F(ExpiryTest, APaymentPastItsDayIsOverdueAndItsHistorySaysByWhom) {
  const auto payment = [&](const std::string& day) {
    const std::string key =
        make("payment", R"({"amount":"1.00","deal_id":)" + deal_ + "}", seller_).key;
    set("payment", key, "status = 'planned', planned_payment_date = " + day);
    return key;
  };
  const std::string today = "(now() AT TIME ZONE 'Europe/Moscow')::date";
  const std::string late = payment(today + " - 1");
  const std::string due = payment(today);
  EXPECT_EQ(run("payments_overdue"), "1 0");
  EXPECT_EQ(run("payments_overdue"), "0 0");
  EXPECT_EQ(value("payment", late, "status"), "expired");
  EXPECT_EQ(value("payment", due, "status"), "planned");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE record_id = " + late +
                " AND event = 'status_changed' AND origin = 'job'"),
            "1");
}

TEST_F(ExpiryTest, AnActivityIsOverWhenItsTimeAndDurationHavePassed) {
  const auto activity = [&](const std::string& type, const std::string& what) {
    const std::string more = type == "reminder" ? R"(,"remind_at":"2030-01-01T00:00:00Z")" : "";
    const std::string key =
        make("activity",
             R"({"type":")" + type + R"(","topic":"x","activity_date":"2030-01-01T00:00:00Z",)" +
                 R"("parent_record_id":)" + deal_ + more + "}",
             seller_)
            .key;
    set("activity", key, what);
    return key;
  };
  const std::string hour_ago = "activity_date = now() - interval '1 hour'";
  const std::string over = activity("call", hour_ago + ", duration = interval '30 minutes'");
  const std::string lasts = activity("meeting", hour_ago + ", duration = interval '2 hours'");
  const std::string ahead = activity("call", "duration = NULL");
  const std::string untold =
      activity("reminder", hour_ago + ", remind_at = now() - interval '1 hour'");
  const std::string told = activity(
      "reminder", hour_ago + ", remind_at = now() - interval '1 hour', reminded_at = now()");
  EXPECT_EQ(run("activities_overdue"), "2 0");
  for (const std::string& key : {over, told})
    EXPECT_EQ(value("activity", key, "status"), "expired");
  for (const std::string& key : {lasts, ahead, untold})
    EXPECT_EQ(value("activity", key, "status"), "planned");
}

TEST_F(ExpiryTest, AnAssignmentGoesToTheArchiveFourteenDaysAfterItWasCompleted) {
  const auto assignment = [&](const std::string& completed) {
    const std::string key =
        make("assignment",
             R"({"title":"x","performer_user_id":)" + std::to_string(*manager_.user_id) + "}",
             seller_)
            .key;
    set("assignment", key, "status = 'complete', completed_at = now() - interval " + completed);
    return key;
  };
  const std::string old = assignment("'15 days'");
  const std::string recent = assignment("'13 days'");
  EXPECT_EQ(run("assignments_archive"), "1 0");
  EXPECT_EQ(value("assignment", old, "status"), "archive");
  EXPECT_EQ(value("assignment", recent, "status"), "complete");
}

}  // namespace
}  // namespace c360::daemon
