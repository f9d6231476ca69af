#include "daemon/base/identifiers.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace c360 {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool all_digits(std::string_view text) { return std::ranges::all_of(text, is_digit); }
bool all_zeros(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '0'; });
}
int digit(std::string_view text, std::size_t at) { return text[at] - '0'; }

int weighted_sum(std::string_view digits, std::span<const int> weights) {
  int sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += digit(digits, i) * weights[i];
  return sum;
}

std::uint64_t number(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char c : digits) value = value * 10 + static_cast<std::uint64_t>(c - '0');
  return value;
}

constexpr std::array kInn10 = {2, 4, 10, 3, 5, 9, 4, 6, 8};
constexpr std::array kInn11 = {7, 2, 4, 10, 3, 5, 9, 4, 6, 8};
constexpr std::array kInn12 = {3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8};

bool inn_digits_fit(std::string_view inn) {
  const auto fits = [&](std::span<const int> weights) {
    return weighted_sum(inn, weights) % 11 % 10 == digit(inn, weights.size());
  };
  return inn.size() == 10 ? fits(kInn10) : fits(kInn11) && fits(kInn12);
}

// Weights count up from `first` and start again at 1 after 10.
int okpo_remainder(std::string_view digits, int first) {
  int sum = 0;
  int weight = first;
  for (const char c : digits) {
    sum += (c - '0') * weight;
    weight = weight == 10 ? 1 : weight + 1;
  }
  return sum % 11;
}

bool okpo_digit_fits(std::string_view okpo) {
  const std::string_view body = okpo.substr(0, okpo.size() - 1);
  int expected = okpo_remainder(body, 1);
  if (expected == 10) expected = okpo_remainder(body, 3);
  if (expected == 10) expected = 0;
  return expected == okpo.back() - '0';
}

bool gln_digit_fits(std::string_view gln) {
  int sum = 0;
  for (std::size_t i = 0; i < gln.size(); ++i) sum += digit(gln, i) * (i % 2 == 0 ? 1 : 3);
  return sum % 10 == 0;
}

// The key of an account: the bank's three digits and the account, weights 7 1 3 repeating.
bool account_fits(std::string_view bank, std::string_view account) {
  constexpr std::array kWeights = {7, 1, 3};
  const std::string digits = std::string(bank) + std::string(account);
  int sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i)
    sum += digit(digits, i) * kWeights[i % kWeights.size()] % 10;
  return sum % 10 == 0;
}

bool is_treasury(std::string_view bik) { return bik.starts_with("01") || bik.starts_with("02"); }

std::string branch_digits(std::string_view bik) { return "0" + std::string(bik.substr(4, 2)); }

// A branch of the Bank of Russia (last digits 000-002) counts by its region, as a correspondent
// account does.
bool is_central_bank_branch(std::string_view bik) {
  return bik.ends_with("000") || bik.ends_with("001") || bik.ends_with("002");
}

struct AccountFaults {
  IdentifierFault length;
  IdentifierFault format;
  IdentifierFault zeros;
};

IdentifierCheck check_account_form(std::string_view account, const AccountFaults& faults) {
  if (account.size() != 20) return faults.length;
  if (!all_digits(account)) return faults.format;
  if (all_zeros(account)) return faults.zeros;
  return {};
}

}  // namespace

IdentifierCheck check_inn(std::string_view inn) {
  if (inn.size() != 10 && inn.size() != 12)
    return IdentifierFault{"inn_length", "an INN has 10 or 12 digits"};
  if (!all_digits(inn)) return IdentifierFault{"inn_format", "an INN has digits only"};
  if (all_zeros(inn)) return IdentifierFault{"inn_zeros", "an INN of zeros is nobody's"};
  if (!inn_digits_fit(inn))
    return IdentifierFault{"inn_checksum",
                           "the check digit of the INN does not fit: a digit is "
                           "wrong or two are swapped"};
  return {};
}

IdentifierCheck check_kpp(std::string_view kpp) {
  if (kpp.size() != 9) return IdentifierFault{"kpp_length", "a KPP has 9 characters"};
  const auto letter = [](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); };
  if (!all_digits(kpp.substr(0, 4)) || !std::ranges::all_of(kpp.substr(4, 2), letter) ||
      !all_digits(kpp.substr(6)))
    return IdentifierFault{"kpp_format",
                           "a KPP has 4 digits, 2 digits or capital letters A-Z, 3 digits"};
  if (all_zeros(kpp)) return IdentifierFault{"kpp_zeros", "a KPP of zeros is nobody's"};
  return {};
}

IdentifierCheck check_ogrn(std::string_view ogrn) {
  if (ogrn.size() != 13 && ogrn.size() != 15)
    return IdentifierFault{"ogrn_length", "an OGRN has 13 digits, an OGRNIP 15"};
  if (!all_digits(ogrn)) return IdentifierFault{"ogrn_format", "an OGRN has digits only"};
  if (all_zeros(ogrn)) return IdentifierFault{"ogrn_zeros", "an OGRN of zeros is nobody's"};
  const std::string_view body = ogrn.substr(0, ogrn.size() - 1);
  const std::uint64_t expected = number(body) % (ogrn.size() - 2) % 10;
  if (expected != static_cast<std::uint64_t>(ogrn.back() - '0'))
    return IdentifierFault{"ogrn_checksum", "the check digit of the OGRN does not fit"};
  return {};
}

IdentifierCheck check_okpo(std::string_view okpo) {
  if (okpo.size() != 8 && okpo.size() != 10)
    return IdentifierFault{"okpo_length", "an OKPO has 8 or 10 digits"};
  if (!all_digits(okpo)) return IdentifierFault{"okpo_format", "an OKPO has digits only"};
  if (all_zeros(okpo)) return IdentifierFault{"okpo_zeros", "an OKPO of zeros is nobody's"};
  if (!okpo_digit_fits(okpo))
    return IdentifierFault{"okpo_checksum", "the check digit of the OKPO does not fit"};
  return {};
}

IdentifierCheck check_gln(std::string_view gln) {
  if (gln.size() != 13) return IdentifierFault{"gln_length", "a GLN has 13 digits"};
  if (!all_digits(gln)) return IdentifierFault{"gln_format", "a GLN has digits only"};
  if (all_zeros(gln)) return IdentifierFault{"gln_zeros", "a GLN of zeros is nobody's"};
  if (!gln_digit_fits(gln))
    return IdentifierFault{"gln_checksum", "the check digit of the GLN does not fit"};
  return {};
}

IdentifierCheck check_bik(std::string_view bik) {
  if (bik.size() != 9) return IdentifierFault{"bik_length", "a BIK has 9 digits"};
  if (!all_digits(bik)) return IdentifierFault{"bik_format", "a BIK has digits only"};
  if (all_zeros(bik)) return IdentifierFault{"bik_zeros", "a BIK of zeros is nobody's"};
  return {};
}

IdentifierCheck check_settlement_account(std::string_view account, std::string_view bik) {
  static constexpr AccountFaults kFaults = {
      {"settlement_account_length", "a settlement account has 20 digits"},
      {"settlement_account_format", "a settlement account has digits only"},
      {"settlement_account_zeros", "a settlement account of zeros is nobody's"}};
  if (auto fault = check_account_form(account, kFaults)) return fault;
  if (check_bik(bik) || is_treasury(bik)) return {};
  if (account_fits(bik.substr(6), account)) return {};
  if (is_central_bank_branch(bik) && account_fits(branch_digits(bik), account)) return {};
  return IdentifierFault{"settlement_account_checksum",
                         "the settlement account does not fit the BIK: one of the two is wrong"};
}

IdentifierCheck check_correspondent_account(std::string_view account, std::string_view bik) {
  static constexpr AccountFaults kFaults = {
      {"correspondent_account_length", "a correspondent account has 20 digits"},
      {"correspondent_account_format", "a correspondent account has digits only"},
      {"correspondent_account_zeros", "a correspondent account of zeros is nobody's"}};
  if (auto fault = check_account_form(account, kFaults)) return fault;
  if (check_bik(bik) || is_treasury(bik)) return {};
  if (account_fits(branch_digits(bik), account)) return {};
  return IdentifierFault{"correspondent_account_checksum",
                         "the correspondent account does not fit the BIK: one of the two is wrong"};
}

std::vector<ConsistencyFault> check_consistency(std::string_view inn, std::string_view ogrn,
                                                std::string_view kpp) {
  std::vector<ConsistencyFault> faults;
  const bool person = inn.size() == 12 || (inn.empty() && ogrn.size() == 15);
  const bool organisation = inn.size() == 10;
  if (inn.size() == 12 && ogrn.size() == 13)
    faults.push_back(
        {"ogrn", {"inn_ogrn_mismatch", "an INN of 12 digits goes with an OGRNIP of 15 digits"}});
  if (organisation && ogrn.size() == 15)
    faults.push_back(
        {"ogrn", {"inn_ogrn_mismatch", "an INN of 10 digits goes with an OGRN of 13 digits"}});
  if (person && !kpp.empty())
    faults.push_back({"kpp", {"kpp_not_allowed", "an entrepreneur has no KPP"}});
  return faults;
}

}  // namespace c360
