// Reads the fields of an answer as adapters.md, 0.4 wants it: absent and null are the same, numbers
// and numeric texts too, and a field of a wrong kind or out of range is dropped with a warning.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/json.h"

namespace c360::adapters {

class AnswerFields {
 public:
  // `warnings` gets one sentence for each field dropped. Both outlive this.
  AnswerFields(const Json& object, std::vector<std::string>& warnings)
      : object_(object), warnings_(warnings) {}

  // Paths are names joined by dots, such as "name.full_with_opf".
  const Json* at(std::string_view path) const;      // nullptr: absent or null
  AnswerFields below(std::string_view path) const;  // empty where there is no object
  // Without control characters, white space collapsed; an empty text counts as absent.
  std::optional<std::string> text(std::string_view path) const;
  std::optional<std::int64_t> integer(std::string_view path) const;
  bool flag(std::string_view path) const;  // false: absent
  // Milliseconds of the epoch, meant as midnight UTC or midnight Moscow: the civil date at UTC+3.
  std::optional<std::chrono::year_month_day> date_of_ms(std::string_view path) const;
  std::optional<std::chrono::year_month_day> iso_date(std::string_view path) const;  // YYYY-MM-DD
  // Each object of the array; other elements are dropped.
  void each(std::string_view path, const std::function<void(const AnswerFields&)>& visit) const;
  void warn(std::string_view path, std::string_view why) const;

 private:
  const Json& object_;
  std::vector<std::string>& warnings_;
};

// Valid UTF-8 that PostgreSQL can hold: no control characters, each run of white space one blank,
// none at the ends.
std::string clean_text(std::string_view text);

}  // namespace c360::adapters
