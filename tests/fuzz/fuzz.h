// What every fuzz target shares.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

namespace c360::testing {

// A property of the code that does not hold ends the run as a crash, with its input kept.
inline void require(bool holds, std::source_location at = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: this does not hold\n", at.file_name(), at.line());
  std::abort();
}

inline void require_equal(std::string_view left, std::string_view right,
                          std::source_location at = std::source_location::current()) {
  if (left == right) return;
  std::fprintf(stderr, "not equal:\n%.*s\n--- and ---\n%.*s\n", static_cast<int>(left.size()),
               left.data(), static_cast<int>(right.size()), right.data());
  require(false, at);
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace c360::testing
