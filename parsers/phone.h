// Telephone numbers as E.164 and an extension, by libphonenumber (domain.md 20.6).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace c360::parsers {

struct Phone {
  std::string e164;       // "+74951234567"
  std::string extension;  // digits; empty when there is none
  bool operator==(const Phone&) const = default;
};

inline constexpr std::size_t kMaximumPhoneBytes = 250;

// None where the text is not a complete number: it is then kept as written. `region` is the
// country of numbers without a country code (ISO 3166-1 alpha-2, configuration). Any thread.
std::optional<Phone> parse_phone(std::string_view text, std::string_view region = "RU");

}  // namespace c360::parsers
