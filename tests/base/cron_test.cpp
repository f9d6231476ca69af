// When cron expressions come, also where the clocks are changed.
#include "daemon/base/cron.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace c360 {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TimeZone zone(std::string_view name) {
  auto found = TimeZone::named(name);
  EXPECT_TRUE(found) << name;
  return *found;
}

Seconds at(std::string_view rfc3339) {
  const auto instant = from_rfc3339(rfc3339);
  EXPECT_TRUE(instant) << rfc3339;
  return std::chrono::floor<seconds>(*instant);
}

Cron cron(std::string_view expression) {
  auto parsed = Cron::parse(expression);
  EXPECT_TRUE(parsed) << expression << ": " << (parsed ? "" : parsed.error().detail);
  return *parsed;
}

// The next `count` times as UTC, without seconds that are zero.
std::vector<std::string> times(std::string_view expression, std::string_view zone_name,
                               std::string_view after, int count) {
  std::vector<std::string> found;
  const Cron parsed = cron(expression);
  Seconds now = at(after);
  for (int i = 0; i < count; ++i) {
    now = parsed.next(now, zone(zone_name));
    found.push_back(to_rfc3339(now).substr(0, 19));
  }
  return found;
}

struct CronCase {
  std::string_view expression;
  std::string_view after;
  std::string_view next;
};

TEST(Cron, ComesWhenTheFieldsSay) {
  // 2026-11-22 is a Sunday.
  constexpr std::array kCases = {
      CronCase{"* * * * *", "2026-11-22T10:15:30Z", "2026-11-22T10:16:00"},
      CronCase{"* * * * *", "2026-11-22T10:15:00Z", "2026-11-22T10:16:00"},
      CronCase{"*/15 * * * * *", "2026-11-22T10:15:30Z", "2026-11-22T10:15:45"},
      CronCase{"0 0 */6 * * *", "2026-11-22T10:15:30Z", "2026-11-22T12:00:00"},
      CronCase{"30 9 * * mon-fri", "2026-11-20T09:30:00Z", "2026-11-23T09:30:00"},
      CronCase{"0 9 * * SAT-SUN", "2026-11-20T09:30:00Z", "2026-11-21T09:00:00"},
      CronCase{"0 9 * * 7", "2026-11-20T09:30:00Z", "2026-11-22T09:00:00"},
      CronCase{"0 9 * * 0", "2026-11-20T09:30:00Z", "2026-11-22T09:00:00"},
      CronCase{"5,10-12,20-30/5 3 * * *", "2026-11-22T03:12:00Z", "2026-11-22T03:20:00"},
      CronCase{"5,10-12,20-30/5 3 * * *", "2026-11-22T03:30:00Z", "2026-11-23T03:05:00"},
      CronCase{"0 0 29 2 *", "2026-11-22T00:00:00Z", "2028-02-29T00:00:00"},
      CronCase{"0 0 31 jan,apr *", "2026-11-22T00:00:00Z", "2027-01-31T00:00:00"},
      CronCase{"0 0 13 * fri", "2026-11-08T00:00:00Z", "2026-11-13T00:00:00"},  // either one
      CronCase{"0 0 13 * mon", "2026-11-08T00:00:00Z", "2026-11-09T00:00:00"},
      CronCase{"@yearly", "2026-11-22T00:00:00Z", "2027-01-01T00:00:00"},
      CronCase{"@annually", "2026-11-22T00:00:00Z", "2027-01-01T00:00:00"},
      CronCase{"@monthly", "2026-11-22T00:00:00Z", "2026-12-01T00:00:00"},
      CronCase{"@weekly", "2026-11-22T00:00:00Z", "2026-11-29T00:00:00"},
      CronCase{"@Daily", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00"},
      CronCase{"@midnight", "2026-11-22T23:59:59Z", "2026-11-23T00:00:00"},
      CronCase{"  @hourly ", "2026-11-22T00:00:00Z", "2026-11-22T01:00:00"},
  };
  for (const CronCase& c : kCases)
    EXPECT_THAT(times(c.expression, "UTC", c.after, 1), ::testing::ElementsAre(std::string(c.next)))
        << c.expression;
}

TEST(Cron, RefusesWhatIsNoneAndNamesTheField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "expression"},
      {"* * * *", "expression"},
      {"* * * * * * *", "expression"},
      {"@reboot", "expression"},
      {std::string(kMaxCronBytes + 1, '*'), "expression"},
      {"60 * * * *", "minute"},
      {"-1 * * * *", "minute"},
      {"*/0 * * * *", "minute"},
      {"*/60 * * * *", "minute"},
      {"5/10 * * * *", "minute"},
      {"1,,2 * * * *", "minute"},
      {"1- * * * *", "minute"},
      {"9-5 * * * *", "minute"},
      {"99999999999 * * * *", "minute"},
      {"60 * * * * *", "second"},
      {"* 24 * * *", "hour"},
      {"* 9am * * *", "hour"},
      {"* * 0 * *", "day-of-month"},
      {"* * 32 * *", "day-of-month"},
      {"* * 31 feb *", "day-of-month"},
      {"* * 30,31 2 *", "day-of-month"},
      {"* * * 13 *", "month"},
      {"* * * janvier *", "month"},
      {"* * * * 8", "day-of-week"},
      {"* * * * fri-mon", "day-of-week"},
  };
  for (const auto& [expression, field] : cases) {
    const auto parsed = Cron::parse(expression);
    ASSERT_FALSE(parsed) << expression;
    EXPECT_EQ(parsed.error().code, ErrorCode::validation_failed);
    EXPECT_EQ(parsed.error().reason, "invalid_cron");
    ASSERT_EQ(parsed.error().fields.size(), 1U);
    EXPECT_EQ(parsed.error().fields.front().code, field) << expression;
    EXPECT_FALSE(parsed.error().fields.front().detail.empty());
  }
}

TEST(Cron, TakesAnExpressionOfTheGreatestLength) {
  std::string expression = "0 0 * * 1";
  while (expression.size() + 2 <= kMaxCronBytes) expression += ",1";
  expression.resize(kMaxCronBytes, ' ');
  EXPECT_TRUE(Cron::parse(expression));
}

// 27 March 2011, 02:00 +03 -> 03:00 +04, for good; 26 October 2014, 02:00 +04 -> 01:00 +03.
TEST(Cron, InMoscowATimeLeftOutRunsAtTheChangeAndOneThatComesTwiceRunsOnce) {
  EXPECT_THAT(times("30 2 * * *", "Europe/Moscow", "2011-03-26T00:00:00Z", 3),
              ::testing::ElementsAre("2011-03-26T23:00:00",  // 03:00, right after
                                     "2011-03-27T22:30:00", "2011-03-28T22:30:00"));
  EXPECT_THAT(
      times("0,20,40 2-3 * * *", "Europe/Moscow", "2011-03-26T22:00:00Z", 4),
      ::testing::ElementsAre("2011-03-26T23:00:00",  // what was left out, and 03:00
                             "2011-03-26T23:20:00", "2011-03-26T23:40:00", "2011-03-27T22:00:00"));
  EXPECT_THAT(times("30 1 * * *", "Europe/Moscow", "2014-10-25T00:00:00Z", 3),
              ::testing::ElementsAre("2014-10-25T21:30:00",  // the first 01:30
                                     "2014-10-26T22:30:00", "2014-10-27T22:30:00"));
}

// 29 March 2026, 02:00 +01 -> 03:00 +02; 25 October 2026, 03:00 +02 -> 02:00 +01.
TEST(Cron, InBerlinATimeLeftOutRunsAtTheChangeAndOneThatComesTwiceRunsOnce) {
  EXPECT_THAT(times("30 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z", 2),
              ::testing::ElementsAre("2026-03-29T01:00:00", "2026-03-30T00:30:00"));
  EXPECT_THAT(times("0 3 * * *", "Europe/Berlin", "2026-03-28T03:00:00Z", 2),
              ::testing::ElementsAre("2026-03-29T01:00:00", "2026-03-30T01:00:00"));
  EXPECT_THAT(times("30 2 * * *", "Europe/Berlin", "2026-10-24T01:00:00Z", 2),
              ::testing::ElementsAre("2026-10-25T00:30:00", "2026-10-26T01:30:00"));
  EXPECT_THAT(times("0 1-4 * * *", "Europe/Berlin", "2026-10-24T22:30:00Z", 4),
              ::testing::ElementsAre("2026-10-24T23:00:00", "2026-10-25T00:00:00",
                                     "2026-10-25T02:00:00", "2026-10-25T03:00:00"));
  // In the second of the two hours.
  EXPECT_THAT(times("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1),
              ::testing::ElementsAre("2026-10-26T01:30:00"));
}

TEST(Cron, WhatRunsEveryHourGoesOnThroughTheChanges) {
  EXPECT_THAT(times("30 * * * *", "Europe/Berlin", "2026-10-24T23:00:00Z", 4),
              ::testing::ElementsAre("2026-10-24T23:30:00", "2026-10-25T00:30:00",
                                     "2026-10-25T01:30:00", "2026-10-25T02:30:00"));
  EXPECT_THAT(times("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2),
              ::testing::ElementsAre("2026-03-29T00:30:00", "2026-03-29T01:30:00"));
}

TEST(Cron, EachTimeIsLaterShowsOnTheClockAndNothingComesBetween) {
  std::mt19937 random{7};  // NOLINT(cert-msc51-cpp): the same cases in each run
  const std::vector<std::string> names = {"UTC", "Europe/Moscow", "Europe/Berlin",
                                          "Australia/Lord_Howe", "America/St_Johns"};
  const std::vector<std::string> expressions = {"30 2 * * *", "*/7 1-3 * * *", "0 0 1 * *",
                                                "15 2 * * sun", "*/20 * * * *"};
  for (const std::string& name : names) {
    const TimeZone here = zone(name);
    for (const std::string& expression : expressions) {
      const Cron parsed = cron(expression);
      for (int i = 0; i < 40; ++i) {
        const Seconds after = at("2010-01-01T00:00:00Z") + seconds{random() % (20U * 365 * 86'400)};
        const Seconds next = parsed.next(after, here);
        ASSERT_GT(next, after) << name << " " << expression;
        // Asked from any moment before it, the answer is the same.
        const auto span = static_cast<std::uint64_t>((next - after).count());
        const Seconds between = after + seconds{random() % span};
        EXPECT_EQ(parsed.next(between, here), next) << name << " " << expression;
      }
    }
  }
}

TEST(Cron, AcrossAYearADailyTimeComesOncePerDay) {
  for (const std::string_view name : {"Europe/Berlin", "Europe/Moscow", "Australia/Lord_Howe"}) {
    const TimeZone here = zone(name);
    for (const std::string_view expression : {"30 2 * * *", "0 3 * * *", "45 1 * * *"}) {
      Seconds now = here.first_instant(
          LocalSeconds{std::chrono::local_days{std::chrono::year{2014} / 1 / 1}});
      const Seconds end = here.first_instant(
          LocalSeconds{std::chrono::local_days{std::chrono::year{2015} / 1 / 1}});
      int runs = 0;
      for (const Cron parsed = cron(expression); (now = parsed.next(now, here)) < end;) ++runs;
      EXPECT_EQ(runs, 365) << name << " " << expression;
    }
  }
}

TEST(TimeZone, AnUnknownNameIsRefused) {
  for (const std::string_view name : {"", "Nowhere/Nothing", "../../etc/passwd"}) {
    const auto found = TimeZone::named(name);
    ASSERT_FALSE(found) << name;
    EXPECT_EQ(found.error().reason, "unknown_time_zone");
  }
}

}  // namespace
}  // namespace c360
