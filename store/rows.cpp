// Params and Rows: values on their way to and from PostgreSQL.
#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "daemon/base/digest.h"
#include "store/array.h"
#include "store/database.h"

namespace c360::store {
namespace {

// Digits at `at`, which ends up behind them; -1 where there are none.
int digits(std::string_view text, std::size_t& at) {
  int value = 0;
  const auto end = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (end.ec != std::errc() || text[at] == '-') return -1;
  at = static_cast<std::size_t>(end.ptr - text.data());
  return value;
}

[[noreturn]] void not_a(std::string_view what, std::string_view text) {
  throw std::logic_error("not " + std::string(what) + ": " + std::string(text.substr(0, 60)));
}

// "2026-11-22 10:15:00.123456+00", the ISO style of a session in UTC.
Instant parse_timestamp(std::string_view text) {
  if (text == "infinity") return Instant::max();
  if (text == "-infinity") return Instant::min();
  std::size_t at = 0;
  const auto part = [&](char before) {
    if (before != 0) {
      if (at >= text.size() || text[at] != before) not_a("a timestamp", text);
      ++at;
    }
    const int value = at < text.size() ? digits(text, at) : -1;
    if (value < 0) not_a("a timestamp", text);
    return value;
  };
  const int year = part(0);
  const int month = part('-');
  const int day = part('-');
  const int hour = part(' ');
  const int minute = part(':');
  const int second = part(':');
  int micros = 0;
  if (at < text.size() && text[at] == '.') {
    const std::size_t from = at + 1;
    micros = part('.');
    for (std::size_t width = at - from; width < 6; ++width) micros *= 10;
  }
  if (!text.substr(at).starts_with("+00")) not_a("a timestamp in UTC", text);
  // "4714-11-24 00:00:00+00 BC": there is no year 0 in ISO dates of PostgreSQL.
  const int astronomical = text.ends_with(" BC") ? 1 - year : year;
  const std::chrono::sys_days date = std::chrono::year{astronomical} /
                                     std::chrono::month{static_cast<unsigned>(month)} /
                                     std::chrono::day{static_cast<unsigned>(day)};
  return Instant(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + std::chrono::microseconds(micros);
}

}  // namespace

Params& Params::add(std::string_view text) { return add(std::string(text)); }

Params& Params::add(std::string&& text) {
  // libpq would cut the text at a NUL without a word. 0xFF is never UTF-8: the server refuses it,
  // at this statement, like any other text that is not.
  if (text.find('\0') != std::string::npos) std::ranges::replace(text, '\0', '\xff');
  values_.push_back({std::move(text), false, false});
  return *this;
}

Params& Params::add(std::int64_t value) { return add(std::to_string(value)); }
Params& Params::add(bool value) { return add(std::string_view(value ? "true" : "false")); }
Params& Params::add(Instant instant) { return add(to_rfc3339(instant)); }

Params& Params::add_null() {
  values_.push_back({{}, true, false});
  return *this;
}

Params& Params::add_bytes(std::string_view bytes) {
  values_.push_back({std::string(bytes), false, true});
  return *this;
}

Params& Params::add_array(std::span<const std::int64_t> values) {
  values_.push_back({encode_array(values), false, true});
  return *this;
}

Params& Params::add_array(std::span<const std::string> values) {
  values_.push_back({encode_array(values), false, true});
  return *this;
}

Params& Params::add_array(std::span<const std::string_view> values) {
  values_.push_back({encode_array(values), false, true});
  return *this;
}

Params& Params::add_array(std::span<const std::optional<std::string>> values) {
  values_.push_back({encode_array(values), false, true});
  return *this;
}

Params& Params::add_bytes_array(std::span<const std::string_view> values) {
  values_.push_back({encode_bytes_array(values), false, true});
  return *this;
}

Rows::Rows(pg_result* result) : result_(result) {}
void Rows::Clear::operator()(pg_result* result) const { PQclear(result); }

int Rows::size() const { return PQntuples(result_.get()); }
int Rows::columns() const { return PQnfields(result_.get()); }

std::string_view Rows::column_name(int column) const {
  const char* name = PQfname(result_.get(), column);
  return name != nullptr ? std::string_view(name) : std::string_view();
}

bool Rows::is_null(int row, int column) const {
  // libpq answers a cell that is not there with a notice and NULL; here it is a bug.
  if (row < 0 || row >= size() || column < 0 || column >= columns()) {
    throw std::logic_error("row " + std::to_string(row) + ", column " + std::to_string(column) +
                           " of a result of " + std::to_string(size()) + " x " +
                           std::to_string(columns()));
  }
  return PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view Rows::text(int row, int column) const {
  if (is_null(row, column)) return {};
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::optional<std::string_view> Rows::optional_text(int row, int column) const {
  if (is_null(row, column)) return std::nullopt;
  return text(row, column);
}

std::int64_t Rows::int64(int row, int column) const {
  return optional_int64(row, column).value_or(0);
}

std::optional<std::int64_t> Rows::optional_int64(int row, int column) const {
  if (is_null(row, column)) return std::nullopt;
  const std::string_view digits_text = text(row, column);
  std::int64_t value = 0;
  const char* const begin = digits_text.data();
  const char* const end = begin + digits_text.size();
  const auto parsed = std::from_chars(begin, end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) not_a("an integer", digits_text);
  return value;
}

bool Rows::boolean(int row, int column) const { return text(row, column) == "t"; }

std::string Rows::bytes(int row, int column) const {
  const std::string_view value = text(row, column);
  if (PQfformat(result_.get(), column) == 1) return std::string(value);
  if (value.empty()) return {};
  // bytea_output = hex, the server's default since 9.0: "\x0badc0de".
  auto decoded = value.starts_with("\\x") ? from_hex(value.substr(2)) : std::nullopt;
  if (!decoded) not_a("a bytea", value);
  return *std::move(decoded);
}

std::optional<Instant> Rows::instant(int row, int column) const {
  if (is_null(row, column)) return std::nullopt;
  return parse_timestamp(text(row, column));
}

std::vector<std::string> Rows::text_array(int row, int column) const {
  std::vector<std::string> values;
  if (is_null(row, column)) return values;
  for (auto& value : decode_array(text(row, column))) {
    values.push_back(std::move(value).value_or(std::string()));
  }
  return values;
}

std::int64_t Rows::affected() const {
  const std::string_view count = PQcmdTuples(result_.get());
  std::int64_t value = 0;
  std::from_chars(count.data(), count.data() + count.size(), value);
  return value;
}

}  // namespace c360::store
