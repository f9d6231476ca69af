// Express reports made by their job: a real Kontur.Focus over TLS as recorded, a real database, and
// daemons that die at every step.
#include "daemon/jobs/express_report.h"

#include <gmock/gmock.h>

#include <atomic>

#include "adapters/curl_http_client.h"
#include "adapters/stored_gate_states.h"
#include "store/operations/action.h"
#include "store/operations/express_report.h"
#include "store/service_quotas.h"
#include "store/service_switches.h"
#include "tests/adapters/service_setting.h"
#include "tests/store/records_fixture.h"

namespace c360::daemon {
namespace {

using adapters::service_fixture;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ServiceReply;

constexpr const char* kPath = "/api3/briefReport";

ServiceReply risk(const std::string& level = "green") {
  return {.body = service_fixture("kontur/brief_" + level + ".json")};
}
// Of one length, and another content for each `mark`.
ServiceReply pdf(char mark = 'a') {
  return {.body = service_fixture("kontur/brief_report.pdf") + "\n%" + mark + "\n",
          .content_type = "application/pdf"};
}

class ExpressReportTest : public c360::testing::RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    settings_.kontur.token = Secret("PLANTED-FOCUS");
    settings_.kontur.base_url = focus_.url();
    settings_.kontur.ca_file = focus_.ca_file();
    adapters::be_patient(settings_.kontur.json);
    adapters::be_patient(settings_.kontur.pdf);
    settings_.kontur.json.rate = settings_.kontur.pdf.rate = {.calls = 1'000, .burst = 1'000};
    restart();
    set_switch(true);
  }
  // A daemon that begins with nothing but the database.
  void restart() {
    states_ = std::make_unique<adapters::StoredGateStates>(*database_);
    reports_ = std::make_unique<adapters::FocusReports>(
        settings_, "one",
        adapters::FocusReportsPorts{
            .database = *database_, .states = *states_, .clock = clock_, .connect = [] {
              return std::make_unique<adapters::CurlHttpClient>("test");
            }});
    handlers_.clear();
    add_express_report_jobs(handlers_, {.database = *database_,
                                        .reports = *reports_,
                                        .records =
                                            [this] {
                                              return std::shared_ptr<store::Records>(
                                                  std::shared_ptr<void>(), records_.get());
                                            },
                                        .zone = *TimeZone::named("Europe/Moscow")});
  }
  void set_switch(bool is_on) {
    ASSERT_TRUE(store::set_service_switch(*database_, {.service = "kontur", .is_on = is_on}));
  }
  std::string card(const std::string& inn = "6663003127") {
    return make("counterparty",
                R"({"name":"К","segment_code":"small","acquisition_channel_code":"site",)"
                R"("status_code":"active","inn":")" +
                    inn + "\"}",
                admin_)
        .key;
  }
  // Takes the job and runs it: "done", or the code and reason of its failure.
  std::string run() {
    const auto jobs = store::take_jobs(*database_, {"express_report"}, "a", 1);
    if (!jobs || jobs->size() != 1) return "no job";
    const auto end = attempt(jobs->front());
    if (end != "done") {
      EXPECT_TRUE(store::settle_job(*database_, jobs->front(), {.end = store::JobEnd::retry}));
    }
    return end;
  }
  std::string attempt(const store::Job& job) {
    const std::atomic<bool> stopping = false;
    JobRun run(*database_, job, stopping);
    const auto done = handlers_.at(job.kind)(run);
    if (!done) return std::string(to_string(done.error().code)) + " " + done.error().reason;
    (void)store::settle_job(*database_, job, {});
    return "done";
  }
  // Of crm.express_report.
  std::string report(const std::string& key, const std::string& column) {
    return sql("SELECT " + column + " FROM crm.express_report WHERE counterparty_id = " + key);
  }
  std::string documents(const std::string& key) {
    return sql(
        "SELECT count(*) FROM crm.document WHERE type_code = 'express_report' AND "
        "parent_record_id = " +
        key);
  }
  std::size_t calls() const { return focus_.requests().size(); }
  void ask_again(const std::string& key) {
    const store::Actions actions{registry_};
    const auto& counterparty = kind("counterparty");
    const auto asked = store::perform(*database_, *records_, counterparty,
                                      *actions.find(counterparty, "express-report"),
                                      std::stoll(key), json(R"({"refresh":true})"), admin_);
    ASSERT_TRUE(asked) << describe(asked.error());
  }

  testing::ServiceServer focus_;
  adapters::FocusReportsOptions settings_;
  std::unique_ptr<adapters::StoredGateStates> states_;
  std::unique_ptr<adapters::FocusReports> reports_;
  JobHandlers handlers_;
};

TEST_F(ExpressReportTest, ACounterpartyMadeWithAnInnGetsItsReportAndPdf) {
  focus_.next(risk());
  focus_.next(pdf());
  const std::string key = card();
  EXPECT_EQ(value("counterparty", key, "check_status"), "pending");
  EXPECT_EQ(report(key, "status"), "queued");

  EXPECT_EQ(run(), "done");

  EXPECT_EQ(value("counterparty", key, "check_status"), "reliable");
  EXPECT_EQ(value("counterparty", key, "risk_level"), "green");
  EXPECT_EQ(report(key, "status || ' ' || risk_level"), "ready green");
  const std::string document = value("counterparty", key, "express_report_document_id");
  EXPECT_EQ(value("document", document, "type_code"), "express_report");
  EXPECT_EQ(value("document", document, "parent_record_id"), key);
  EXPECT_EQ(sql("SELECT file_name ~ '^express-report_6663003127_[0-9]{4}-[0-9]{2}-[0-9]{2}.pdf$' "
                "FROM crm.document_version WHERE document_id = " +
                document),
            "t");
  EXPECT_EQ(sql("SELECT string_agg(event, ' ' ORDER BY id) FROM crm.history_event WHERE record_id "
                "= " +
                key),
            "created check_status_changed document_added check_status_changed updated");
  EXPECT_EQ(calls(), 2U);
  EXPECT_EQ(focus_.requests().back().query.at("pdf"), "true");
  EXPECT_EQ(sql("SELECT count(*) FROM ops.service_answer WHERE exchange LIKE '%PLANTED%' OR "
                "exchange LIKE '%TESTMAC%' OR exchange LIKE '%TESTLTOKEN%'"),
            "0");
}

TEST_F(ExpressReportTest, WhereWholeAnswersAreNotKeptALevelIsReadOfWhatIs) {
  settings_.keeps_whole = false;
  restart();
  focus_.next(risk("red"));
  focus_.next(pdf());
  const std::string key = card();
  ASSERT_TRUE(reports_->risk({.id = "6663003127"}, {}));
  restart();

  EXPECT_EQ(run(), "done");

  EXPECT_EQ(value("counterparty", key, "check_status"), "risky");
  EXPECT_EQ(calls(), 2U);
  EXPECT_EQ(sql("SELECT count(*) FROM ops.service_answer WHERE exchange LIKE '%redStatements%'"),
            "1");
  EXPECT_EQ(sql("SELECT count(*) FROM ops.service_answer WHERE exchange LIKE '%href%' OR "
                "exchange LIKE '%focusHref%'"),
            "0");
}

TEST_F(ExpressReportTest, ADaemonThatDiesAtAnyStepCostsNoAnswerThatWasKept) {
  focus_.next(risk("red"));
  focus_.next(pdf());
  const std::string key = card();
  // It died with the level in hand, then with the PDF, then while writing.
  ASSERT_TRUE(reports_->risk({.id = "6663003127"}, {}));
  restart();
  ASSERT_TRUE(reports_->report({.id = "6663003127"}, {}));
  restart();
  const auto dead = store::take_jobs(*database_, {"express_report"}, "dead", 1);
  ASSERT_EQ(dead->size(), 1U);
  sql("UPDATE ops.job SET locked_until = now() - interval '1 s' WHERE kind = 'express_report' "
      "RETURNING id");
  ASSERT_EQ(*store::reclaim_jobs(*database_), 1);

  EXPECT_EQ(run(), "done");
  // What the dead one does late is not done: the job is not its any more.
  EXPECT_EQ(attempt(dead->front()), "conflict lease_lost");

  EXPECT_EQ(calls(), 2U);
  EXPECT_EQ(documents(key), "1");
  EXPECT_EQ(value("counterparty", key, "check_status"), "risky");
}

TEST_F(ExpressReportTest, APdfThatIsNoneStoresNothingAndKeepsTheLevel) {
  focus_.next(risk("green_yellow"));
  focus_.next({.body = "<html>Maintenance</html>", .content_type = "application/pdf"});
  focus_.next(pdf());
  const std::string key = card();

  EXPECT_EQ(run(), "unavailable malformed");
  EXPECT_EQ(report(key, "status || ' ' || risk_level"), "running yellow");
  EXPECT_EQ(value("counterparty", key, "risk_level"), "yellow");
  EXPECT_EQ(value("counterparty", key, "check_status"), "pending");
  EXPECT_EQ(documents(key), "0");
  EXPECT_EQ(run(), "done");

  EXPECT_EQ(value("counterparty", key, "check_status"), "needs_check");
  EXPECT_EQ(calls(), 3U);  // the level was not bought again
}

TEST_F(ExpressReportTest, AnOgrnThatArrivesBetweenAttemptsBuysNothingAgain) {
  focus_.next(risk("green"));
  focus_.next({.body = "<html>Maintenance</html>", .content_type = "application/pdf"});
  focus_.next(pdf());
  const std::string key = card();
  EXPECT_EQ(run(), "unavailable malformed");
  ASSERT_TRUE(
      records_->update(kind("counterparty"), key, json(R"({"ogrn":"1026605606620"})"), admin_));

  EXPECT_EQ(run(), "done");

  EXPECT_EQ(value("counterparty", key, "check_status"), "reliable");
  EXPECT_EQ(calls(), 3U);
  EXPECT_EQ(sql("SELECT string_agg(subject, ' ') FROM ops.service_answer"),
            "6663003127 6663003127");
}

TEST_F(ExpressReportTest, AfterTwoAnswersThatAreNoneItHasFailedAndCanBeAskedForAgain) {
  focus_.next(risk());
  focus_.next({.body = "no pdf", .content_type = "application/pdf"});
  focus_.next({.body = "no pdf", .content_type = "application/pdf"});
  const std::string key = card();
  EXPECT_EQ(run(), "unavailable malformed");
  EXPECT_EQ(run(), "upstream_rejected malformed");
  EXPECT_EQ(report(key, "status || ' ' || reason"), "failed malformed");
  EXPECT_EQ(value("counterparty", key, "check_status"), "failed");
  sql("UPDATE ops.job SET status = 'failed', finished_at = now() WHERE kind = 'express_report' "
      "RETURNING id");

  focus_.next(risk("red"));
  focus_.next(pdf());
  ask_again(key);
  EXPECT_EQ(value("counterparty", key, "check_status"), "pending");
  EXPECT_EQ(run(), "done");
  EXPECT_EQ(value("counterparty", key, "check_status"), "risky");
}

TEST_F(ExpressReportTest, AnInnNobodyKnowsIsNoErrorAndIsNotAskedTwice) {
  focus_.on(kPath, {.body = "[]"});
  const std::string key = card();

  EXPECT_EQ(run(), "done");

  EXPECT_EQ(report(key, "status"), "not_found");
  EXPECT_EQ(value("counterparty", key, "check_status"), "not_found");
  EXPECT_EQ(documents(key), "0");
  EXPECT_EQ(calls(), 1U);
  EXPECT_EQ(run(), "no job");
}

TEST_F(ExpressReportTest, ANewReportIsAnotherVersionAndTheSameOneIsNot) {
  for (const auto& reply : {risk(), pdf('a'), risk("red"), pdf('b'), risk("red"), pdf('b')})
    focus_.next(reply);
  const std::string key = card();
  ASSERT_EQ(run(), "done");
  for (int i = 0; i < 2; ++i) {
    ask_again(key);
    EXPECT_EQ(value("counterparty", key, "check_status"), i == 0 ? "reliable" : "risky");
    ASSERT_EQ(run(), "done");
  }

  EXPECT_EQ(calls(), 6U);
  EXPECT_EQ(documents(key), "1");
  EXPECT_EQ(sql("SELECT max(version_no) FROM crm.document_version WHERE document_id = " +
                value("counterparty", key, "express_report_document_id")),
            "2");
  EXPECT_EQ(value("counterparty", key, "check_status"), "risky");
}

TEST_F(ExpressReportTest, ASpentContractWaitsAndARefusedKeyIsNoFailureOfTheCheck) {
  focus_.next(risk("red"));
  focus_.next(pdf());
  const std::string key = card();
  ASSERT_EQ(run(), "done");
  focus_.next({.status = 403,
               .body = service_fixture("kontur/errors/403_bad_key.txt"),
               .content_type = "text/plain"});
  ask_again(key);

  EXPECT_THAT(run(), HasSubstr("upstream_auth"));
  EXPECT_EQ(value("counterparty", key, "check_status"), "risky");
  EXPECT_EQ(report(key, "status"), "running");
  EXPECT_THAT(sql("SELECT string_agg(state, ' ') FROM ops.service_gate"),
              Not(HasSubstr("PLANTED")));
}

TEST_F(ExpressReportTest, AKeyThatStaysRefusedFailsNoCheck) {
  focus_.next({.status = 403,
               .body = service_fixture("kontur/errors/403_bad_key.txt"),
               .content_type = "text/plain"});
  const std::string key = card();
  sql("UPDATE ops.job SET attempts = max_attempts - 1 WHERE kind = 'express_report' RETURNING 1");

  EXPECT_THAT(run(), HasSubstr("upstream_auth"));

  EXPECT_EQ(report(key, "status"), "running");
  EXPECT_EQ(value("counterparty", key, "check_status"), "pending");
}

TEST_F(ExpressReportTest, WithTheServiceOffNothingIsQueuedAndAskingIsRefused) {
  set_switch(false);
  const std::string key = card();

  EXPECT_EQ(value("counterparty", key, "check_status"), "none");
  EXPECT_EQ(run(), "no job");
  const store::Actions actions{registry_};
  const auto& counterparty = kind("counterparty");
  const auto asked = store::perform(*database_, *records_, counterparty,
                                    *actions.find(counterparty, "express-report"), std::stoll(key),
                                    json("{}"), admin_);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().reason, "adapter_off");
}

TEST_F(ExpressReportTest, AStaleReportIsAskedForAgainByTheClock) {
  for (const auto& reply : {risk(), pdf('a'), risk("red"), pdf('b')}) focus_.next(reply);
  const std::string key = card();
  ASSERT_EQ(run(), "done");
  EXPECT_EQ(*store::queue_stale_reports(*database_, 10), 0);
  sql("UPDATE crm.express_report SET obtained_at = now() - interval '31 days' RETURNING 1");
  EXPECT_THAT(*store::express_report_json(*database_, std::stoll(key)),
              HasSubstr(R"("status" : "stale")"));

  EXPECT_EQ(*store::queue_stale_reports(*database_, 10), 1);
  EXPECT_EQ(*store::queue_stale_reports(*database_, 10), 0);
  EXPECT_EQ(run(), "done");
  EXPECT_EQ(value("counterparty", key, "check_status"), "risky");
}

TEST_F(ExpressReportTest, TheClockLeavesATwentiethOfTheContractToPeople) {
  focus_.next(risk());
  focus_.next(pdf());
  card();
  ASSERT_EQ(run(), "done");
  sql("UPDATE crm.express_report SET obtained_at = now() - interval '31 days' RETURNING 1");
  const auto left = [this](const std::string& remaining) {
    ASSERT_TRUE(store::keep_service_quota(
        *database_,
        {.service = "kontur", .name = "briefReport", .remaining = remaining, .total = "100"}));
  };
  left("5");
  EXPECT_EQ(*store::queue_stale_reports(*database_, 10), 0);
  left("6");
  EXPECT_EQ(*store::queue_stale_reports(*database_, 10), 1);
}

TEST_F(ExpressReportTest, TheLastOfTheContractIsForThoseWhoAskByHand) {
  for (const auto& reply : {risk(), pdf('a'), risk("red"), pdf('b')}) focus_.next(reply);
  const std::string key = card();
  ASSERT_EQ(run(), "done");
  sql("UPDATE crm.express_report SET obtained_at = now() - interval '31 days' RETURNING 1");
  ASSERT_EQ(*store::queue_stale_reports(*database_, 10), 1);
  ASSERT_TRUE(store::keep_service_quota(
      *database_,
      {.service = "kontur", .name = "api3/briefReport", .remaining = "5", .total = "100"}));
  EXPECT_EQ(run(), "rate_limited quota_reserve");
  EXPECT_EQ(calls(), 2U);
  sql("UPDATE ops.job SET run_at = now() + interval '1 day' WHERE status = 'queued' RETURNING 1");

  // The same job, by hand now.
  ask_again(key);
  EXPECT_EQ(run(), "done");

  EXPECT_EQ(value("counterparty", key, "check_status"), "risky");
  EXPECT_EQ(calls(), 4U);
}

TEST_F(ExpressReportTest, WhatCameToNothingIsAskedForAgainByTheClock) {
  focus_.on(kPath, {.body = "[]"});
  const std::string key = card();
  ASSERT_EQ(run(), "done");
  for (const std::string status : {"not_found", "failed"}) {
    sql("UPDATE crm.express_report SET requested_at = now(), status = '" + status +
        "' RETURNING 1");
    EXPECT_EQ(*store::queue_stale_reports(*database_, 10), 0) << status;
    sql("UPDATE crm.express_report SET requested_at = now() - interval '31 days' RETURNING 1");

    EXPECT_EQ(*store::queue_stale_reports(*database_, 10), 1) << status;

    EXPECT_EQ(run(), "done");
    EXPECT_EQ(report(key, "status"), "not_found");
  }
}

TEST_F(ExpressReportTest, ACardMadeWhileTheServiceWasOffIsAskedAboutByTheClock) {
  set_switch(false);
  const std::string key = card();
  EXPECT_EQ(*store::queue_stale_reports(*database_, 10), 0);
  set_switch(true);
  focus_.next(risk("red"));
  focus_.next(pdf());

  EXPECT_EQ(*store::queue_stale_reports(*database_, 10), 1);
  EXPECT_EQ(*store::queue_stale_reports(*database_, 10), 0);

  EXPECT_EQ(run(), "done");
  EXPECT_EQ(value("counterparty", key, "check_status"), "risky");
}

TEST_F(ExpressReportTest, AnInnThatChangesIsAnotherReport) {
  const std::string key = card("7707083893");
  ASSERT_TRUE(records_->update(kind("counterparty"), key, json(R"({"inn":"6663003127"})"), admin_));
  // The job of the former INN ends without a call.
  focus_.next(risk());
  focus_.next(pdf());

  EXPECT_EQ(run(), "done");
  EXPECT_EQ(run(), "done");

  EXPECT_EQ(calls(), 2U);
  EXPECT_EQ(report(key, "inn || ' ' || status"), "6663003127 ready");
}

TEST_F(ExpressReportTest, WhatWasFoundOutOfOneCompanyIsNotSaidOfAnother) {
  const std::string key = card();
  focus_.next(risk());
  focus_.next(pdf());
  ASSERT_EQ(run(), "done");
  const auto said = [&] {
    return sql(
        "SELECT check_status || ' ' || coalesce(risk_level, 'none') || ' ' ||"
        " (express_report_document_id IS NOT NULL) FROM crm.counterparty WHERE id = " +
        key);
  };
  const std::string before = said();
  EXPECT_TRUE(before.ends_with(" true")) << before;

  set_switch(false);
  ASSERT_TRUE(records_->update(kind("counterparty"), key, json(R"({"inn":"7707083893"})"), admin_));
  EXPECT_EQ(said(), "none none false");
  set_switch(true);
  ASSERT_TRUE(records_->update(kind("counterparty"), key, json(R"({"inn":"6663003127"})"), admin_));
  EXPECT_EQ(said(), "pending none false");
  ASSERT_TRUE(records_->update(kind("counterparty"), key, json(R"({"inn":null})"), admin_));
  EXPECT_EQ(said(), "none none false");
}

TEST_F(ExpressReportTest, OneThatIsCanceledLeavesNoCardWaiting) {
  const std::string key = card();
  const auto job = std::stoll(sql("SELECT id FROM ops.job WHERE kind = 'express_report'"));

  ASSERT_TRUE(store::cancel_job(*database_, job));

  EXPECT_EQ(report(key, "status || ' ' || reason"), "failed job_canceled");
  EXPECT_EQ(value("counterparty", key, "check_status"), "failed");
  EXPECT_EQ(sql("SELECT changes->0->>'new' FROM crm.history_event "
                "WHERE event = 'check_status_changed'"),
            "failed");
  // Put back it is made after all.
  focus_.next(risk());
  focus_.next(pdf());
  ASSERT_TRUE(store::retry_job(*database_, job));
  EXPECT_EQ(run(), "done");
  EXPECT_EQ(report(key, "status"), "ready");
}

TEST_F(ExpressReportTest, ARenewalWhoseJobFailedIsMadeWhenItIsPutBack) {
  focus_.next(risk());
  focus_.next(pdf());
  const std::string key = card();
  ASSERT_EQ(run(), "done");
  ask_again(key);
  const auto job = std::stoll(sql("SELECT max(id) FROM ops.job WHERE kind = 'express_report'"));
  sql("UPDATE crm.express_report SET status = 'running' RETURNING 1");
  sql("UPDATE ops.job SET status = 'failed', finished_at = now() WHERE id = " +
      std::to_string(job) + " RETURNING 1");
  ASSERT_EQ(report(key, "status"), "ready");

  focus_.next(risk());
  focus_.next(pdf('b'));
  ASSERT_TRUE(store::retry_job(*database_, job));
  EXPECT_EQ(run(), "done");
  EXPECT_EQ(calls(), 4U);
}

TEST_F(ExpressReportTest, ARenewalThatIsCanceledLeavesTheReportThereIs) {
  focus_.next(risk());
  focus_.next(pdf());
  const std::string key = card();
  ASSERT_EQ(run(), "done");
  ask_again(key);
  const auto job = std::stoll(sql("SELECT max(id) FROM ops.job WHERE kind = 'express_report'"));
  // The daemon that had begun it is gone.
  sql("UPDATE crm.express_report SET status = 'running' RETURNING 1");

  ASSERT_TRUE(store::cancel_job(*database_, job));

  EXPECT_EQ(report(key, "status"), "ready");
  EXPECT_EQ(value("counterparty", key, "check_status"), "reliable");
  focus_.next(risk());
  focus_.next(pdf('b'));
  ASSERT_TRUE(store::retry_job(*database_, job));
  EXPECT_EQ(run(), "done");
  EXPECT_EQ(documents(key), "1");
  EXPECT_EQ(calls(), 4U) << "put back it is asked for again";
}

}  // namespace
}  // namespace c360::daemon
