// What is done to a value after it was found, in the order a rule names: `steps = ['address']`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace c360::parsers {

enum class ValueStep : std::uint8_t {
  address,   // the e-mail address in it: «Глеб <g@x.example>» gives "g@x.example"
  name,      // the display name in it: the same gives «Глеб»
  url,       // without angle brackets
  collapse,  // runs of blanks and line ends as one blank
  lower,
  upper,
  digits,  // digits only
  inn,     // digits, and the check digits must fit
  range,   // stays as it is; adds FIELD_min and FIELD_max
};
std::string_view to_string(ValueStep step);
std::optional<ValueStep> value_step(std::string_view word);

struct StepResult {
  std::string value;
  std::string
      rejected;  // why there is no value: "not_an_address", "not_a_name", "inn_checksum", "empty"
};
StepResult apply(ValueStep step, std::string value);

// "50-100" is 50 to 100, «до 50» at most 50, «от 100» at least 100, "40" exactly 40.
struct NumberRange {
  std::optional<int> minimum, maximum;
  bool operator==(const NumberRange&) const = default;
};
// Empty where the text is not one number or range of non-negative numbers below 2^31.
NumberRange number_range(std::string_view text);

}  // namespace c360::parsers
