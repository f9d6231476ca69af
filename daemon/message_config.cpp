#include "daemon/message_config.h"

#include <charconv>

#include "daemon/base/text.h"

namespace c360::daemon {
namespace {

using std::chrono::minutes;

// "09:30"; 24:00 is the end of the day.
std::optional<minutes> time_of_day(std::string_view text) {
  const auto number = [](std::string_view digits) {
    int value = -1;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return fault == std::errc{} && end == digits.data() + digits.size() ? value : -1;
  };
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const int hour = number(text.substr(0, 2));
  const int minute = number(text.substr(3));
  if (hour < 0 || minute < 0 || hour > 24 || minute > 59 || (hour == 24 && minute > 0))
    return std::nullopt;
  return minutes{hour * 60 + minute};
}

}  // namespace

std::optional<QuietHours> QuietHours::parse(std::string_view text) {
  if (text.empty()) return QuietHours{};
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto from = time_of_day(text.substr(0, dash));
  const auto until = time_of_day(text.substr(dash + 1));
  if (!from || !until || *from == *until) return std::nullopt;
  return QuietHours{.from = *from, .until = *until};
}

bool QuietHours::holds_at(LocalSeconds now) const {
  const auto today = now - std::chrono::floor<std::chrono::days>(now);
  if (from == until) return false;
  return from < until ? today >= from && today < until : today >= from || today < until;
}

}  // namespace c360::daemon
