#include "adapters/answer_fields.h"

#include <spdlog/fmt/fmt.h>

#include <charconv>

#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::sys_days;
using std::chrono::sys_time;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::size_t kMaxWarnings = 50;
const Json kNothing;

bool is_white(char32_t c) {
  return c == ' ' || (c >= 0x09 && c <= 0x0d) || c == 0x85 || c == 0xa0 || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x3000 || (c >= 0x2000 && c <= 0x200a);
}
bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

bool is_plausible(year_month_day date) {
  return date.ok() && date.year() >= year{1800} && date.year() <= year{2200};
}

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string clean_text(std::string_view text) {
  const std::string valid = replace_invalid_utf8(text);
  std::string clean;
  bool blank = false;
  for (std::size_t at = 0; at < valid.size();) {
    const char32_t c = next_code_point(valid, at);
    if (is_white(c)) {
      blank = !clean.empty();
    } else if (!is_control(c)) {
      if (blank) clean += ' ';
      blank = false;
      append_utf8(clean, c);
    }
  }
  return clean;
}

const Json* AnswerFields::at(std::string_view path) const {
  const Json* value = &object_;
  for (const std::string_view name : split(path, '.')) {
    value = value->find(name);
    if (value == nullptr || value->is_null()) return nullptr;
  }
  return value;
}

AnswerFields AnswerFields::below(std::string_view path) const {
  const Json* value = at(path);
  return {value != nullptr && value->is_object() ? *value : kNothing, warnings_};
}

std::optional<std::string> AnswerFields::text(std::string_view path) const {
  const Json* value = at(path);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return value->number_text();
  if (!value->is_string()) {
    warn(path, fmt::format("is a JSON {}, not a text", value->type_name()));
    return std::nullopt;
  }
  std::string clean = clean_text(value->as_string());
  if (clean.empty()) return std::nullopt;
  return clean;
}

std::optional<std::int64_t> AnswerFields::integer(std::string_view path) const {
  const auto written = text(path);
  if (!written) return std::nullopt;
  if (const auto value = number_in<std::int64_t>(*written)) return value;
  // 1254690000000.0 and 1.25e12 are spelled so by some serialisers.
  const auto real = number_in<double>(*written);
  constexpr double kExact = 9'007'199'254'740'992;
  if (real && *real > -kExact && *real < kExact) return static_cast<std::int64_t>(*real);
  warn(path, "is no number");
  return std::nullopt;
}

bool AnswerFields::flag(std::string_view path) const {
  const Json* value = at(path);
  if (value == nullptr) return false;
  if (value->is_bool()) return value->as_bool();
  if (value->is_string() && value->as_string() == "true") return true;
  if (value->is_string() && value->as_string() == "false") return false;
  warn(path, fmt::format("is a JSON {}, not true or false", value->type_name()));
  return false;
}

std::optional<year_month_day> AnswerFields::date_of_ms(std::string_view path) const {
  const auto since_epoch = integer(path);
  if (!since_epoch) return std::nullopt;
  constexpr std::int64_t kFarthest = 20'000'000'000'000;  // beyond 2200: no overflow below
  if (*since_epoch > -kFarthest && *since_epoch < kFarthest) {
    const sys_time<milliseconds> moment{milliseconds{*since_epoch} + hours{3}};
    const year_month_day date{std::chrono::floor<days>(moment)};
    if (is_plausible(date)) return date;
  }
  warn(path, "is no date between 1800 and 2200");
  return std::nullopt;
}

std::optional<year_month_day> AnswerFields::iso_date(std::string_view path) const {
  const auto written = text(path);
  if (!written) return std::nullopt;
  const std::string_view day = *written;
  if (day.size() >= 10 && day[4] == '-' && day[7] == '-') {
    const auto y = number_in<int>(day.substr(0, 4));
    const auto m = number_in<unsigned>(day.substr(5, 2));
    const auto d = number_in<unsigned>(day.substr(8, 2));
    if (y && m && d) {
      const year_month_day date{year{*y}, std::chrono::month{*m}, std::chrono::day{*d}};
      if (is_plausible(date)) return date;
    }
  }
  warn(path, "is no date between 1800 and 2200");
  return std::nullopt;
}

void AnswerFields::each(std::string_view path,
                        const std::function<void(const AnswerFields&)>& visit) const {
  const Json* value = at(path);
  if (value == nullptr) return;
  if (!value->is_array()) {
    warn(path, fmt::format("is a JSON {}, not an array", value->type_name()));
    return;
  }
  for (const Json& element : value->as_array())
    if (element.is_object()) visit(AnswerFields{element, warnings_});
}

void AnswerFields::warn(std::string_view path, std::string_view why) const {
  if (warnings_.size() < kMaxWarnings) warnings_.push_back(fmt::format("{} {}", path, why));
}

}  // namespace c360::adapters
