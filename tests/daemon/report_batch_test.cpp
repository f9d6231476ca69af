// Express reports of many as one job: a Kontur.Focus over TLS, a real database, and a job that is
// broken off, paused, canceled and refused.
#include "daemon/jobs/report_batch.h"

#include <gmock/gmock.h>

#include <atomic>

#include "adapters/curl_http_client.h"
#include "adapters/stored_gate_states.h"
#include "store/operations/report_batch.h"
#include "store/service_quotas.h"
#include "store/service_switches.h"
#include "tests/adapters/service_setting.h"
#include "tests/store/records_fixture.h"
#include "tests/support/focus_service.h"

namespace c360::daemon {
namespace {

using store::BatchPlan;
using store::BatchWish;
using testing::company_inn;
using testing::FocusService;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ServiceReply;

class ReportBatchTest : public c360::testing::RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    settings_.kontur.token = Secret("PLANTED-FOCUS");
    settings_.kontur.base_url = focus_.server().url();
    settings_.kontur.ca_file = focus_.server().ca_file();
    adapters::be_patient(settings_.kontur.json);
    adapters::be_patient(settings_.kontur.pdf);
    settings_.kontur.json.rate = settings_.kontur.pdf.rate = {.calls = 1'000, .burst = 1'000};
    reports_ = std::make_unique<adapters::FocusReports>(
        settings_, "one",
        adapters::FocusReportsPorts{
            .database = *database_, .states = states(), .clock = clock_, .connect = [] {
              return std::make_unique<adapters::CurlHttpClient>("test");
            }});
    add_report_batch_job(handlers_, {.database = *database_,
                                     .reports = *reports_,
                                     .records =
                                         [this] {
                                           return std::shared_ptr<store::Records>(
                                               std::shared_ptr<void>(), records_.get());
                                         },
                                     .zone = *TimeZone::named("Europe/Moscow")});
  }
  adapters::GateStates& states() {
    states_ = std::make_unique<adapters::StoredGateStates>(*database_);
    return *states_;
  }
  void turn_on(int limit = 1'000) {
    ASSERT_TRUE(store::set_service_switch(
        *database_, {.service = "kontur", .is_on = true, .batch_limit = limit}));
  }
  // Made while the service is off, so that nothing is asked by itself.
  std::vector<std::int64_t> cards(int count) {
    std::vector<std::int64_t> ids;
    for (int i = 1; i <= count; ++i) ids.push_back(card(company_inn(i), admin_));
    return ids;
  }
  std::int64_t card(const std::string& inn, const store::Actor& actor) {
    return std::stoll(make("counterparty",
                           R"({"name":"К","segment_code":"small","status_code":"active",)"
                           R"("acquisition_channel_code":"site","inn":)" +
                               (inn.empty() ? "null" : "\"" + inn + "\"") + "}",
                           actor)
                          .key);
  }
  Result<BatchPlan> planned(const BatchWish& wish, const store::Actor& actor) {
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_write);
    return store::plan_report_batch(*records_, *tx, wish, actor);
  }
  Result<std::int64_t> start(const BatchWish& wish, const store::Actor& actor) {
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_write);
    auto plan = store::plan_report_batch(*records_, *tx, wish, actor);
    if (!plan) return std::unexpected(plan.error());
    auto id = store::start_report_batch(*tx, wish, *plan, actor);
    const auto done = id ? tx->commit() : Result<void>{};
    EXPECT_TRUE(done);
    return id;
  }
  // One slice, settled as a worker does: "done", "goes on", or why it failed. Nobody takes it:
  // "no job".
  std::string run() {
    const auto jobs = store::take_jobs(*database_, {"express_report_batch"}, "a", 1);
    if (!jobs || jobs->size() != 1) return "no job";
    stopping_ = false;
    JobRun run(*database_, jobs->front(), stopping_);
    const auto done = handlers_.at("express_report_batch")(run);
    if (!done) {
      (void)store::settle_job(*database_, jobs->front(), {.end = store::JobEnd::given_back});
      return done.error().detail;
    }
    EXPECT_TRUE(
        store::settle_job(*database_, jobs->front(),
                          {.end = done->again_after ? store::JobEnd::goes_on : store::JobEnd::done,
                           .delay = done->again_after.value_or(std::chrono::milliseconds{0}),
                           .error = done->trouble,
                           .processed = done->processed,
                           .failed = done->failed}));
    return done->again_after ? "goes on" : "done";
  }
  Json shown(std::int64_t id) {
    const auto text = store::report_batch_json(*database_, id, admin_);
    EXPECT_TRUE(text);
    return text ? json(*text) : Json{};
  }
  std::string field(std::int64_t id, std::string_view name) {
    const Json batch = shown(id);
    const Json* value = batch.find(name);
    if (value == nullptr) return "absent";
    return value->is_string() ? value->as_string() : value->dump();
  }
  std::string items(std::int64_t id) {
    return sql(
        "SELECT string_agg(count || ' ' || state, ', ' ORDER BY state) FROM (SELECT count(*), state"
        " FROM ops.report_batch_item WHERE job_id = " +
        std::to_string(id) + " GROUP BY state) s");
  }

  FocusService focus_;
  adapters::FocusReportsOptions settings_;
  std::unique_ptr<adapters::StoredGateStates> states_;
  std::unique_ptr<adapters::FocusReports> reports_;
  JobHandlers handlers_;
  std::atomic<bool> stopping_ = false;
};

TEST_F(ReportBatchTest, SaysBeforehandWhatItWillCostAndGetsTheReportOfEach) {
  std::vector<std::int64_t> ids = cards(3);
  ids.push_back(card("", admin_));
  turn_on();
  ASSERT_TRUE(store::keep_service_quota(
      *database_, {.service = "kontur", .name = "briefReport", .remaining = "2", .total = "100"}));
  const BatchWish wish{.ids = ids};

  const auto plan = planned(wish, admin_);
  ASSERT_TRUE(plan) << describe(plan.error());
  EXPECT_EQ(plan->found, 4);
  EXPECT_EQ(plan->wanted.size(), 3U);
  EXPECT_EQ(plan->without_inn, 1);
  EXPECT_EQ(plan->calls, 6);
  EXPECT_EQ(plan->charged, 3);
  EXPECT_EQ(plan->left, 2);
  EXPECT_FALSE(plan->is_enough());
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job"), "0");

  const auto id = start(wish, admin_);
  ASSERT_TRUE(id) << describe(id.error());
  EXPECT_EQ(field(*id, "state"), "queued");
  EXPECT_EQ(field(*id, "left_seconds"), "3");
  EXPECT_EQ(run(), "done");

  EXPECT_EQ(items(*id), "3 ready");
  EXPECT_EQ(field(*id, "state"), "done");
  EXPECT_EQ(field(*id, "done") + "/" + field(*id, "total") + " " + field(*id, "failed"), "3/3 0");
  EXPECT_EQ(value("counterparty", std::to_string(ids[0]), "check_status"), "reliable");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.document WHERE type_code = 'express_report'"), "3");
  EXPECT_EQ(focus_.bought(), 6);
  const auto again = planned(wish, admin_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->kept, 3);
  EXPECT_EQ(again->calls, 0);
  EXPECT_EQ(*start(wish, admin_), 0);
}

TEST_F(ReportBatchTest, WhatIsKeptOfAnEarlierCallIsNeitherCountedNorBought) {
  const std::vector<std::int64_t> ids = cards(2);
  turn_on();
  ASSERT_TRUE(reports_->risk({.id = company_inn(1)}, {}));
  ASSERT_TRUE(reports_->report({.id = company_inn(1)}, {}));

  const auto plan = planned({.ids = ids}, admin_);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->calls, 2);
  EXPECT_EQ(plan->charged, 1);
  EXPECT_EQ(planned({.ids = ids, .fresh = true}, admin_)->calls, 4);
  ASSERT_TRUE(start({.ids = ids}, admin_));
  EXPECT_EQ(run(), "done");

  EXPECT_EQ(focus_.bought(company_inn(1)), 2);
  EXPECT_EQ(focus_.bought(company_inn(2)), 2);
}

TEST_F(ReportBatchTest, BrokenOffAtAnyReportItGoesOnWithoutBuyingOneTwice) {
  const std::vector<std::int64_t> ids = cards(4);
  turn_on();
  const auto id = start({.ids = ids, .fresh = true}, admin_);
  ASSERT_TRUE(id);
  // Once between the level and the PDF of a company, once between two companies.
  focus_.on_report([this](int request) { stopping_ = request == 3 || request == 6; });

  EXPECT_EQ(run(), "told to stop");
  EXPECT_EQ(field(*id, "done"), "1");
  EXPECT_EQ(run(), "told to stop");
  EXPECT_EQ(field(*id, "done"), "3");
  EXPECT_EQ(run(), "done");

  EXPECT_EQ(items(*id), "4 ready");
  EXPECT_EQ(focus_.bought(), 8);
}

TEST_F(ReportBatchTest, AnotherWorkerTakesItOverFromADeadOneWhoseLateWriteIsRefused) {
  const std::vector<std::int64_t> ids = cards(2);
  turn_on();
  const auto id = start({.ids = ids}, admin_);
  const auto dead = store::take_jobs(*database_, {"express_report_batch"}, "dead", 1);
  ASSERT_EQ(dead->size(), 1U);
  sql("UPDATE ops.job SET locked_until = now() - interval '1 s' RETURNING id");
  ASSERT_EQ(*store::reclaim_jobs(*database_), 1);

  EXPECT_EQ(run(), "done");
  JobRun late(*database_, dead->front(), stopping_);
  const auto refused = handlers_.at("express_report_batch")(late);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "lease_lost");
  EXPECT_EQ(field(*id, "done"), "2");
  EXPECT_EQ(focus_.bought(), 4);
}

TEST_F(ReportBatchTest, RestsWhenItIsPausedAndGoesOnWhenItIsResumed) {
  const std::vector<std::int64_t> ids = cards(3);
  turn_on();
  const auto id = start({.ids = ids}, admin_);
  focus_.on_report([this, batch = *id](int request) {
    if (request == 2) (void)store::pause_job(*database_, batch);
  });

  EXPECT_EQ(run(), "goes on");
  EXPECT_EQ(field(*id, "state"), "paused");
  EXPECT_EQ(items(*id), "2 pending, 1 ready");
  EXPECT_EQ(run(), "no job");
  EXPECT_EQ(focus_.bought(), 2);
  ASSERT_TRUE(store::resume_job(*database_, *id));
  EXPECT_EQ(run(), "done");

  EXPECT_EQ(items(*id), "3 ready");
  EXPECT_EQ(store::pause_job(*database_, *id).error().reason, "job_finished");
}

TEST_F(ReportBatchTest, CanceledItAsksForNothingMoreAndKeepsWhatItGot) {
  const std::vector<std::int64_t> ids = cards(3);
  turn_on();
  const auto id = start({.ids = ids}, admin_);
  focus_.on_report([this, batch = *id](int request) {
    if (request == 2) (void)store::cancel_job(*database_, batch);
  });

  EXPECT_EQ(run(), "goes on");

  EXPECT_EQ(field(*id, "state"), "canceled");
  EXPECT_EQ(items(*id), "2 pending, 1 ready");
  EXPECT_EQ(run(), "no job");
  EXPECT_EQ(focus_.bought(), 2);
}

TEST_F(ReportBatchTest, WaitsWhenTheContractIsSpentSaysWhatToDoAndGoesOnWhenMoreWasPaidFor) {
  const std::vector<std::int64_t> ids = cards(3);
  turn_on();
  const auto id = start({.ids = ids}, admin_);
  const auto left = [this](int spent) {
    focus_.server().on("/api3/stat",
                       {.body = R"([{"methodName":"api3/briefReport","endDate":"2199-12-31",)"
                                R"("limit":100,"spent":)" +
                                std::to_string(spent) + "}]"});
  };
  left(100);
  focus_.next_of(company_inn(2),
                 {.status = 403, .body = "Limit exceeded", .content_type = "text/plain"});

  EXPECT_EQ(run(), "goes on");
  EXPECT_EQ(field(*id, "state"), "waiting");
  EXPECT_EQ(field(*id, "reason"), "contract_limit");
  EXPECT_THAT(field(*id, "remedy"), HasSubstr("client360 adapter probe kontur"));
  EXPECT_NE(field(*id, "until"), "null");
  EXPECT_EQ(items(*id), "2 pending, 1 ready");
  EXPECT_EQ(run(), "no job");
  // Resumed too early it finds the service paused, and asks nobody.
  const int bought = focus_.bought();
  ASSERT_TRUE(store::resume_job(*database_, *id));
  EXPECT_EQ(run(), "goes on");
  EXPECT_EQ(focus_.bought(), bought);
  EXPECT_EQ(field(*id, "state"), "waiting");

  left(10);
  ASSERT_TRUE(adapters::lift_refusals(*database_, "kontur", clock_.now()));
  ASSERT_TRUE(store::resume_job(*database_, *id));
  EXPECT_EQ(run(), "done");
  EXPECT_EQ(items(*id), "3 ready");
  EXPECT_EQ(focus_.bought(company_inn(1)), 2);
}

TEST_F(ReportBatchTest, ARefusedKeyMakesItWaitUntilTheSettingsChange) {
  const std::vector<std::int64_t> ids = cards(2);
  turn_on();
  const auto id = start({.ids = ids}, admin_);
  focus_.refuse_with(
      ServiceReply{.status = 403, .body = "No valid key specified", .content_type = "text/plain"});

  EXPECT_EQ(run(), "goes on");
  EXPECT_EQ(field(*id, "state"), "waiting");
  EXPECT_EQ(field(*id, "reason"), "auth");
  EXPECT_THAT(field(*id, "remedy"), HasSubstr("Check the key"));
  EXPECT_EQ(focus_.bought(), 1);
  EXPECT_EQ(items(*id), "2 pending");

  focus_.refuse_with({});
  ASSERT_TRUE(store::set_service_switch(*database_, {.service = "kontur",
                                                     .is_on = true,
                                                     .settings = "another key",
                                                     .jobs = {"express_report_batch"}}));
  ASSERT_TRUE(adapters::lift_refusals(*database_, "kontur", clock_.now()));
  EXPECT_EQ(run(), "done");
  EXPECT_EQ(items(*id), "2 ready");
}

TEST_F(ReportBatchTest, WhatOneReportCannotHaveIsItsOwnFailure) {
  const std::vector<std::int64_t> ids = cards(4);
  turn_on();
  const auto id = start({.ids = ids}, admin_);
  for (int i = 0; i < 2; ++i)
    focus_.next_of(company_inn(1), {.body = "<html>", .content_type = "text/html"});
  focus_.next_of(company_inn(2), {.body = "[]"});
  sql("UPDATE crm.counterparty SET deleted_at = now() WHERE id = " + std::to_string(ids[2]) +
      " RETURNING id");

  // Put off once, the others first.
  EXPECT_EQ(run(), "goes on");
  EXPECT_EQ(field(*id, "reason"), "malformed");
  ASSERT_TRUE(store::resume_job(*database_, *id));
  EXPECT_EQ(run(), "done");

  EXPECT_EQ(items(*id), "1 failed, 1 gone, 1 not_found, 1 ready");
  EXPECT_EQ(field(*id, "done") + " " + field(*id, "failed"), "4 1");
  EXPECT_EQ(sql("SELECT status || ' ' || reason FROM crm.express_report WHERE counterparty_id = " +
                std::to_string(ids[0])),
            "failed malformed");
  EXPECT_EQ(sql("SELECT result FROM ops.job_run ORDER BY id DESC"), "partial");
  EXPECT_THAT(sql("SELECT detail FROM ops.report_batch_item WHERE state = 'failed'"),
              Not(HasSubstr("PLANTED")));
}

TEST_F(ReportBatchTest, ByAFilterOfTheListItTakesWhatTheCallerMayChange) {
  cards(2);
  const std::int64_t own = card(company_inn(7), seller_);
  turn_on();
  const BatchWish all{.filter_text = ""};
  const auto of_seller = planned(all, seller_);
  ASSERT_TRUE(of_seller) << describe(of_seller.error());
  EXPECT_EQ(of_seller->wanted, std::vector<std::int64_t>{own});

  const BatchWish one{.filter_text = "inn=" + company_inn(2), .filter = {{"inn", company_inn(2)}}};
  EXPECT_EQ(planned(one, admin_)->wanted.size(), 1U);
  EXPECT_EQ(
      planned({.filter_text = "colour=red", .filter = {{"colour", "red"}}}, admin_).error().code,
      ErrorCode::invalid_request);
}

TEST_F(ReportBatchTest, HasALimitOfCounterpartiesAndOfBatches) {
  const std::vector<std::int64_t> ids = cards(3);
  turn_on(2);
  const auto by_ids = start({.ids = ids}, admin_);
  ASSERT_FALSE(by_ids);
  EXPECT_EQ(describe(by_ids.error()),
            "validation_failed too_many: At most 2 counterparties in one batch "
            "(kontur_focus.batch_limit). /ids=too_many");
  const auto by_filter = start({.filter_text = ""}, admin_);
  ASSERT_FALSE(by_filter);
  EXPECT_EQ(by_filter.error().fields.front().pointer, "/filter");
  turn_on(3);
  for (int i = 0; i < store::kMaxOpenBatches; ++i) ASSERT_TRUE(start({.ids = ids}, admin_));
  const auto one_more = start({.ids = ids}, admin_);
  ASSERT_FALSE(one_more);
  EXPECT_EQ(one_more.error().reason, "too_many_batches");
}

TEST_F(ReportBatchTest, OnePersonsPausedBatchesKeepNobodyElseFromHis) {
  const std::vector<std::int64_t> ids = cards(1);
  turn_on();
  for (int i = 0; i < store::kMaxOpenBatches; ++i) {
    const auto id = start({.ids = ids}, admin_);
    ASSERT_TRUE(id);
    ASSERT_TRUE(store::pause_job(*database_, *id));
  }
  const store::Actor other = person("second", {"crm-administrators"});

  EXPECT_TRUE(start({.ids = ids}, other));

  EXPECT_EQ(start({.ids = ids}, admin_).error().reason, "too_many_batches");
}

TEST_F(ReportBatchTest, WhatACanceledBatchHadBegunIsNotLeftWaiting) {
  const std::vector<std::int64_t> ids = cards(2);
  turn_on();
  ASSERT_TRUE(start({.ids = {ids[0]}}, admin_));
  ASSERT_EQ(run(), "done");
  ASSERT_EQ(focus_.bought(), 2);
  const auto id = start({.ids = ids, .fresh = true}, admin_);
  // Both are begun, and the daemon went away.
  sql("INSERT INTO crm.express_report (counterparty_id, inn) VALUES (" + std::to_string(ids[1]) +
      ", '" + company_inn(2) + "') RETURNING 1");
  sql("UPDATE crm.express_report SET status = 'running' RETURNING 1");

  ASSERT_TRUE(store::cancel_job(*database_, *id));

  EXPECT_EQ(sql("SELECT string_agg(status || coalesce(' ' || reason, ''), ', ' ORDER BY "
                "counterparty_id) FROM crm.express_report"),
            "ready, failed batch_canceled");
  // Begun anew it takes them up again.
  ASSERT_TRUE(store::retry_job(*database_, *id));
  EXPECT_EQ(run(), "done");
  EXPECT_EQ(items(*id), "2 ready");
}

TEST_F(ReportBatchTest, ACheckThatSomebodyAskedForBesidesStaysQueuedWhenTheBatchIsCanceled) {
  const std::vector<std::int64_t> ids = cards(1);
  turn_on();
  const auto id = start({.ids = ids}, admin_);
  const std::string key = std::to_string(ids[0]);
  sql("INSERT INTO crm.express_report (counterparty_id, inn) VALUES (" + key + ", '" +
      company_inn(1) + "') RETURNING 1");
  ASSERT_TRUE(store::enqueue_job(
      *database_,
      {.kind = "express_report", .dedupe_key = key + ":" + company_inn(1), .record_id = ids[0]}));

  ASSERT_TRUE(store::cancel_job(*database_, *id));

  EXPECT_EQ(sql("SELECT status FROM crm.express_report"), "queued");
}

TEST_F(ReportBatchTest, OfAServiceThatIsOffItSaysSo) {
  const std::vector<std::int64_t> ids = cards(1);
  EXPECT_EQ(start({.ids = ids}, admin_).error().reason, "adapter_off");
}

}  // namespace
}  // namespace c360::daemon
