// The identifier a register is asked by, checked before a call is spent on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/call_outcome.h"

namespace c360::adapters {

struct PartyId {
  enum class Kind : std::uint8_t { inn, ogrn };
  Kind kind = Kind::inn;
  std::string digits;
  // 12 digits of an INN, 15 of an OGRN: a person or entrepreneur.
  bool is_individual() const { return digits.size() == 12 || digits.size() == 15; }
};

// Blanks and hyphens are taken out first. permanent/bad_id for what is neither an INN nor an OGRN
// with right check digits.
CallResult<PartyId> parse_party_id(std::string_view text);

}  // namespace c360::adapters
