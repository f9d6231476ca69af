// The answers of DaData as values (adapters.md, 1.5), checked and without a trace of JSON.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/call_outcome.h"
#include "adapters/party_id.h"
#include "adapters/requisites.h"
#include "daemon/base/json.h"

namespace c360::adapters {

struct Party {
  Requisites requisites;
  std::string raw;  // the suggestion as JSON, with what is not copied into the requisites
};

struct Bank {
  std::string bik;
  std::optional<std::string> name;  // as payment orders want it
  std::optional<std::string> city;
  std::optional<std::string> correspondent_account;  // checked against the BIK
  std::optional<std::string> swift;
  std::optional<std::string> inn;
  std::optional<std::string> kpp;
  std::optional<std::string> registration_number;
  std::optional<std::string> kind;  // BANK, BANK_BRANCH, NKO, RKC, CBR, TREASURY, …
  std::optional<std::string> address;
  RegistryStatus status = RegistryStatus::unknown;
  std::vector<std::string> warnings;
};

struct Address {
  std::string value;  // one line, without the postal code
  std::optional<std::string> with_postal_code;
  std::optional<std::string> postal_code;
  std::optional<std::string> country;
  std::optional<std::string> region;
  std::optional<std::string> area;
  std::optional<std::string> city;
  std::optional<std::string> settlement;
  std::optional<std::string> street;
  std::optional<std::string> house;
  std::optional<std::string> block;
  std::optional<std::string> flat;
  std::optional<std::string> fias_id;
  std::optional<std::string> kladr_id;
  std::optional<std::string> timezone;  // "UTC+3"
  std::optional<std::string> latitude;
  std::optional<std::string> longitude;
};

struct CleanAddress {
  enum class Quality : std::uint8_t { good, assumed, ambiguous };
  Address address;
  Quality quality = Quality::good;
};

struct CleanPhone {
  std::string phone;  // "+7 495 716-52-19 доб. 139"
  std::optional<std::string> type;
  std::optional<std::string> extension;
  std::optional<std::string> timezone;
  bool is_foreign = false;
};

struct DailyUsage {
  std::string date;  // YYYY-MM-DD, Moscow
  std::int64_t suggestions_used = 0;
  std::int64_t cleaned = 0;
  std::optional<std::int64_t> suggestions_left;
  std::optional<std::int64_t> cleanings_left;
};

namespace dadata {

// `kpp` empty: the head office.
CallResult<Party> read_party(const Json& answer, const PartyId& asked, std::string_view kpp);
CallResult<std::vector<Party>> read_parties(const Json& answer);
CallResult<Bank> read_bank(const Json& answer, std::string_view bik);
CallResult<std::vector<Address>> read_addresses(const Json& answer);
CallResult<CleanAddress> read_clean_address(const Json& answer);
CallResult<CleanPhone> read_clean_phone(const Json& answer);
CallResult<DailyUsage> read_usage(const Json& answer);
CallResult<std::string> read_balance(const Json& answer);

// What the body of a refusal says, in any of its four shapes; empty where it says nothing.
std::string refusal_text(const std::string& body);
// Of an answer about parties what read_party() reads.
std::string needed_of_parties(const std::string& body);

}  // namespace dadata
}  // namespace c360::adapters
