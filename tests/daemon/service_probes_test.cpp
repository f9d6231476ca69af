// Outside services asked whether they work: what is asked, what is kept of it, and what metrics and
// states say afterwards.
#include "daemon/service_probes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "adapters/service_states.h"
#include "daemon/jobs/adapter_probe.h"
#include "daemon/service_tasks.h"
#include "tests/adapters/service_setting.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_postgres.h"

namespace c360::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ServiceReply;
using testing::TempPostgres;

class ServiceProbesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_.dadata.dadata.token = Secret("key");
    config_.dadata.dadata.suggestions_url = config_.dadata.dadata.profile_url = server_.url();
    config_.dadata.dadata.ca_file = server_.ca_file();
    config_.kontur_focus.kontur.token = Secret("focus");
    config_.kontur_focus.kontur.base_url = server_.url();
    config_.kontur_focus.kontur.ca_file = server_.ca_file();
    config_.metrika.metrika.token = Secret("metrika");
    config_.metrika.metrika.url = server_.url() + "/stat/v1/data?ids=7";
    config_.metrika.metrika.ca_file = server_.ca_file();
    config_.telegram.token = Secret("1:bot");
    config_.telegram.base_url = server_.url();
    config_.telegram.ca_file = server_.ca_file();
    config_.sms.provider = SmsProvider::sms_ru;
    config_.sms.api_key = Secret("api");
    config_.sms.url = server_.url();
    config_.sms.ca_file = server_.ca_file();
    for (adapters::CallLimits* limits :
         {&config_.dadata.dadata.find, &config_.kontur_focus.kontur.json,
          &config_.metrika.metrika.limits, &config_.telegram.limits, &config_.sms.limits.call})
      adapters::be_patient(*limits);
    make();
  }
  // With the settings as they are now.
  void make() {
    services_ = std::make_unique<OutsideServices>(database_, clock_, observer_, config_);
    ASSERT_TRUE(services_->announce());
  }
  Result<api::ProbeResult> probe(const std::string& service) {
    return ServiceProbes(*services_, database_, clock_).probe(service);
  }
  adapters::ServiceStatus state(const std::string& service) {
    const auto states = adapters::service_states(database_, clock_.now());
    EXPECT_TRUE(states);
    for (const adapters::ServiceStatus& status : *states)
      if (status.record.service == service) return status;
    return {};
  }
  std::string metrics() {
    EXPECT_TRUE(gauges_.run());
    return metrics_.serialize();
  }
  // How many services the job of the clock asked.
  std::int64_t by_the_clock() {
    JobHandlers handlers;
    add_adapter_probe_job(
        handlers,
        {.database = database_, .clock = clock_, .services = *services_, .interval = interval_});
    EXPECT_TRUE(store::enqueue_job(database_, {.kind = "adapter_probe", .priority = 100}));
    const auto jobs = store::take_jobs(database_, {"adapter_probe"}, "a", 1);
    EXPECT_TRUE(jobs && jobs->size() == 1);
    const std::atomic<bool> stopping = false;
    JobRun run(database_, jobs->front(), stopping);
    const auto done = handlers.at("adapter_probe")(run);
    EXPECT_TRUE(done && store::settle_job(database_, jobs->front(), {}));
    return done ? done->processed : -1;
  }
  void an_interval_goes_by() {
    EXPECT_TRUE(database_.execute(store::Pool::work,
                                  {"test_interval",
                                   "UPDATE ops.service_probe SET due_since = due_since - "
                                   "interval '1 day'"}));
  }
  void kontur_left(const std::string& methods, const std::string& ends, int left) {
    server_.on("/api3/stat", {.body = R"([{"methodName":")" + methods + R"(","endDate":")" + ends +
                                      R"(","limit":500,"spent":)" + std::to_string(500 - left) +
                                      R"(},{"methodName":"api3/analytics","limit":1,"spent":1}])"});
  }

  Log log_{LogTarget::none};
  Metrics metrics_;
  Observer observer_{log_, metrics_};
  store::Database database_{{.url = TempPostgres::shared().create_database()}, observer_};
  testing::ServiceServer server_;
  SystemClock clock_;
  Config config_;
  std::chrono::seconds interval_{900};
  std::unique_ptr<OutsideServices> services_;
  PeriodicTask gauges_ = service_gauges(database_, clock_, metrics_);
};

TEST_F(ServiceProbesTest, EachServiceIsAskedItsCheapQuestion) {
  config_.dadata.dadata.secret = Secret("secret");
  make();
  server_.on(
      "/api/v2/stat/daily",
      {.body = R"({"services":{"suggestions":30},"remaining":{"suggestions":9970,"clean":0}})"});
  kontur_left("api3/req & api3/egrDetails", "2199-12-31", 88);
  server_.on("/management/v1/counters", {.body = R"({"rows":2})"});
  server_.on("/bot1:bot/getMe", {.body = R"({"ok":true,"result":{"username":"b"}})"});
  server_.on("/my/balance", {.body = R"({"status":"OK","status_code":100,"balance":12.5})"});
  const std::map<std::string, std::string> told{{"dadata", "9970 suggestions are left of 10000"},
                                                {"kontur", "88 left"},
                                                {"metrika", "2 counters"},
                                                {"telegram", "@b"},
                                                {"sms", "balance 12.5"}};
  for (const auto& [service, text] : told) {
    const auto probed = probe(service);
    ASSERT_TRUE(probed) << probed.error().detail;
    EXPECT_TRUE(probed->works) << service << ": " << probed->told;
    EXPECT_THAT(probed->told, HasSubstr(text));
    EXPECT_EQ(probed->outcome, "found");
    EXPECT_EQ(state(service).state, "ok") << service;
  }

  EXPECT_EQ(server_.requests().size(), 5U);
  const auto quotas = store::service_quotas(database_);
  ASSERT_TRUE(quotas);
  std::vector<std::string> kept;
  for (const auto& quota : *quotas)
    kept.push_back(quota.service + " " + quota.name + " " + quota.remaining.value_or("-"));
  EXPECT_THAT(kept, ElementsAre("dadata suggestions 9970", "kontur req, egrDetails 88",
                                "sms balance 12.5"));
  EXPECT_THAT(metrics(),
              HasSubstr(R"(client360_adapter_calls_total{operation="management/counters",)"
                        R"(outcome="found",service="metrika"} 1)"));
  EXPECT_THAT(metrics(), HasSubstr(R"(client360_adapter_call_seconds_count{operation="getMe",)"
                                   R"(service="telegram"} 1)"));
}

TEST_F(ServiceProbesTest, ARefusedKeyIsNamedUntilItIsTaken) {
  server_.on("/management/v1/counters", {.status = 403, .body = R"({"message":"no"})"});
  const auto refused = probe("metrika");
  ASSERT_TRUE(refused) << refused.error().detail;
  EXPECT_FALSE(refused->works);
  EXPECT_EQ(refused->outcome, "auth");
  EXPECT_EQ(state("metrika").state, "refused");
  EXPECT_TRUE(state("metrika").is_hindered());
  EXPECT_THAT(state("metrika").remedy, HasSubstr("new key"));
  EXPECT_THAT(metrics(), HasSubstr("client360_adapter_auth_failed{service=\"metrika\"} 1"));
  EXPECT_THAT(metrics(), HasSubstr("client360_adapter_auth_failed{service=\"dadata\"} 0"));

  server_.on("/management/v1/counters", {.body = R"({"rows":0})"});
  const auto taken = probe("metrika");
  ASSERT_TRUE(taken) << "a person asks at once, whatever was refused before";
  EXPECT_TRUE(taken->works) << taken->told;
  EXPECT_EQ(state("metrika").state, "ok");
  EXPECT_THAT(metrics(), HasSubstr("client360_adapter_auth_failed{service=\"metrika\"} 0"));
}

TEST_F(ServiceProbesTest, WithoutAKeyItIsNotConfiguredAndSwitchedOffIsAnotherThing) {
  config_.metrika.metrika.token = Secret();
  config_.telegram.enabled = false;
  make();

  EXPECT_EQ(state("metrika").state, "not_configured");
  EXPECT_EQ(state("telegram").state, "off");
  EXPECT_FALSE(state("metrika").is_hindered());
  EXPECT_EQ(probe("metrika").error().code, ErrorCode::conflict);
  EXPECT_EQ(probe("telegram").error().reason, "off");
  EXPECT_EQ(probe("pigeon").error().code, ErrorCode::not_found);
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(ServiceProbesTest, TheSecretKeyGoesToTheProfileAlone) {
  server_.on("/suggestions/api/4_1/rs/findById/bank", {.body = R"({"suggestions":[]})"});
  const auto without = probe("dadata");
  ASSERT_TRUE(without);
  EXPECT_TRUE(without->works) << "an unknown bank is an answer: " << without->told;
  EXPECT_FALSE(server_.requests().at(0).headers.contains("x-secret"));

  config_.dadata.dadata.secret = Secret("secret");
  make();
  server_.on("/api/v2/stat/daily", {.body = R"({"services":{},"remaining":{"suggestions":1}})"});
  ASSERT_TRUE(probe("dadata"));
  EXPECT_EQ(server_.requests().at(1).path, "/api/v2/stat/daily");
  EXPECT_EQ(server_.requests().at(1).headers.at("x-secret"), "secret");
  (void)services_->parties().find({.id = "7707083893"}, true, {.attempts = 1});
  EXPECT_EQ(server_.requests().at(2).path, "/suggestions/api/4_1/rs/findById/party");
  EXPECT_FALSE(server_.requests().at(2).headers.contains("x-secret"));
}

TEST_F(ServiceProbesTest, WhereCleaningIsPaidForTheBalanceIsToldToo) {
  config_.dadata.dadata.secret = Secret("secret");
  config_.dadata.cleaning = true;
  make();
  server_.on("/api/v2/stat/daily", {.body = R"({"services":{},"remaining":{"suggestions":1}})"});
  server_.on("/api/v2/profile/balance", {.body = adapters::service_fixture("dadata/balance.json")});

  const auto probed = probe("dadata");

  ASSERT_TRUE(probed);
  EXPECT_THAT(probed->told, HasSubstr("balance 9922.3"));
  EXPECT_THAT(metrics(), HasSubstr("client360_adapter_quota_remaining{quota=\"balance\","
                                   "service=\"dadata\"} 9922."));
}

TEST_F(ServiceProbesTest, QuotaAndEndOfTheContractAreShownAndNamed) {
  kontur_left("api3/briefReport", "2199-12-31", 12);
  ASSERT_TRUE(probe("kontur"));
  EXPECT_EQ(state("kontur").state, "ok");
  EXPECT_THAT(metrics(), HasSubstr("client360_adapter_quota_remaining{quota=\"briefReport\","
                                   "service=\"kontur\"} 12"));
  EXPECT_THAT(metrics(), HasSubstr("client360_adapter_quota_ends_timestamp_seconds{quota="
                                   "\"briefReport\",service=\"kontur\"} 725"));
  EXPECT_THAT(metrics(), Not(HasSubstr("analytics"))) << "nothing the program asks for";

  kontur_left("api3/briefReport", "2199-12-31", 0);
  ASSERT_TRUE(probe("kontur"));
  EXPECT_EQ(state("kontur").state, "spent");
  EXPECT_TRUE(state("kontur").is_hindered());
  EXPECT_THAT(state("kontur").detail, HasSubstr("briefReport"));

  kontur_left("api3/briefReport", "2020-12-31", 12);
  ASSERT_TRUE(probe("kontur"));
  EXPECT_EQ(state("kontur").state, "expired");
  EXPECT_THAT(adapters::to_json(state("kontur")), HasSubstr(R"("remaining":"12")"));
}

TEST_F(ServiceProbesTest, AnotherKeyHasAnotherQuota) {
  server_.on("/my/balance", {.body = R"({"status":"OK","status_code":100,"balance":0})"});
  ASSERT_TRUE(probe("sms"));
  EXPECT_EQ(state("sms").state, "spent");
  EXPECT_THAT(metrics(), HasSubstr("quota=\"balance\",service=\"sms\"} 0"));
  make();
  EXPECT_EQ(state("sms").state, "spent") << "nothing has changed";

  config_.sms.api_key = Secret("another");
  make();
  EXPECT_EQ(state("sms").state, "ok");
  EXPECT_THAT(metrics(), Not(HasSubstr("quota=\"balance\"")));
}

TEST_F(ServiceProbesTest, ByTheClockThoseAreAskedWhoseQuestionCostsNothing) {
  server_.on("/management/v1/counters", {.body = R"({"rows":2})"});
  server_.on("/bot1:bot/getMe", {.body = R"({"ok":true,"result":{"username":"b"}})"});
  server_.on("/my/balance", {.body = R"({"status":"OK","status_code":100,"balance":12.5})"});
  kontur_left("api3/briefReport", "2199-12-31", 12);

  EXPECT_EQ(by_the_clock(), 0) << "each is first asked an interval after it was switched on";
  an_interval_goes_by();
  EXPECT_EQ(by_the_clock(), 4);
  EXPECT_EQ(by_the_clock(), 0);

  EXPECT_EQ(server_.requests().size(), 4U);
  for (const auto& request : server_.requests())
    EXPECT_THAT(request.path, Not(HasSubstr("suggestions")))
        << "without its secret key DaData counts";
  EXPECT_EQ(state("kontur").state, "ok");
  EXPECT_TRUE(state("kontur").record.probe_works);
  EXPECT_THAT(adapters::to_json(state("kontur")),
              HasSubstr(R"("probe_told":"briefReport: 12 left)"));
  EXPECT_FALSE(state("dadata").record.probed_at);
  EXPECT_THAT(metrics(), HasSubstr("client360_adapter_quota_remaining{quota=\"briefReport\","
                                   "service=\"kontur\"} 12"));
  interval_ = std::chrono::seconds{0};
  an_interval_goes_by();
  EXPECT_EQ(by_the_clock(), 0) << "0: never";
}

TEST_F(ServiceProbesTest, ByTheClockARefusedKeyIsNotTriedAgainAndAFailureIsNamedUntilItIsMended) {
  config_.telegram.enabled = false;
  config_.sms = {};
  make();
  server_.on("/management/v1/counters", {.status = 403, .body = R"({"message":"no"})"});
  server_.on("/api3/stat", {.status = 500, .body = "", .content_type = "text/plain"});
  EXPECT_EQ(by_the_clock(), 0);
  an_interval_goes_by();
  EXPECT_EQ(by_the_clock(), 2);

  EXPECT_EQ(state("metrika").state, "refused");
  EXPECT_EQ(state("kontur").state, "failing");
  EXPECT_TRUE(state("kontur").is_hindered());
  EXPECT_FALSE(state("kontur").remedy.empty());
  const auto asked = server_.requests().size();
  an_interval_goes_by();
  EXPECT_EQ(by_the_clock(), 2);
  EXPECT_EQ(server_.requests().size(), asked + 1) << "Kontur alone";

  kontur_left("api3/briefReport", "2199-12-31", 12);
  an_interval_goes_by();
  by_the_clock();
  EXPECT_EQ(state("kontur").state, "ok");
  EXPECT_FALSE(state("kontur").is_hindered());
}

TEST_F(ServiceProbesTest, WhoProbesByHandMayHavePaidForMore) {
  const std::string day_after_tomorrow = "2199-12-31";
  kontur_left("api3/briefReport", day_after_tomorrow, 0);
  server_.on("/api3/briefReport",
             {.status = 403, .body = "Limit exceeded", .content_type = "text/plain"});
  (void)services_->reports().risk({.id = "7707083893"}, {});
  EXPECT_EQ(state("kontur").state, "paused");

  kontur_left("api3/briefReport", day_after_tomorrow, 100);
  ASSERT_TRUE(probe("kontur"));

  EXPECT_EQ(state("kontur").state, "ok");
}

}  // namespace
}  // namespace c360::daemon
