// Amounts as printed documents spell them (domain.md 1.4): «Шестьсот семьдесят две тысячи рублей 00
// копеек».
#pragma once

#include <string>
#include <string_view>

#include "store/money.h"

namespace c360::store {

// Roubles in Russian words, the first letter capital, kopecks as two digits. Another currency than
// RUB is printed as digits and its ISO 4217 code, not to be parted: "7 527,00 EUR". Negative:
// «Минус …».
std::string amount_in_words(Money money, std::string_view currency = "RUB");

}  // namespace c360::store
