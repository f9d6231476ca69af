// Cron expressions (POSIX crontab, with the usual additions): when something runs by the clock on
// the wall. Pure: no clock and no zone of its own.
//
//   minute hour day-of-month month day-of-week          30 9 * * mon-fri
//   second minute hour day-of-month month day-of-week   */15 * * * * *
//   @yearly @annually @monthly @weekly @daily @midnight @hourly
//
// A field is *, a value, a range a-b, a step */n or a-b/n, or a list of these. Months and days of
// the week have names (jan, mon; any case); Sunday is 0 and 7. Where both days are restricted,
// either one is enough (POSIX).
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/time_zone.h"

namespace c360 {

inline constexpr std::size_t kMaxCronBytes = 200;

class Cron {
 public:
  // validation_failed, reason invalid_cron: `fields` has one entry whose code names the field
  // ("minute", …, "expression" for the whole) and whose sentence says what may stand there. Also
  // refused is what never comes, such as the 31st of February.
  static Result<Cron> parse(std::string_view expression);

  // The first time after `after`.
  //
  // Where the expression restricts the hour the wall clock rules: a time that a change of the
  // clocks leaves out runs once at the change, one that comes twice runs the first time. Where it
  // does not (every minute, every hour at half past), time itself rules: nothing is made up for,
  // nothing is left out.
  Seconds next(Seconds after, const TimeZone& zone) const;

  const std::string& text() const { return text_; }

 private:
  bool matches_day(std::chrono::year_month_day day) const;
  // The first matching time that is not before `from`; none within kLongestGap.
  std::optional<LocalSeconds> next_local(LocalSeconds from) const;
  Seconds next_by_wall(Seconds after, const TimeZone& zone) const;
  Seconds next_by_time(Seconds after, const TimeZone& zone) const;

  std::string text_;
  std::bitset<60> seconds_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;     // 1-31
  std::bitset<13> months_;   // 1-12
  std::bitset<8> weekdays_;  // 0-6
  bool any_day_ = true;      // day-of-month is *
  bool any_weekday_ = true;  // day-of-week is *
};

}  // namespace c360
