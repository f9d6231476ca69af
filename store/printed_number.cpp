#include "store/printed_number.h"

namespace c360::store {

std::string printed_number(std::string_view decimal) {
  const bool negative = decimal.starts_with('-');
  if (negative) decimal.remove_prefix(1);
  const auto point = decimal.find('.');
  const std::string_view whole = decimal.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? "" : decimal.substr(point + 1);
  if (fraction.size() > 2) {
    while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  }
  std::string text = negative ? "−" : "";
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (i != 0 && (whole.size() - i) % 3 == 0) text += "\u00a0";
    text += whole[i];
  }
  if (!fraction.empty()) text.append(",").append(fraction);
  return text;
}

}  // namespace c360::store
