#pragma once

#include <string_view>

namespace c360 {

inline constexpr std::string_view kVersion = "0.1.0";

// What outside services are told of us (adapters.md, 0.3).
inline constexpr std::string_view kUserAgent = "client360/0.1.0";

}  // namespace c360
