// Yandex.Metrika: what is asked, and what every recorded answer and refusal means.
#include "adapters/metrika.h"

#include <set>

#include "tests/adapters/service_setting.h"

namespace c360::adapters {
namespace {

using std::chrono::days;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::year;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kReceived = year{2026} / 4 / 1;

// The directory as it is shipped, and `direct`.
bool is_known(std::string_view code) {
  static const std::set<std::string_view> kCodes{"google_search", "yandex_search", "referral", "ad",
                                                 "direct",        "mail",          "other"};
  return kCodes.contains(code);
}

class MetrikaTest : public ServiceTest {
 protected:
  MetrikaTest() {
    options.token = Secret("TEST-METRIKA-TOKEN");
    options.counter = "12345678";
    options.url = server.url() + "/stat/v1/data";
    options.ca_file = server.ca_file();
    be_patient(options.limits);
  }
  CallResult<TrafficSource> ask(const std::string& client_id = "1612345678901234567") {
    MemoryGateStates fresh;
    auto set = ports();
    const ServicePorts alone{set.http, fresh, set.clock, set.pause, set.journal};
    return Metrika{options, alone}.first_source(client_id, kReceived, "lead 5");
  }
  NoAnswer none_for(ServiceReply reply) {
    server.next(std::move(reply));
    const auto found = ask();
    EXPECT_FALSE(found);
    return found ? NoAnswer{} : found.error();
  }

  MetrikaOptions options;
};

TEST_F(MetrikaTest, EachRecordedAnswerMeansWhatItsDescriptionSays) {
  check_recorded_cases("metrika", [&](const Json&) -> std::optional<CaseResult> {
    return case_result<TrafficSource>(ask(), [](const TrafficSource& found) {
      return FieldTexts{{"request_source", found.request_source(is_known)}};
    });
  });
}

TEST_F(MetrikaTest, AsksForTheFirstVisitOfOneVisitorOnly) {
  server.next({.body = service_fixture("metrika/direct.json")});
  ASSERT_TRUE(ask());

  const auto seen = server.requests().front();
  EXPECT_EQ(seen.query.at("limit"), "1");
  EXPECT_EQ(seen.query.at("accuracy"), "full");
  EXPECT_EQ(seen.query.at("lang"), "en");
  EXPECT_FALSE(seen.query.contains("oauth_token")) << "refused in addresses since 2019";
}

TEST_F(MetrikaTest, TheCounterMayStandInTheAddressAndLeapDaysHaveAFormerYear) {
  options.counter.clear();
  options.url += "?ids=777";
  options.search_years = 1;
  server.next({.body = service_fixture("metrika/empty.json")});
  (void)Metrika{options, ports()}.first_source("1", year{2028} / 2 / 29);

  const auto seen = server.requests().front();
  EXPECT_EQ(seen.query.at("ids"), "777");
  EXPECT_EQ(seen.query.at("date1"), "2027-02-28");
  EXPECT_EQ(seen.query.at("date2"), "2028-02-29");
}

TEST_F(MetrikaTest, AClientIdThatIsNoneCostsNoCall) {
  for (const std::string id : {"", "12a", "1 OR 1==1", "123456789012345678901", "-1"}) {
    EXPECT_EQ(ask(id).error().outcome, Outcome::permanent) << id;
    EXPECT_EQ(ask(id).error().reason, "bad_id") << id;
  }
  options.token = Secret();
  EXPECT_EQ(ask().error().reason, "off");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(MetrikaTest, EachKindOfQuotaWaitsItsTime) {
  const auto wait_of = [&](const std::string& body, int status = 429) {
    const NoAnswer none =
        none_for({.status = status, .body = service_fixture("metrika/errors/" + body)});
    EXPECT_EQ(none.outcome, Outcome::quota);
    return none.retry_at.value_or(clock.now()) - clock.now();
  };
  EXPECT_EQ(wait_of("429_ip.json"), seconds{1});
  EXPECT_EQ(wait_of("429_parallel.json"), seconds{5});
  EXPECT_EQ(wait_of("429_day.json"), days{1}) << "the clock stands at 00:00 GMT";
  EXPECT_EQ(wait_of("420_day.json", 420), days{1});
  EXPECT_EQ(wait_of("503.json"), minutes{5}) << "another kind";
}

TEST_F(MetrikaTest, AtTheShippedRatesManyInARowWaitForTheirTurnAndNoneIsRefused) {
  server.on("/stat/v1/data", {.body = service_fixture("metrika/empty.json")});
  ServicePorts waiting = ports();
  waiting.pause = [this](std::chrono::milliseconds wait) {
    clock.advance(std::chrono::ceil<seconds>(wait));
    return true;
  };
  const Instant began = clock.now();
  Metrika metrika{options, waiting};
  constexpr int kCalls = 60;
  for (int i = 0; i < kCalls; ++i)
    ASSERT_EQ(metrika.first_source("1", kReceived).error().outcome, Outcome::not_found) << i;

  EXPECT_EQ(server.requests().size(), kCalls);
  const auto apart = options.long_rate.per / options.long_rate.calls;
  EXPECT_GE(clock.now() - began, (kCalls - options.long_rate.burst) * apart);
}

TEST_F(MetrikaTest, AnAnswerWithoutASourceIsNone) {
  for (const std::string body :
       {R"({"data": 1})", "{}", R"({"data": [1]})", R"({"data": [{"dimensions": []}]})",
        R"({"data": [{"dimensions": [{"name": "x"}]}]})"}) {
    const NoAnswer none = none_for({.body = body});
    EXPECT_EQ(none.reason, "malformed") << body;
  }
}

TEST_F(MetrikaTest, TheTokenIsInNoErrorAndNoRecord) {
  const NoAnswer none = none_for(
      {.status = 403, .body = R"({"message": "token TEST-METRIKA-TOKEN is bad", "code": 403})"});
  EXPECT_THAT(none.detail, HasSubstr("token *** is bad"));
  EXPECT_THAT(journal.records.back().exchange->body, Not(HasSubstr("METRIKA-TOKEN")));
}

}  // namespace
}  // namespace c360::adapters
