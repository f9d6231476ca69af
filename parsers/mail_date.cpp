#include "parsers/mail_date.h"

#include <array>
#include <charconv>
#include <chrono>
#include <string>

#include "daemon/base/text.h"

namespace c360::parsers {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kMaximumDateBytes = 512;

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};

struct Zone {
  std::string_view name;
  int hours;
};

// RFC 5322, 4.3; CET and its like are seen, MSK is what Russian programs write. Military letters
// and names nobody knows mean UTC there.
constexpr std::array<Zone, 17> kZones = {{{"ut", 0},
                                          {"utc", 0},
                                          {"gmt", 0},
                                          {"est", -5},
                                          {"edt", -4},
                                          {"cst", -6},
                                          {"cdt", -5},
                                          {"mst", -7},
                                          {"mdt", -6},
                                          {"pst", -8},
                                          {"pdt", -7},
                                          {"msk", 3},
                                          {"bst", 1},
                                          {"cet", 1},
                                          {"cest", 2},
                                          {"eet", 2},
                                          {"eest", 3}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

class DateReader {
 public:
  explicit DateReader(std::string_view text) : text_(text) {}

  std::optional<Instant> read() {
    while (at_ < text_.size() && !complete()) {
      const char c = text_[at_];
      if (c == '(') {
        skip_comment();
      } else if (is_digit(c)) {
        if (!read_number()) return std::nullopt;
      } else if (is_letter(c)) {
        read_word();
      } else if ((c == '+' || c == '-') && have_time_ && at_ + 1 < text_.size() &&
                 is_digit(text_[at_ + 1])) {
        read_offset();
      } else {
        ++at_;
      }
    }
    return result();
  }

 private:
  bool complete() const { return day_ && month_ && year_ && have_time_ && have_zone_; }

  void skip_comment() {
    int depth = 0;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '(') ++depth;
      if (text_[at_] == ')' && --depth == 0) {
        ++at_;
        return;
      }
    }
  }

  // Up to nine digits; `length` is how many there were.
  int digits(std::size_t& length) {
    int value = 0;
    length = 0;
    while (at_ < text_.size() && is_digit(text_[at_])) {
      if (length < 9) value = value * 10 + (text_[at_] - '0');
      ++length;
      ++at_;
    }
    return value;
  }

  bool next_is(char c) const {
    return at_ + 1 < text_.size() && text_[at_] == c && is_digit(text_[at_ + 1]);
  }

  bool read_number() {
    std::size_t length = 0;
    const int value = digits(length);
    if (!have_time_ && length <= 2 && next_is(':')) return read_time(value);
    if (length == 4 && !year_ && !day_ && (next_is('-') || next_is('/'))) return read_iso(value);
    if (length <= 2 && !day_ && !month_ && next_is('.')) return read_dotted(value);
    if (!day_ && length <= 2) {
      day_ = value;
    } else if (!year_ && length <= 4) {
      year_ = full_year(value, length);
    }
    return true;
  }

  // RFC 5322, 4.3: two digits below 50 are of this century, three count from 1900.
  static int full_year(int value, std::size_t length) {
    if (length == 2) return value < 50 ? value + 2000 : value + 1900;
    return length == 3 ? value + 1900 : value;
  }

  bool read_time(int hour) {
    std::size_t length = 0;
    ++at_;
    const int minute = digits(length);
    int second = 0;
    if (next_is(':')) {
      ++at_;
      second = digits(length);
    }
    if (next_is('.') || next_is(',')) {  // a fraction
      ++at_;
      digits(length);
    }
    if (hour > 23 || minute > 59 || second > 60) return false;
    time_ = hours(hour) + minutes(minute) + seconds(second);
    have_time_ = true;
    return true;
  }

  // "2024-05-31T12:00:00Z" after its year.
  bool read_iso(int year) {
    std::size_t length = 0;
    year_ = year;
    ++at_;
    month_ = digits(length);
    if (at_ + 1 >= text_.size() || !is_digit(text_[at_ + 1])) return false;
    ++at_;
    day_ = digits(length);
    if (at_ < text_.size() && (text_[at_] == 'T' || text_[at_] == 't')) ++at_;
    return true;
  }

  // "31.05.2024" after its day.
  bool read_dotted(int day) {
    std::size_t length = 0;
    ++at_;
    const int month = digits(length);
    if (!next_is('.')) {
      return false;
    }
    ++at_;
    const int year = digits(length);
    day_ = day;
    month_ = month;
    year_ = full_year(year, length);
    return true;
  }

  void read_word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
    const std::string word = to_lower(text_.substr(begin, at_ - begin));
    if (word.size() >= 3 && !month_) {
      for (std::size_t i = 0; i < kMonths.size(); ++i) {
        if (word.starts_with(kMonths[i])) {
          month_ = static_cast<int>(i) + 1;
          return;
        }
      }
    }
    if (!have_time_) return;
    if (word == "pm" || word == "am") {
      const bool noon = time_ >= hours(12) && time_ < hours(13);
      if (word == "pm" && time_ < hours(12)) time_ += hours(12);
      if (word == "am" && noon) time_ -= hours(12);
      return;
    }
    for (const Zone& zone : kZones) {
      if (word != zone.name) continue;
      offset_ = hours(zone.hours);
      have_zone_ = !(at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-'));
      return;
    }
    if (word == "z") have_zone_ = true;
  }

  void read_offset() {
    const bool negative = text_[at_++] == '-';
    std::size_t length = 0;
    const int value = digits(length);
    int hour = length <= 2 ? value : value / 100;
    int minute = length <= 2 ? 0 : value % 100;
    if (length <= 2 && next_is(':')) {
      ++at_;
      minute = digits(length);
    }
    have_zone_ = true;
    if (length > 4 || hour > 23 || minute > 59) {
      hour = minute = 0;  // no such zone: UTC, as RFC 5322, 4.3 has it for unknown ones
    }
    offset_ = hours(hour) + minutes(minute);
    if (negative) offset_ = -offset_;
  }

  std::optional<Instant> result() const {
    if (!day_ || !month_ || !year_) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year_),
                                           std::chrono::month(static_cast<unsigned>(*month_)),
                                           std::chrono::day(static_cast<unsigned>(*day_))};
    if (!date.ok() || *year_ < 1 || *year_ > 9999) return std::nullopt;
    return Instant(std::chrono::sys_days(date)) + time_ - offset_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::optional<int> day_, month_, year_;
  seconds time_{0};
  seconds offset_{0};
  bool have_time_ = false;
  bool have_zone_ = false;
};

}  // namespace

std::optional<Instant> parse_mail_date(std::string_view text) {
  return DateReader(text.substr(0, kMaximumDateBytes)).read();
}

ChosenDate choose_date(std::optional<Instant> header, std::optional<Instant> internal,
                       Instant fetched) {
  constexpr Instant kEarliest{
      std::chrono::sys_days{std::chrono::year(1990) / std::chrono::January / 1}};
  constexpr hours kLead{24};
  if (header && *header >= kEarliest && *header <= fetched + kLead) {
    return {*header, DateSource::header};
  }
  if (internal) return {*internal, DateSource::internal};
  return {fetched, DateSource::fetched};
}

}  // namespace c360::parsers
