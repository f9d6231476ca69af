// What a list can be asked besides its fields: GET /counterparties?stale_days=30 (domain.md 16).
// Declared here once; the query, its errors and OpenAPI follow. One named like a field is what that
// name asks for by itself; the operators of the field stay.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace c360::store {

struct ListFilter {
  enum class Value : std::uint8_t {
    flag,          // true or false: false asks for the others
    days,          // 1 to kMaxFilterDays
    inn_start,     // the first digits of an INN, 1 to 12
    company_name,  // compared by its key (base/company_name), 3 characters of it at least
  };

  std::string_view name;
  Value value;
  // SQL over t. $value is what was sent, checked; $like the pattern of texts that contain it;
  // $zone the business time zone; $rights what the caller may read of the rows p of `reads`.
  std::string_view condition;
  std::string_view doc;
  std::string_view reads = {};  // kind whose rows the condition asks after, as p
  std::string_view sort = {};   // order of the list where the request says none
};

inline constexpr int kMaxFilterDays = 3650;

// Of the lists of a kind; none for most.
std::span<const ListFilter> list_filters(std::string_view kind);
const ListFilter* find_list_filter(std::string_view kind, std::string_view name);

}  // namespace c360::store
