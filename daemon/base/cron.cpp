#include "daemon/base/cron.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "daemon/base/text.h"

namespace c360 {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// 29 February on a given weekday comes every 28 years, and after 40 when a century lies between.
constexpr days kLongestGap{366 * 41};

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kShorthands = {
    {{"@yearly", "0 0 1 1 *"},
     {"@annually", "0 0 1 1 *"},
     {"@monthly", "0 0 1 * *"},
     {"@weekly", "0 0 * * 0"},
     {"@daily", "0 0 * * *"},
     {"@midnight", "0 0 * * *"},
     {"@hourly", "0 * * * *"}}};

struct CronField {
  std::string_view name;
  int least;
  int most;
  std::span<const std::string_view> names = {};
  int first_name = 0;  // the value of names[0]
};

constexpr std::array<CronField, 6> kFields = {{{"second", 0, 59},
                                               {"minute", 0, 59},
                                               {"hour", 0, 23},
                                               {"day-of-month", 1, 31},
                                               {"month", 1, 12, kMonths, 1},
                                               {"day-of-week", 0, 7, kWeekdays, 0}}};

std::unexpected<Error> refuse(std::string_view field, std::string why) {
  Error error{.code = ErrorCode::validation_failed,
              .detail = "not a cron expression: " + std::string(field) + ": " + why,
              .reason = "invalid_cron"};
  error.fields.push_back({"", std::string(field), std::move(why)});
  return std::unexpected(std::move(error));
}

std::unexpected<Error> refuse(const CronField& field, std::string_view text) {
  std::string why = "'" + std::string(text) + "' does not fit; it takes " +
                    std::to_string(field.least) + "-" + std::to_string(field.most);
  if (!field.names.empty())
    why += ", " + std::string(field.names.front()) + "-" + std::string(field.names.back());
  return refuse(field.name, why + ", *, a-b, */n, a-b/n and lists of these");
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int> value_of(const CronField& field, std::string_view text) {
  if (const auto value = number(text)) {
    if (*value >= field.least && *value <= field.most) return value;
    return std::nullopt;
  }
  const auto found = std::ranges::find(field.names, to_lower(text));
  if (found == field.names.end()) return std::nullopt;
  return field.first_name + static_cast<int>(found - field.names.begin());
}

using Values = std::bitset<60>;

// One element of a list: *, a, a-b, with or without /n.
Result<void> read_element(const CronField& field, std::string_view element, Values& values) {
  const std::size_t slash = element.find('/');
  const std::string_view range = element.substr(0, slash);
  const std::size_t dash = range.find('-');
  int first = field.least;
  int last = field.most;
  if (range != "*") {
    const auto from = value_of(field, range.substr(0, dash));
    auto to = dash == range.npos ? from : value_of(field, range.substr(dash + 1));
    // sat-sun: the Sunday that follows.
    if (field.most == 7 && to == 0 && from && *from > 0 && dash != range.npos) to = 7;
    if (!from || !to || *from > *to) return refuse(field, element);
    first = *from;
    last = *to;
  }
  int step = 1;
  if (slash != element.npos) {
    const auto wanted = number(element.substr(slash + 1));
    const bool ranged = range == "*" || dash != range.npos;
    if (!wanted || *wanted < 1 || *wanted > field.most || !ranged) return refuse(field, element);
    step = *wanted;
  }
  for (int value = first; value <= last; value += step) values.set(static_cast<std::size_t>(value));
  return {};
}

Result<Values> read_field(const CronField& field, std::string_view text) {
  Values values;
  for (const std::string_view element : split(text, ','))
    if (auto read = read_element(field, element, values); !read)
      return std::unexpected(read.error());
  if (field.most == 7) {  // Sunday has two numbers
    if (values.test(7)) values.set(0);
    values.reset(7);
  }
  return values;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!(text = trimmed(text)).empty()) {
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

template <std::size_t N>
void copy_values(const Values& values, std::bitset<N>& target) {
  for (std::size_t i = 0; i < N && i < values.size(); ++i) target.set(i, values.test(i));
}

template <std::size_t N>
std::optional<int> first_from(const std::bitset<N>& values, std::chrono::hours::rep from) {
  for (auto at = static_cast<std::size_t>(from); at < N; ++at)
    if (values.test(at)) return static_cast<int>(at);
  return std::nullopt;
}

template <std::size_t H>
std::optional<seconds> time_from(const std::bitset<H>& hour_set, const std::bitset<60>& minute_set,
                                 const std::bitset<60>& second_set, seconds from) {
  const std::chrono::hh_mm_ss start{from};
  for (auto hour = first_from(hour_set, start.hours().count()); hour;
       hour = first_from(hour_set, *hour + 1)) {
    const bool same_hour = *hour == start.hours().count();
    for (auto minute = first_from(minute_set, same_hour ? start.minutes().count() : 0); minute;
         minute = first_from(minute_set, *minute + 1)) {
      const bool same_minute = same_hour && *minute == start.minutes().count();
      const auto second = first_from(second_set, same_minute ? start.seconds().count() : 0);
      if (second) return hours{*hour} + minutes{*minute} + seconds{*second};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Cron> Cron::parse(std::string_view expression) {
  if (expression.size() > kMaxCronBytes)
    return refuse("expression", "longer than " + std::to_string(kMaxCronBytes) + " bytes");
  Cron cron;
  cron.text_ = trimmed(expression);
  std::string_view text = cron.text_;
  if (text.starts_with('@')) {
    const std::string wanted = to_lower(text);
    const auto* const found =
        std::ranges::find(kShorthands, wanted, [](auto& s) { return s.first; });
    if (found == kShorthands.end())
      return refuse("expression",
                    "'" + std::string(text) +
                        "' is unknown; known are @yearly, @annually, @monthly, @weekly, @daily, "
                        "@midnight and @hourly");
    text = found->second;
  }
  auto words = words_of(text);
  if (words.size() == kFields.size() - 1) words.insert(words.begin(), "0");
  if (words.size() != kFields.size())
    return refuse("expression",
                  "it has five fields (minute hour day-of-month month day-of-week), "
                  "or six with seconds in front");
  std::array<Values, kFields.size()> values;
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    auto read = read_field(kFields[i], words[i]);
    if (!read) return std::unexpected(read.error());
    values[i] = *read;
  }
  copy_values(values[0], cron.seconds_);
  copy_values(values[1], cron.minutes_);
  copy_values(values[2], cron.hours_);
  copy_values(values[3], cron.days_);
  copy_values(values[4], cron.months_);
  copy_values(values[5], cron.weekdays_);
  cron.any_day_ = words[3] == "*";
  cron.any_weekday_ = words[5] == "*";
  // 1 January 2000: every day of every month is met from there on.
  if (!cron.next_local(LocalSeconds{std::chrono::local_days{std::chrono::year{2000} / 1 / 1}}))
    return refuse("day-of-month", "no month asked for has such a day");
  return cron;
}

bool Cron::matches_day(std::chrono::year_month_day day) const {
  if (!months_.test(static_cast<unsigned>(day.month()))) return false;
  const bool of_month = days_.test(static_cast<unsigned>(day.day()));
  const std::chrono::weekday weekday{std::chrono::local_days{day}};
  const bool of_week = weekdays_.test(weekday.c_encoding());
  if (any_day_) return of_week;
  if (any_weekday_) return of_month;
  return of_month || of_week;
}

std::optional<LocalSeconds> Cron::next_local(LocalSeconds from) const {
  const auto first = std::chrono::floor<days>(from);
  for (auto day = first; day - first < kLongestGap; day += days{1}) {
    if (!matches_day(std::chrono::year_month_day{day})) continue;
    const seconds start = day == first ? seconds{from - first} : seconds{0};
    if (const auto time = time_from(hours_, minutes_, seconds_, start)) return day + *time;
  }
  return std::nullopt;
}

Seconds Cron::next(Seconds after, const TimeZone& zone) const {
  return hours_.all() ? next_by_time(after, zone) : next_by_wall(after, zone);
}

// first_instant() never goes back when the wall clock goes on, so the first local time whose
// instant is late enough is the one.
Seconds Cron::next_by_wall(Seconds after, const TimeZone& zone) const {
  LocalSeconds from = zone.local(after) + seconds{1};
  while (const auto local = next_local(from)) {
    const Seconds instant = zone.first_instant(*local);
    if (instant > after) return instant;
    from = *local + seconds{1};
  }
  throw std::logic_error("a cron expression that never comes: " + text_);
}

// Within a stretch the wall clock goes evenly; each is looked through by itself.
Seconds Cron::next_by_time(Seconds after, const TimeZone& zone) const {
  for (Seconds from = after + seconds{1};;) {
    const ZoneStretch stretch = zone.stretch(from);
    const auto local = next_local(LocalSeconds{from.time_since_epoch() + stretch.offset});
    if (!local) throw std::logic_error("a cron expression that never comes: " + text_);
    const Seconds instant{local->time_since_epoch() - stretch.offset};
    if (instant < stretch.end) return instant;
    from = stretch.end;
  }
}

}  // namespace c360
