#include "daemon/base/clock.h"

#include <spdlog/fmt/fmt.h>

namespace c360 {

using std::chrono::microseconds;

Instant SystemClock::now() const {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}
std::chrono::steady_clock::time_point SystemClock::steady() const {
  return std::chrono::steady_clock::now();
}

std::string to_rfc3339(Instant instant) {
  const auto day = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss<microseconds> time{instant - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

namespace {

// Reads fixed-width fields from the front of the text; sticky failure.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : text_(text) {}
  int digits(std::size_t width) {
    if (text_.size() < width) ok_ = false;
    int value = 0;
    for (std::size_t i = 0; ok_ && i < width; ++i) {
      const char c = text_[i];
      if (c < '0' || c > '9') {
        ok_ = false;
      } else {
        value = value * 10 + (c - '0');
      }
    }
    if (ok_) text_.remove_prefix(width);
    return value;
  }
  char one_of(std::string_view allowed) {
    if (!ok_ || text_.empty() || allowed.find(text_.front()) == std::string_view::npos) {
      ok_ = false;
      return 0;
    }
    const char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }
  bool next_is(char c) const { return ok_ && !text_.empty() && text_.front() == c; }
  bool next_is_digit() const {
    return ok_ && !text_.empty() && text_.front() >= '0' && text_.front() <= '9';
  }
  bool finished() const { return ok_ && text_.empty(); }

 private:
  std::string_view text_;
  bool ok_ = true;
};

// Fraction digits beyond microseconds are cut.
microseconds read_fraction(FieldReader& reader) {
  int value = 0;
  int scale = 100'000;
  while (reader.next_is_digit()) {
    value += reader.digits(1) * scale;
    scale /= 10;
  }
  return microseconds{value};
}

}  // namespace

std::optional<Instant> from_rfc3339(std::string_view text) {
  FieldReader reader{text};
  const int year = reader.digits(4);
  reader.one_of("-");
  const int month = reader.digits(2);
  reader.one_of("-");
  const int day = reader.digits(2);
  reader.one_of("Tt ");
  const int hour = reader.digits(2);
  reader.one_of(":");
  const int minute = reader.digits(2);
  reader.one_of(":");
  const int second = reader.digits(2);
  microseconds fraction{0};
  if (reader.next_is('.')) {
    reader.one_of(".");
    if (!reader.next_is_digit()) return std::nullopt;
    fraction = read_fraction(reader);
  }
  const char zone = reader.one_of("Zz+-");
  std::chrono::minutes offset{0};
  if (zone == '+' || zone == '-') {
    const int hours = reader.digits(2);
    reader.one_of(":");
    const int minutes = reader.digits(2);
    if (hours > 23 || minutes > 59) return std::nullopt;
    offset = std::chrono::minutes{(zone == '-' ? -1 : 1) * (hours * 60 + minutes)};
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!reader.finished() || year < 1 || !date.ok() || hour > 23 || minute > 59 || second > 60)
    return std::nullopt;
  return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
         std::chrono::seconds{second} + fraction - offset;
}

}  // namespace c360
