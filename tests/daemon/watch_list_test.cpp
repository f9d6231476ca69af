// The watch list of Kontur.Focus: a service over TLS that knows who is watched and who changed, a
// real database, days that pass when a test says so.
#include "daemon/jobs/watch_list.h"

#include <gmock/gmock.h>

#include <set>

#include "adapters/stored_gate_states.h"
#include "daemon/base/text.h"
#include "store/service_quotas.h"
#include "store/service_switches.h"
#include "tests/adapters/service_setting.h"
#include "tests/daemon/job_fixture.h"
#include "tests/support/focus_service.h"

namespace c360::daemon {
namespace {

using testing::company_inn;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ServiceReply;
using testing::ServiceRequest;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr const char* kList = "/api3/monList";
constexpr const char* kChanges = "/api3/req/mon";

class WatchListTest : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    settings_.kontur.token = Secret("focus");
    settings_.kontur.base_url = service_.url();
    settings_.kontur.ca_file = service_.ca_file();
    settings_.watch = true;
    adapters::be_patient(settings_.kontur.json);
    settings_.kontur.json.rate = {.calls = 1'000, .burst = 1'000};
    service_.answer(kList, [](const ServiceRequest& request) {
      std::string found;
      for (const auto inn : split(request.body, ','))
        found += (found.empty() ? "" : ",") + (R"({"inn":")" + std::string(inn) + "\"}");
      return ServiceReply{.body = "[" + found + "]"};
    });
    service_.on(kChanges, {.body = "[]"});
    turn_on("key1 limits");
    restart();
  }
  void turn_on(const std::string& key) {
    ASSERT_TRUE(store::set_service_switch(
        *database_, {.service = "kontur", .is_on = true, .settings = key, .jobs = {}}));
  }
  // With the settings as they are now.
  void restart() {
    states_ = std::make_unique<adapters::StoredGateStates>(*database_);
    reports_ = std::make_unique<adapters::FocusReports>(
        settings_, "one",
        adapters::FocusReportsPorts{
            .database = *database_, .states = *states_, .clock = days_, .connect = [] {
              return std::make_unique<adapters::CurlHttpClient>("test");
            }});
    add_watch_job(handlers_, {.database = *database_, .reports = *reports_, .clock = days_});
  }
  std::string card(const std::string& inn, const store::Actor& by, const std::string& more = "") {
    return make("counterparty",
                R"({"name":"К","segment_code":"small","acquisition_channel_code":"site",)"
                R"("status_code":"active","inn":")" +
                    inn + "\"" + more + "}",
                by)
        .key;
  }
  std::string watch() { return run("counterparty_watch", "schedule"); }
  void day_passes(int days = 1) { days_.advance(std::chrono::hours{24 * days}); }
  void changed(const std::string& inns) {
    std::string found;
    for (const auto inn : split(inns, ','))
      found += (found.empty() ? "" : ",") + (R"({"inn":")" + std::string(inn) + "\"}");
    service_.on(kChanges, {.body = "[" + found + "]"});
  }
  // The texts sent to the list, and the days asked for, since the start.
  std::vector<std::string> told() const {
    std::vector<std::string> bodies;
    for (const ServiceRequest& request : service_.requests())
      if (request.path == kList) bodies.push_back(request.method + " " + request.body);
    return bodies;
  }
  std::vector<std::string> asked() const {
    std::vector<std::string> dates;
    for (const ServiceRequest& request : service_.requests())
      if (request.path == kChanges) dates.push_back(request.query.at("date"));
    return dates;
  }
  // Records that are to be refreshed.
  std::string refreshed() {
    return sql(
        "SELECT string_agg(record_id::text, ',' ORDER BY record_id) FROM ops.job "
        "WHERE kind = 'counterparty_refresh'");
  }

  testing::ManualClock days_;  // 2026-11-22 at first
  adapters::FocusReportsOptions settings_;
  std::unique_ptr<adapters::StoredGateStates> states_;
  std::unique_ptr<adapters::FocusReports> reports_;
  testing::ServiceServer service_;
};

TEST_F(WatchListTest, EachCompanyIsToldOnceAndNoneTheSettingsLeaveOut) {
  card(company_inn(2), admin_);
  card(company_inn(1), admin_);
  store::Actor importer = admin_;
  importer.origin = "import";
  card(company_inn(3), importer);
  const std::string over = card(company_inn(4), admin_);
  set("counterparty", over, "registry_status = 'liquidated'");

  EXPECT_EQ(watch(), "0 0");
  EXPECT_EQ(watch(), "0 0");
  day_passes();
  EXPECT_EQ(watch(), "0 0");

  EXPECT_THAT(told(), ElementsAre("POST " + company_inn(1) + "," + company_inn(2)));
  EXPECT_EQ(service_.requests().front().query.at("append"), "true");
  // Another limit has the same list, another key has its own.
  turn_on("key1 others");
  EXPECT_EQ(watch(), "0 0");
  EXPECT_THAT(told(), SizeIs(1));
  turn_on("key2 limits");
  EXPECT_EQ(watch(), "0 0");
  EXPECT_THAT(told(), SizeIs(2));
}

TEST_F(WatchListTest, AChangeRefreshesTheCardsOfTheCompanyByWhatTheRegisterSaysNow) {
  const std::string head = card(company_inn(1), admin_);
  const std::string division =
      card(company_inn(1), admin_, R"(,"kind":"branch","kpp":"770143001")");
  card(company_inn(2), admin_);
  ASSERT_EQ(watch(), "0 0");
  for (const std::string& subject : {company_inn(1), company_inn(1) + "/770101001", company_inn(2)})
    sql("INSERT INTO ops.service_answer (service, method, subject, is_negative, obtained_at, "
        "valid_until) VALUES ('dadata', 'findById/party', '" +
        subject + "', true, now(), now() + interval '1 day') RETURNING 1");
  changed(company_inn(1) + "," + company_inn(9));
  day_passes();

  EXPECT_EQ(watch(), "2 0");

  EXPECT_THAT(asked(), ElementsAre("2026-11-22"));
  EXPECT_EQ(refreshed(), head + "," + division);
  EXPECT_EQ(sql("SELECT string_agg(subject, ',') FROM ops.service_answer "
                "WHERE valid_until > now()"),
            company_inn(2))
      << "what is kept of it does not do any more";
  EXPECT_EQ(watch(), "0 0") << "a day is asked for once";
  EXPECT_THAT(asked(), SizeIs(1));
}

TEST_F(WatchListTest, MissedDaysAreAskedForOneByOneAndAFailureLosesNone) {
  card(company_inn(1), admin_);
  ASSERT_EQ(watch(), "0 0");
  day_passes(3);
  service_.next({.body = R"([{"inn":")" + company_inn(1) + "\"}]"});
  service_.next({.status = 500, .body = "away"});

  EXPECT_THAT(watch(), HasSubstr("unavailable"));
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job WHERE kind = 'counterparty_refresh'"), "1");
  restart();
  sql("DELETE FROM ops.service_gate RETURNING 1");
  EXPECT_EQ(watch(), "0 0");

  EXPECT_THAT(asked(), ElementsAre("2026-11-22", "2026-11-23", "2026-11-23", "2026-11-24"));
  // The service knows 90 days.
  day_passes(200);
  EXPECT_EQ(watch(), "0 0");
  EXPECT_THAT(asked(), SizeIs(4 + 90));
}

TEST_F(WatchListTest, ADayThatIsRefusedForGoodStopsNoOther) {
  card(company_inn(1), admin_);
  ASSERT_EQ(watch(), "0 0");
  day_passes(2);
  service_.answer(kChanges, [](const ServiceRequest& request) {
    if (request.query.at("date") == "2026-11-22")
      return ServiceReply{.status = 400, .body = "wrong date", .content_type = "text/plain"};
    return ServiceReply{.body = R"([{"inn":")" + company_inn(1) + "\"}]"};
  });

  EXPECT_THAT(watch(), StartsWith("1 1 "));

  EXPECT_THAT(asked(), ElementsAre("2026-11-22", "2026-11-23"));
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job WHERE kind = 'counterparty_refresh'"), "1");
  day_passes();
  EXPECT_EQ(watch(), "1 0");
  EXPECT_THAT(asked(), ElementsAre("2026-11-22", "2026-11-23", "2026-11-24"));
}

TEST_F(WatchListTest, AnAnswerThatIsNoneTwiceIsOfItsDayAlone) {
  card(company_inn(1), admin_);
  ASSERT_EQ(watch(), "0 0");
  day_passes(2);
  service_.next({.body = "<html>", .content_type = "text/html"});
  service_.next({.body = "<html>", .content_type = "text/html"});

  EXPECT_THAT(watch(), StartsWith("0 1 "));

  EXPECT_THAT(asked(), ElementsAre("2026-11-22", "2026-11-22", "2026-11-23"));
}

TEST_F(WatchListTest, WhereTheMethodIsRefusedNoDayIsLeftOut) {
  card(company_inn(1), admin_);
  ASSERT_EQ(watch(), "0 0");
  day_passes(2);
  service_.on(kChanges, {.status = 404, .body = "nothing here", .content_type = "text/plain"});

  EXPECT_THAT(watch(), HasSubstr("upstream_rejected"));
  service_.on(kChanges, {.body = "[]"});
  EXPECT_EQ(watch(), "0 0");

  EXPECT_THAT(asked(), ElementsAre("2026-11-22", "2026-11-22", "2026-11-23"));
}

TEST_F(WatchListTest, OneInnThatIsRefusedKeepsNobodyElseOffTheList) {
  for (int i = 1; i <= 5; ++i) card(company_inn(i), admin_);
  service_.answer(kList, [](const ServiceRequest& request) {
    if (request.body.find(company_inn(3)) != std::string::npos)
      return ServiceReply{.status = 400, .body = "wrong", .content_type = "text/plain"};
    std::string found;
    for (const auto inn : split(request.body, ','))
      found += (found.empty() ? "" : ",") + (R"({"inn":")" + std::string(inn) + "\"}");
    return ServiceReply{.body = "[" + found + "]"};
  });

  EXPECT_THAT(watch(), StartsWith("0 1 "));

  EXPECT_EQ(sql("SELECT string_agg(inn, ',' ORDER BY inn) FROM ops.watched_party "
                "WHERE NOT is_recognised"),
            company_inn(3));
  EXPECT_EQ(sql("SELECT count(*) FROM ops.watched_party"), "5");
  const auto calls = told().size();
  EXPECT_EQ(watch(), "0 0");
  EXPECT_THAT(told(), SizeIs(calls)) << "it is left out for a month";
}

TEST_F(WatchListTest, WhoseCardIsDeletedLeavesTheList) {
  const std::string gone = card(company_inn(1), admin_);
  card(company_inn(2), admin_);
  card(company_inn(3), admin_);
  ASSERT_EQ(watch(), "0 0");
  ASSERT_TRUE(records_->remove(kind("counterparty"), gone, admin_));

  EXPECT_EQ(watch(), "0 0");

  EXPECT_THAT(told(), SizeIs(2));
  EXPECT_EQ(told().back(), "POST " + company_inn(2) + "," + company_inn(3));
  EXPECT_EQ(service_.requests().back().query.count("append"), 0U) << "in place of all there were";
  EXPECT_EQ(sql("SELECT string_agg(inn, ',' ORDER BY inn) FROM ops.watched_party"),
            company_inn(2) + "," + company_inn(3));
  EXPECT_EQ(watch(), "0 0");
  EXPECT_THAT(told(), SizeIs(2));
}

TEST_F(WatchListTest, AListThatBeginsAnewHasAllWhoStay) {
  constexpr int kMany = static_cast<int>(adapters::KonturFocus::kMaxWatched) + 20;
  const std::string gone = card(company_inn(0), admin_);
  for (int i = 1; i <= kMany; ++i) card(company_inn(i), admin_);
  ASSERT_EQ(watch(), "0 0");
  ASSERT_TRUE(records_->remove(kind("counterparty"), gone, admin_));

  EXPECT_EQ(watch(), "0 0");

  EXPECT_EQ(sql("SELECT count(*) FROM ops.watched_party WHERE is_recognised"),
            std::to_string(kMany));
  ASSERT_THAT(told(), SizeIs(4));
  EXPECT_EQ(split(told()[2], ',').size() + split(told()[3], ',').size(),
            static_cast<std::size_t>(kMany));
}

// What a running refresh asked before the change does not do for it.
TEST_F(WatchListTest, ARefreshUnderWayDoesNotSwallowTheChangeOfAnotherDay) {
  const std::string key = card(company_inn(1), admin_);
  ASSERT_EQ(watch(), "0 0");
  changed(company_inn(1));
  day_passes();
  ASSERT_EQ(watch(), "1 0");
  const auto first = store::take_jobs(*database_, {"counterparty_refresh"}, "other daemon", 1);
  ASSERT_TRUE(first && first->size() == 1);

  day_passes();
  EXPECT_EQ(watch(), "1 0");

  EXPECT_EQ(sql("SELECT string_agg(status || ' ' || dedupe_key, ', ' ORDER BY id) FROM ops.job "
                "WHERE kind = 'counterparty_refresh'"),
            "running " + key + ":" + company_inn(1) + ":watch:2026-11-22, queued " + key + ":" +
                company_inn(1) + ":watch:2026-11-23");
}

TEST_F(WatchListTest, MoreThanOneCallTakesAreToldInSeveral) {
  constexpr int kMany = static_cast<int>(adapters::KonturFocus::kMaxWatched) + 1;
  for (int i = 1; i <= kMany; ++i) card(company_inn(i), admin_);

  EXPECT_EQ(watch(), "0 0");

  std::set<std::string> inns;
  for (const std::string& body : told())
    for (const auto inn : split(std::string_view(body).substr(5), ',')) inns.emplace(inn);
  EXPECT_THAT(told(), SizeIs(2));
  EXPECT_THAT(inns, SizeIs(kMany));
}

TEST_F(WatchListTest, WhatTheServiceDoesNotRecogniseIsNotToldEveryDay) {
  card(company_inn(1), admin_);
  service_.on(kList, {.body = "[]"});
  ASSERT_EQ(watch(), "0 0");
  day_passes();
  ASSERT_EQ(watch(), "0 0");
  EXPECT_THAT(told(), SizeIs(1));

  sql("UPDATE ops.watched_party SET told_at = now() - interval '31 days' RETURNING 1");
  EXPECT_EQ(watch(), "0 0");
  EXPECT_THAT(told(), SizeIs(2));
}

TEST_F(WatchListTest, TheLastOfTheContractIsForPeople) {
  card(company_inn(1), admin_);
  ASSERT_TRUE(store::keep_service_quota(
      *database_,
      {.service = "kontur", .name = "req, egrDetails", .remaining = "5", .total = "100"}));

  EXPECT_THAT(watch(), HasSubstr("quota_reserve"));

  EXPECT_THAT(service_.requests(), IsEmpty());
}

TEST_F(WatchListTest, NobodyIsWatchedUnlessTheSettingsSaySo) {
  card(company_inn(1), admin_);
  settings_.watch = adapters::FocusReportsOptions{}.watch;
  restart();
  EXPECT_EQ(watch(), "0 0");
  settings_.watch = true;
  settings_.enabled = false;
  restart();
  EXPECT_EQ(watch(), "0 0");

  EXPECT_THAT(service_.requests(), IsEmpty());
}

TEST_F(WatchListTest, AnotherCounterOfTheContractIsNoneOfItsCalls) {
  card(company_inn(1), admin_);
  for (const char* other : {"reqSomething, xreq", "briefReport"})
    ASSERT_TRUE(store::keep_service_quota(
        *database_, {.service = "kontur", .name = other, .remaining = "5", .total = "100"}));

  EXPECT_EQ(watch(), "0 0");
}

}  // namespace
}  // namespace c360::daemon
