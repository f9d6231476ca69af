// Reads members of a JSON object that may be absent or null, for those who show what others wrote.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/base/json.h"

namespace c360 {

// The member; nullptr where it is absent or null. `json` owns it.
inline const Json* member(const Json& json, std::string_view name) {
  const Json* value = json.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

// A string as it is, a number as it is spelled; empty for anything else.
inline std::string text_of(const Json& json, std::string_view name) {
  const Json* value = member(json, name);
  if (value == nullptr) return {};
  if (value->is_string()) return value->as_string();
  return value->is_number() ? value->number_text() : std::string();
}

// A number of bytes; 0 for anything else.
inline std::size_t offset_of(const Json& json, std::string_view name) {
  const Json* value = member(json, name);
  return value == nullptr ? 0 : static_cast<std::size_t>(value->as_int64().value_or(0));
}

}  // namespace c360
