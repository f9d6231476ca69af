#include "store/query_filters.h"

#include <algorithm>
#include <optional>

#include "daemon/base/company_name.h"
#include "daemon/base/text.h"

namespace c360::store {
namespace {

constexpr std::size_t kInnDigits = 12;
constexpr std::size_t kLeastNameCharacters = 3;  // fewer make no trigram

std::unexpected<Error> wrong(const ListFilter& filter, std::string detail) {
  return fail(ErrorCode::invalid_request,
              "Filter " + std::string(filter.name) + ": " + std::move(detail), "invalid_value");
}

bool only_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<int> days_of(std::string_view text) {
  if (text.empty() || text.size() > 4 || !only_digits(text)) return std::nullopt;
  const int days = std::stoi(std::string(text));
  return days >= 1 && days <= kMaxFilterDays ? std::optional(days) : std::nullopt;
}

// What takes the place of $value; of a flag nothing.
Result<std::string> checked_value(const ListFilter& filter, std::string_view value,
                                  const QueryLimits& limits) {
  switch (filter.value) {
    case ListFilter::Value::flag:
      if (value == "true" || value == "false") return std::string();
      return wrong(filter, "expected true or false.");
    case ListFilter::Value::days:
      if (const auto days = days_of(value)) return std::to_string(*days);
      return wrong(filter,
                   "expected a number between 1 and " + std::to_string(kMaxFilterDays) + ".");
    case ListFilter::Value::inn_start:
      if (!value.empty() && value.size() <= kInnDigits && only_digits(value)) {
        return std::string(value);
      }
      return wrong(filter, "expected 1 to " + std::to_string(kInnDigits) + " digits.");
    case ListFilter::Value::company_name:
      break;
  }
  if (value.size() > limits.max_search_bytes || !is_valid_utf8(value) ||
      value.find('\0') != std::string_view::npos) {
    return wrong(filter, "at most " + std::to_string(limits.max_search_bytes) + " bytes of UTF-8.");
  }
  std::string key = company_name(value).key;
  const auto characters = std::ranges::count_if(
      key, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  if (static_cast<std::size_t>(characters) < kLeastNameCharacters) {
    return wrong(filter, "at least " + std::to_string(kLeastNameCharacters) +
                             " characters besides the legal form.");
  }
  return key;
}

void replace_all(std::string& sql, std::string_view mark, std::string_view by) {
  for (std::size_t at = 0; (at = sql.find(mark, at)) != std::string::npos; at += by.size()) {
    sql.replace(at, mark.size(), by);
  }
}

bool asks(const ListFilter& filter, std::string_view mark) {
  return filter.condition.contains(mark);
}

}  // namespace

Result<std::string> list_filter_condition(const ListFilter& filter, std::string_view value,
                                          const QueryLimits& limits, std::string_view rights,
                                          ParameterList& params) {
  auto checked = checked_value(filter, value, limits);
  if (!checked) return std::unexpected(std::move(checked).error());
  std::string sql(filter.condition);
  if (asks(filter, "$like")) {
    replace_all(sql, "$like", params.add("%" + escaped_like(*checked) + "%") + "::text");
  }
  if (asks(filter, "$zone")) replace_all(sql, "$zone", params.add(limits.time_zone) + "::text");
  if (asks(filter, "$value")) replace_all(sql, "$value", params.add(*checked) + "::text");
  replace_all(sql, "$rights", rights);
  const bool others = filter.value == ListFilter::Value::flag && value == "false";
  return others ? "NOT (" + sql + ")" : "(" + sql + ")";
}

}  // namespace c360::store
