// The clocks of the service desk: working time, pauses, warnings, breaches, requests that nobody
// answers.
#include "daemon/jobs/support_sla.h"

#include <gmock/gmock.h>

#include "store/operations/support_clocks.h"
#include "tests/daemon/job_fixture.h"

namespace c360::daemon {
namespace {

class SupportSlaTest : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    add_support_jobs(handlers_, *database_, records_port());
    company_ = company_of(seller_);
    line_ = person("line", {"support-line-1"});
    lead_ = person("lead", {"support-lead"});
    // Day and night, so that a test has not to ask what the time is.
    schedule(R"({"hours": []})");
    forget();
  }
  void schedule(const std::string& json) {
    sql("UPDATE crm.support_client_settings SET working_schedule = '" + json + "' RETURNING id");
  }
  std::string request(const std::string& more = "") {
    return make("support_request",
                R"({"subject":"Сбой","content":"x","counterparty_id":)" + company_ + more + "}",
                seller_)
        .key;
  }
  // As if all of it had happened so much earlier.
  void age(const std::string& key, const std::string& by) {
    sql("UPDATE crm.support_request SET date_received = date_received - interval '" + by +
        "', first_reaction_at = first_reaction_at - interval '" + by +
        "', stopped_at = stopped_at - interval '" + by + "' WHERE id = " + key + " RETURNING id");
  }
  void to(const std::string& key, const std::string& status, const store::Actor& by) {
    const auto done =
        records_->update(kind("support_request"), key, json(R"({"status":")" + status + "\"}"), by);
    EXPECT_TRUE(done) << status << ": " << describe(done.error());
  }
  std::string clocks(const std::string& key) {
    return sql("SELECT sla1_state || ' ' || sla2_state FROM crm.support_request WHERE id = " + key);
  }
  // Until the solution is due, rounded to minutes.
  std::string left(const std::string& key) {
    return sql(
        "SELECT round(extract(epoch FROM sla2_due_at - now()) / 60) FROM "
        "crm.support_request WHERE id = " +
        key);
  }
  std::string working(const std::string& function, const std::string& arguments) {
    return sql("SELECT crm." + function + "('" + kWeek + "', 'Europe/Moscow', " + arguments + ")");
  }
  static constexpr const char* kWeek =
      R"({"hours": [{"days": [1, 2, 3, 4, 5], "from": "09:00", "to": "13:00"},
                    {"days": [1, 2, 3, 4, 5], "from": "14:00", "to": "18:00"}],
          "holidays": ["2026-11-04"],
          "workdays": [{"date": "2026-11-07", "from": "10:00", "to": "12:00"}]})";

  std::string company_;
  store::Actor line_, lead_;
};

TEST_F(SupportSlaTest, WorkingTimeKnowsNightsBreaksWeekendsHolidaysAndMovedDays) {
  // Tuesday the 3rd, 17:00; the 4th is a holiday; Saturday the 7th is worked.
  EXPECT_EQ(working("after_working_time", "'2026-11-03 17:00+03', '8 hours'"),
            sql("SELECT timestamptz '2026-11-05 17:00+03'"));
  EXPECT_EQ(working("after_working_time", "'2026-11-06 17:00+03', '4 hours'"),
            sql("SELECT timestamptz '2026-11-09 10:00+03'"));
  EXPECT_EQ(working("working_time", "'2026-11-03 12:00+03', '2026-11-05 10:30+03'"), "06:30:00");
  EXPECT_EQ(working("working_time", "'2026-11-06 18:00+03', '2026-11-09 09:00+03'"), "02:00:00");
  EXPECT_EQ(working("working_time", "'2026-11-05 10:00+03', '2026-11-05 09:00+03'"), "00:00:00");
}

TEST_F(SupportSlaTest, AScheduleThatIsNoneIsRefused) {
  const std::string key = sql("SELECT id FROM crm.support_client_settings");
  for (const std::string wrong : {R"({"hours":[{"days":[8],"from":"09:00","to":"18:00"}]})",
                                  R"({"hours":[{"days":[1],"from":"18:00","to":"09:00"}]})",
                                  R"({"hours":[{"days":[1],"from":"nine","to":"18:00"}]})",
                                  R"({"holidays":["1.1.2026"]})", R"({"weekends":[]})"}) {
    EXPECT_THAT(said_to_change("support_client_settings", key,
                               R"({"working_schedule":)" + wrong + "}", admin_),
                ::testing::HasSubstr("validation_failed"))
        << wrong;
  }
  EXPECT_EQ(said_to_change("support_client_settings", key,
                           std::string(R"({"working_schedule":)") + kWeek + "}", admin_),
            "accepted");
  EXPECT_THAT(said_to_change("support_sla", "1", R"({"timezone":"Mars/Olympus"})", admin_),
              ::testing::HasSubstr("validation_failed"));
}

TEST_F(SupportSlaTest, TheReactionEndsWithTheFirstTakeAndTheSolutionWithTheClose) {
  const std::string key = request();
  EXPECT_EQ(clocks(key), "running running");
  EXPECT_EQ(left(key), "480");
  to(key, "first_line_work", line_);
  EXPECT_EQ(clocks(key), "met running");
  to(key, "closed", line_);
  EXPECT_EQ(clocks(key), "met met");
}

TEST_F(SupportSlaTest, TheSolutionWaitsWhileItIsTheCustomersTurn) {
  const std::string key = request();
  to(key, "first_line_work", line_);
  age(key, "1 hour");
  to(key, "clarification", line_);
  EXPECT_EQ(clocks(key), "met paused");
  set("support_request", key, "stopped_at = stopped_at - interval '3 hours'");
  to(key, "first_line_work", admin_);
  EXPECT_EQ(clocks(key), "met running");
  EXPECT_EQ(left(key), "600");  // 8 hours, less one, and three it waited
}

TEST_F(SupportSlaTest, AWarningGoesToWhoWorksAndOneToTheSupervisorEachOnce) {
  const std::string key = request(R"(,"priority":"urgent")");
  age(key, "31 minutes");
  EXPECT_EQ(run("support_sla"), "1 0");
  EXPECT_EQ(run("support_sla"), "0 0");
  const std::string text = "sla_warning: Подходит срок SLA: Заявка SD-" +
                           value("support_request", key, "number") + ": Сбой";
  EXPECT_EQ(told(line_), text);
  EXPECT_EQ(told(lead_), "");
  age(key, "5 minutes");
  EXPECT_EQ(run("support_sla"), "1 0");
  EXPECT_EQ(told(line_), text);
  EXPECT_EQ(told(lead_), text);
}

TEST_F(SupportSlaTest, ABreachIsAnEventOfTheRequestAndToldOnce) {
  const std::string key = request(R"(,"priority":"urgent")");
  run("support_sla");
  age(key, "2 hours");
  run("support_sla");
  EXPECT_EQ(clocks(key), "overdue running");
  EXPECT_EQ(run("support_sla"), "0 0");
  EXPECT_EQ(sql("SELECT string_agg(changes::text || ' ' || origin, ';') FROM crm.history_event "
                "WHERE event = 'sla_breached' AND record_id = " +
                key),
            R"([{"new": "overdue", "old": "running", "field": "sla1_state"}] job)");
  EXPECT_THAT(told(line_), ::testing::StartsWith("sla_breached: Срок SLA нарушен"));
  EXPECT_EQ(told(line_), told(lead_));
}

TEST_F(SupportSlaTest, ADaemonThatSleptForADayTellsOfTheBreachesAndOfNoOldWarning) {
  const std::string late = request();
  const std::string answered = request();
  age(late, "25 hours");
  age(answered, "25 hours");
  to(answered, "first_line_work", line_);  // before any job ran: late, and known to be
  EXPECT_EQ(clocks(answered), "overdue overdue");
  run("support_sla");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'sla_breached'"), "4");
  EXPECT_EQ(sql("SELECT string_agg(DISTINCT event, ' ') FROM crm.notification"), "sla_breached");
  EXPECT_EQ(clocks(late), "overdue overdue");
}

TEST_F(SupportSlaTest, WhatNobodyConfirmsIsClosedAndWhatNobodyAnswersComesBackToTheFirstLine) {
  const std::string confirmed = request();
  const std::string asked = request();
  for (const std::string& key : {confirmed, asked}) to(key, "first_line_work", line_);
  to(confirmed, "approve", line_);
  to(asked, "clarification", line_);
  EXPECT_EQ(run("support_sla"), "0 0");
  age(confirmed, "47 hours");
  age(asked, "23 hours");
  EXPECT_EQ(run("support_sla"), "0 0");
  age(confirmed, "2 hours");
  age(asked, "2 hours");
  EXPECT_EQ(run("support_sla"), "2 0");
  EXPECT_EQ(value("support_request", confirmed, "status"), "closed");
  EXPECT_EQ(value("support_request", asked, "status"), "first_line");
  EXPECT_EQ(clocks(confirmed), "met met");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'status_changed' AND "
                "origin = 'job'"),
            "2");
}

TEST_F(SupportSlaTest, AnAgreementOfACustomerGoesBeforeTheCommonOneAndMovesTheClocks) {
  const std::string key = request();
  make("support_sla",
       R"({"priority":"medium","time_first_reaction":"PT1H","time_resolve":"PT2H",)"
       R"("counterparty_id":)" +
           company_ + "}",
       admin_);
  EXPECT_EQ(left(key), "120");
  EXPECT_EQ(said_to_change("support_request", key, R"({"priority":"low"})", admin_), "accepted");
  EXPECT_EQ(left(key), "2400");
}

TEST_F(SupportSlaTest, AnAgreementOfACustomerLeavesTheRequestsOfOthersAlone) {
  const std::string key = request();
  const auto version = [&] {
    return sql("SELECT xmin FROM crm.support_request WHERE id = " + key);
  };
  const std::string before = version();
  const std::string of_other =
      R"({"priority":"medium","time_first_reaction":"PT1H","time_resolve":"PT2H",)"
      R"("counterparty_id":)" +
      company_of(seller_) + "}";
  make("support_sla", of_other, admin_);
  EXPECT_EQ(version(), before);
  sql("UPDATE crm.support_sla SET time_resolve = '3 hours' WHERE counterparty_id IS NULL RETURNING "
      "id");
  EXPECT_NE(version(), before);
  EXPECT_EQ(left(key), "180");
}

// A person who changes a request holds it and wants its alarms: the job waits for neither.
TEST_F(SupportSlaTest, TheAlarmsOfARequestThatSomebodyHoldsAreLeftForTheNextRun) {
  const std::string key = request(R"(,"priority":"urgent")");
  age(key, "2 hours");
  auto person = database_->begin(store::Pool::work, store::TxMode::read_write);
  ASSERT_TRUE(person->query(
      {"", "SELECT id FROM crm.support_request WHERE id = " + key + " FOR NO KEY UPDATE"}));
  auto job = database_->begin(store::Pool::work, store::TxMode::read_write);
  EXPECT_EQ(*store::ring_support_alarms(*job, 10), 0);
  EXPECT_TRUE(job->commit());
  EXPECT_TRUE(person->commit());
  EXPECT_NE(run("support_sla"), "0 0");
}

TEST_F(SupportSlaTest, ACustomerMayHaveALineOfHisOwn) {
  make("support_client_settings",
       R"({"line1_group":"support-lead","line2_group":"support-line-3","counterparty_id":)" +
           company_ + "}",
       admin_);
  const std::string key = request();
  EXPECT_EQ(value("support_request", key, "assignee_group_id"), "support-lead");
  to(key, "first_line_work", lead_);
  to(key, "second_line", lead_);
  EXPECT_EQ(value("support_request", key, "assignee_group_id"), "support-line-3");
}

TEST_F(SupportSlaTest, TwoDaemonsRingEachAlarmOnce) {
  for (int i = 0; i < 20; ++i) age(request(R"(,"priority":"urgent")"), "5 hours");
  run_in_two_daemons("support_sla", 6);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'sla_breached'"), "40");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.notification WHERE user_id = " + id_of(line_)), "40");
}

}  // namespace
}  // namespace c360::daemon
