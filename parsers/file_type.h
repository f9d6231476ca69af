// What a file is by its content: the door to libmagic.
#pragma once

#include <string>
#include <string_view>

namespace c360::parsers {

// As much of a file's beginning as is worth giving.
inline constexpr std::size_t kFileTypeBytes = std::size_t{64} << 10U;

// The media type of a file that begins with `bytes`; empty when libmagic cannot tell or its
// database is missing. Some 100 µs; the database is loaded once per thread at first use.
std::string detect_file_type(std::string_view bytes);

}  // namespace c360::parsers
