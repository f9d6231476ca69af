// Money as a scaled 64-bit integer, and the line formulas of domain.md 1.4. Never floating point.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/base/error.h"

namespace c360::store {

// A decimal number of fixed scale: `units` x 10^-Scale.
template <int Scale>
struct Fixed {
  std::int64_t units = 0;
  auto operator<=>(const Fixed&) const = default;
};
using Money = Fixed<2>;     // numeric(18,2)
using Quantity = Fixed<4>;  // numeric(18,4)
using Percent = Fixed<2>;   // numeric(5,2)

inline constexpr std::int64_t kMaxMoneyUnits = 999'999'999'999'999'999;  // numeric(18,2)

// "-12", "12.3", "12.30"; no exponent, no thousands separators, at most `scale` digits after the
// point, at most 18 digits in all. None where the text is anything else.
std::optional<std::int64_t> parse_fixed(std::string_view text, int scale);
std::string format_fixed(std::int64_t units, int scale);

std::optional<Money> parse_money(std::string_view text);
std::string to_string(Money money);  // always two digits: "100.10"

// Half away from zero: `units` of `from` digits to `to` digits.
__extension__ typedef __int128 Int128;
Int128 rounded(Int128 units, int from, int to);

struct Line {
  Money price;                 // without VAT
  Percent discount;            // 0 … 100
  Quantity quantity;           // > 0
  std::optional<Percent> vat;  // none: «без НДС»
};

struct LineAmounts {
  Money price_with_discount;
  Money amount;  // without VAT
  Money discount_amount;
  Money vat_amount;
  Money amount_with_vat;
};

struct Totals {
  Money total_amount;
  Money total_vat;
  Money total_amount_with_vat;
};

// validation_failed ("amount_too_large") where a result leaves numeric(18,2).
Result<LineAmounts> line_amounts(const Line& line);
Result<Totals> totals(std::span<const LineAmounts> lines);

}  // namespace c360::store
