// Checks of Russian identifiers (domain.md 20.1-20.5): length, alphabet and check digits.
//
// Pure functions of the text: nothing is trimmed or corrected, so give them the value as it will be
// stored. The answer is empty for a valid value. An empty value is a wrong value (`…_length`); who
// allows absence does not ask.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace c360 {

// Why a value is refused. Both texts are static.
struct IdentifierFault {
  std::string_view code;    // stable: "inn_length", "inn_format", "inn_zeros", "inn_checksum", …
  std::string_view detail;  // a sentence for a person
  bool operator==(const IdentifierFault& other) const { return code == other.code; }
};
using IdentifierCheck = std::optional<IdentifierFault>;  // empty: valid

// 10 digits for an organisation, 12 for a person or entrepreneur.
IdentifierCheck check_inn(std::string_view inn);
// 9 characters; the fifth and sixth may be A-Z.
IdentifierCheck check_kpp(std::string_view kpp);
// OGRN with 13 digits or OGRNIP with 15.
IdentifierCheck check_ogrn(std::string_view ogrn);
// 8 digits for an organisation, 10 for an entrepreneur.
IdentifierCheck check_okpo(std::string_view okpo);
// 13 digits, EAN-13 check digit.
IdentifierCheck check_gln(std::string_view gln);
// 9 digits; there is no check digit.
IdentifierCheck check_bik(std::string_view bik);
// 20 digits that fit the BIK. A wrong BIK is its own fault and only the length is looked at here;
// so it is for BIKs of the treasury (01…, 02…).
IdentifierCheck check_settlement_account(std::string_view account, std::string_view bik);
IdentifierCheck check_correspondent_account(std::string_view account, std::string_view bik);

// One fault of a group of values.
struct ConsistencyFault {
  std::string_view field;  // "ogrn" or "kpp": the value to correct
  IdentifierFault fault;
};
// A 12-digit INN goes with a 15-digit OGRN and no KPP (entrepreneur), a 10-digit INN with 13 digits
// and a KPP. Empty values say nothing; values of a wrong length are the business of the checks
// above.
std::vector<ConsistencyFault> check_consistency(std::string_view inn, std::string_view ogrn,
                                                std::string_view kpp);

}  // namespace c360
