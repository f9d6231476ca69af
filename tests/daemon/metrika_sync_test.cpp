// Request sources of leads and deals filled by the job: Metrika over TLS as recorded.
#include "daemon/jobs/metrika_sync.h"

#include <gmock/gmock.h>

#include <atomic>

#include "adapters/curl_http_client.h"
#include "adapters/stored_gate_states.h"
#include "tests/adapters/service_setting.h"
#include "tests/store/records_fixture.h"

namespace c360::daemon {
namespace {

using adapters::service_fixture;
using testing::ServiceReply;

ServiceReply recorded(const std::string& name, int status = 200) {
  return {.status = status, .body = service_fixture("metrika/" + name + ".json")};
}

class MetrikaSync : public c360::testing::RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    settings_.metrika.token = Secret("token");
    settings_.metrika.counter = "7";
    settings_.metrika.url = metrika_.url() + "/stat/v1/data";
    settings_.metrika.ca_file = metrika_.ca_file();
    adapters::be_patient(settings_.metrika.limits);
    settings_.metrika.limits.rate =
        settings_.metrika.long_rate = {.calls = 10'000, .burst = 10'000};
    states_ = std::make_unique<adapters::StoredGateStates>(*database_);
    connect();
  }
  void connect() {
    sources_ = std::make_unique<adapters::TrafficSources>(
        settings_,
        adapters::TrafficSourcesPorts{.states = *states_, .clock = clock_, .connect = [] {
                                        return std::make_unique<adapters::CurlHttpClient>("test");
                                      }});
    handlers_.clear();
    add_metrika_jobs(handlers_, {.database = *database_,
                                 .sources = *sources_,
                                 .clock = clock_,
                                 .records =
                                     [this] {
                                       return std::shared_ptr<store::Records>(
                                           std::shared_ptr<void>(), records_.get());
                                     },
                                 .slice = slice_});
  }
  std::string lead(const std::string& client_id, const std::string& received = "2026-03-01") {
    return make("lead",
                R"({"name":"x","ym_client_id":")" + client_id + R"(","date_received":")" +
                    received + R"(T10:00:00Z"})",
                seller_)
        .key;
  }
  // "processed failed" and what went wrong, or why it failed.
  std::string run() {
    EXPECT_TRUE(store::enqueue_job(*database_, {.kind = "metrica_source_sync"}));
    return work();
  }
  std::string work() {
    const auto jobs = store::take_jobs(*database_, {"metrica_source_sync"}, "a", 1);
    if (!jobs || jobs->size() != 1) return "no job";
    const std::atomic<bool> stopping = false;
    JobRun attempt(*database_, jobs->front(), stopping);
    const auto done = handlers_.at("metrica_source_sync")(attempt);
    const bool goes_on = done && done->again_after;
    EXPECT_TRUE(store::settle_job(*database_, jobs->front(),
                                  {.end = goes_on ? store::JobEnd::goes_on : store::JobEnd::done}));
    if (!done) return std::string(to_string(done.error().code)) + " " + done.error().reason;
    return std::to_string(done->processed) + " " + std::to_string(done->failed) +
           (goes_on ? " goes on" : "") +
           (done->trouble ? " " + std::string(to_string(done->trouble->code)) : "");
  }

  testing::ServiceServer metrika_;
  adapters::TrafficSourcesOptions settings_;
  std::unique_ptr<adapters::StoredGateStates> states_;
  std::unique_ptr<adapters::TrafficSources> sources_;
  std::chrono::milliseconds slice_{600'000};
  JobHandlers handlers_;
};

TEST_F(MetrikaSync, LeadsAndDealsGetTheirSourceTheOldestFirst) {
  const std::string late = lead("111", "2026-03-02");
  const std::string early = lead("222", "2026-03-01");
  const std::string deal =
      make("deal", R"({"name":"x","ym_client_id":"333","date_received":"2026-02-01T00:00:00Z"})",
           seller_)
          .key;
  make("lead", R"({"name":"x","ym_client_id":"444","request_source_code":"mail"})", seller_);
  make("lead", R"({"name":"x"})", seller_);
  metrika_.next(recorded("organic_yandex_mobile"));
  metrika_.next(recorded("direct"));
  metrika_.next(recorded("social"));

  EXPECT_EQ(run(), "3 0");

  EXPECT_EQ(value("deal", deal, "request_source_code"), "yandex_search");
  EXPECT_EQ(value("lead", early, "request_source_code"), "direct");
  EXPECT_EQ(value("lead", late, "request_source_code"), "other");  // not in the directory
  EXPECT_EQ(metrika_.requests()[1].query.at("filters"), "ym:s:clientID==222");
  EXPECT_EQ(metrika_.requests()[1].query.at("date1"), "2024-03-01");
  EXPECT_EQ(metrika_.requests()[1].query.at("date2"), "2026-03-01");
  EXPECT_EQ(
      sql("SELECT origin FROM crm.history_event WHERE event = 'updated' AND record_id = " + early),
      "job");
  EXPECT_EQ(run(), "0 0");
  EXPECT_EQ(metrika_.requests().size(), 3U);
}

TEST_F(MetrikaSync, TheFourthAnswerWithoutDataMakesItUnknown) {
  const std::string key = lead("111");
  const std::string bad = lead("GA1.2.x");
  for (const int attempt : {1, 2, 3, 4}) {
    metrika_.next(attempt % 2 == 0 ? recorded("empty") : recorded("errors/400_filter", 400));
    EXPECT_EQ(run(), "2 0");
    EXPECT_EQ(value("lead", key, "source_sync_attempts"), std::to_string(attempt));
    EXPECT_EQ(value("lead", key, "request_source_code"), attempt == 4 ? "unknown" : "null");
  }

  EXPECT_EQ(value("lead", bad, "request_source_code"), "unknown");
  EXPECT_EQ(metrika_.requests().size(), 4U);  // an id that is none is never asked about
  EXPECT_EQ(run(), "0 0");
}

TEST_F(MetrikaSync, ARefusalEndsTheRunAndWhatWasAnsweredCountsOnce) {
  const std::string first = lead("111", "2026-03-01");
  const std::string second = lead("222", "2026-03-02");
  for (const int counted : {1, 2, 3}) {
    metrika_.next(recorded("empty"));
    metrika_.next(recorded("errors/403_token", 403));
    EXPECT_EQ(run(), "1 1 upstream_auth");
    EXPECT_EQ(value("lead", first, "source_sync_attempts"), std::to_string(counted));
    settings_.metrika.token = Secret("another " + std::to_string(counted));
    connect();
  }
  metrika_.next(recorded("empty"));
  metrika_.next(recorded("direct"));

  EXPECT_EQ(run(), "2 0");

  EXPECT_EQ(value("lead", first, "request_source_code"), "unknown");
  EXPECT_EQ(value("lead", second, "source_sync_attempts"), "0");
  EXPECT_EQ(value("lead", second, "request_source_code"), "direct");
  EXPECT_EQ(metrika_.requests().size(), 8U);
}

TEST_F(MetrikaSync, AServiceThatIsAwayAfterAnAnswerEndsTheRunToo) {
  const std::string first = lead("111", "2026-03-01");
  lead("222", "2026-03-02");
  metrika_.next(recorded("empty"));
  metrika_.next(recorded("errors/503", 503));

  EXPECT_EQ(run(), "1 1 unavailable");

  EXPECT_EQ(value("lead", first, "source_sync_attempts"), "1");
}

// The burst is gone: each call stands in line for 1.67 s, longer than anybody waits for a person.
TEST_F(MetrikaSync, AtTheShippedRatesATurnIsWaitedForAndNobodyIsAskedTwice) {
  const adapters::MetrikaOptions shipped;
  settings_.metrika.limits.rate = shipped.limits.rate;
  settings_.metrika.long_rate = shipped.long_rate;
  connect();
  const Instant now = clock_.now();
  const auto apart = shipped.long_rate.per / shipped.long_rate.calls;
  ASSERT_TRUE(states_->change("metrika:token/lane/data", [&](adapters::GateState& state) {
    state.free_at = {now, now + shipped.long_rate.burst * apart};
  }));
  const std::string first = lead("111", "2026-03-01");
  const std::string second = lead("222", "2026-03-02");
  for (int i = 0; i < 2; ++i) metrika_.next(recorded("empty"));

  EXPECT_EQ(run(), "2 0");

  for (const std::string& key : {first, second})
    EXPECT_EQ(value("lead", key, "source_sync_attempts"), "1");
  EXPECT_EQ(metrika_.requests().size(), 2U);
}

TEST_F(MetrikaSync, ARecordThatGetsNoReadableAnswerTwiceHoldsUpNoOther) {
  const std::string first = lead("111", "2026-03-01");
  const std::string second = lead("222", "2026-03-02");
  for (int i = 0; i < 2; ++i) metrika_.next({.body = R"({"data":[{"dimensions":[]}]})"});
  metrika_.next(recorded("direct"));

  EXPECT_EQ(run(), "2 1 unavailable");

  EXPECT_EQ(value("lead", first, "source_sync_attempts"), "0");
  EXPECT_EQ(value("lead", second, "request_source_code"), "direct");
}

TEST_F(MetrikaSync, ARefusalEndsTheRunAndRaisesNoCounter) {
  const std::string first = lead("111", "2026-03-01");
  const std::string second = lead("222", "2026-03-02");
  metrika_.next(recorded("errors/429_day", 429));
  EXPECT_EQ(run(), "rate_limited quota_requests_by_uid");
  EXPECT_EQ(run().substr(0, 12), "rate_limited");  // it is not even asked

  EXPECT_EQ(metrika_.requests().size(), 1U);
  settings_.metrika.token = Secret("another");
  connect();
  metrika_.next(recorded("errors/403_token", 403));
  EXPECT_EQ(run().substr(0, 13), "upstream_auth");
  for (const std::string& key : {first, second})
    EXPECT_EQ(value("lead", key, "source_sync_attempts"), "0");
}

TEST_F(MetrikaSync, MoreThanAPageIsWorkedOffAndNoneIsJumpedOver) {
  sql("WITH made AS (INSERT INTO crm.record (kind) SELECT 'lead' FROM generate_series(1, 250) "
      "RETURNING id), leads AS (INSERT INTO crm.lead (id, name, ym_client_id, date_received, "
      "source_sync_attempts) SELECT id, 'x', 'none', now() - id * interval '1 minute', 3 FROM made "
      "RETURNING id) SELECT count(*) FROM leads");

  EXPECT_EQ(run(), "250 0");

  EXPECT_EQ(sql("SELECT count(*) FROM crm.lead WHERE request_source_code = 'unknown'"), "250");
}

TEST_F(MetrikaSync, ABacklogGivesItsThreadBackAndGoesOnBehindWhatWasAsked) {
  slice_ = std::chrono::milliseconds{0};
  connect();
  const std::string first = lead("111", "2026-03-01");
  const std::string second = lead("222", "2026-03-02");
  const std::string third = lead("333", "2026-03-03");
  metrika_.next(recorded("empty"));
  metrika_.next(recorded("direct"));
  metrika_.next(recorded("empty"));

  EXPECT_EQ(run(), "1 0 goes on");
  EXPECT_EQ(work(), "1 0 goes on");
  EXPECT_EQ(work(), "1 0 goes on");
  EXPECT_EQ(work(), "0 0");

  EXPECT_EQ(work(), "no job");
  EXPECT_EQ(metrika_.requests().size(), 3U);
  EXPECT_EQ(value("lead", first, "source_sync_attempts"), "1");
  EXPECT_EQ(value("lead", second, "request_source_code"), "direct");
  EXPECT_EQ(value("lead", third, "source_sync_attempts"), "1");
  EXPECT_EQ(sql("SELECT progress_done FROM ops.job"), "3");
}

TEST_F(MetrikaSync, WithoutATokenNothingIsAsked) {
  lead("111");
  settings_.metrika.token = Secret("");
  connect();

  EXPECT_EQ(run(), "0 0");
  EXPECT_TRUE(metrika_.requests().empty());
}

}  // namespace
}  // namespace c360::daemon
