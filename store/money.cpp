#include "store/money.h"

#include <utility>

namespace c360::store {
namespace {

constexpr std::size_t kMaxDigits = 18;

Int128 power_of_ten(int exponent) {
  Int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

Result<Money> money_of(Int128 units) {
  if (units > kMaxMoneyUnits || units < -kMaxMoneyUnits) {
    return fail(ErrorCode::validation_failed,
                "The amount has more than 16 digits before the point.", "amount_too_large");
  }
  return Money{static_cast<std::int64_t>(units)};
}

}  // namespace

std::optional<std::int64_t> parse_fixed(std::string_view text, int scale) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::int64_t units = 0;
  std::size_t digits = 0;
  int fraction = -1;  // digits after the point; -1 before it
  for (const char c : text) {
    if (c == '.') {
      if (fraction >= 0 || digits == 0) return std::nullopt;
      fraction = 0;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    if (fraction >= 0) ++fraction;
    if (fraction > scale) return std::nullopt;
    units = units * 10 + (c - '0');
    // Leading zeros do not count.
    if (units != 0 || digits == 0) ++digits;
    if (digits > kMaxDigits) return std::nullopt;
  }
  if (digits == 0 || fraction == 0) return std::nullopt;
  for (int i = fraction < 0 ? 0 : fraction; i < scale; ++i) {
    if (units > kMaxMoneyUnits / 10) return std::nullopt;
    units *= 10;
  }
  return negative ? -units : units;
}

std::string format_fixed(std::int64_t units, int scale) {
  const bool negative = units < 0;
  std::string digits = std::to_string(units);
  if (negative) digits.erase(0, 1);
  const auto places = static_cast<std::size_t>(scale);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  if (scale > 0) digits.insert(digits.size() - places, ".");
  return negative ? "-" + digits : digits;
}

std::optional<Money> parse_money(std::string_view text) {
  const auto units = parse_fixed(text, 2);
  if (!units) return std::nullopt;
  return Money{*units};
}

std::string to_string(Money money) { return format_fixed(money.units, 2); }

Int128 rounded(Int128 units, int from, int to) {
  if (from <= to) return units * power_of_ten(to - from);
  const Int128 divisor = power_of_ten(from - to);
  const Int128 half = divisor / 2;
  // Division truncates towards zero: moving by half away from zero first rounds half away.
  return (units + (units < 0 ? -half : half)) / divisor;
}

Result<LineAmounts> line_amounts(const Line& line) {
  constexpr Int128 kHundredPercent = 10'000;  // 100.00
  const Int128 price = line.price.units;
  const Int128 quantity = line.quantity.units;

  // P x (1 - D/100): scale 2 + 2 + 2 (percent of a hundred).
  const auto price_with_discount =
      money_of(rounded(price * (kHundredPercent - line.discount.units), 6, 2));
  if (!price_with_discount) return std::unexpected(price_with_discount.error());
  const auto amount = money_of(rounded(Int128{price_with_discount->units} * quantity, 6, 2));
  if (!amount) return std::unexpected(amount.error());
  const auto full = money_of(rounded(price * quantity, 6, 2));
  if (!full) return std::unexpected(full.error());
  const auto vat =
      money_of(line.vat ? rounded(Int128{amount->units} * line.vat->units, 6, 2) : Int128{0});
  if (!vat) return std::unexpected(vat.error());
  const auto with_vat = money_of(Int128{amount->units} + vat->units);
  if (!with_vat) return std::unexpected(with_vat.error());
  return LineAmounts{*price_with_discount, *amount, Money{full->units - amount->units}, *vat,
                     *with_vat};
}

Result<Totals> totals(std::span<const LineAmounts> lines) {
  Int128 amount = 0;
  Int128 vat = 0;
  for (const LineAmounts& line : lines) {
    amount += line.amount.units;
    vat += line.vat_amount.units;
  }
  const auto total_amount = money_of(amount);
  if (!total_amount) return std::unexpected(total_amount.error());
  const auto total_vat = money_of(vat);
  if (!total_vat) return std::unexpected(total_vat.error());
  const auto with_vat = money_of(amount + vat);
  if (!with_vat) return std::unexpected(with_vat.error());
  return Totals{*total_amount, *total_vat, *with_vat};
}

}  // namespace c360::store
