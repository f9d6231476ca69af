// Names of attachments that are safe to store, show and offer for download.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace c360::parsers {

inline constexpr std::size_t kMaximumFileNameBytes = 255;  // of most file systems

// The last path component of a decoded name without control and bidirectional-override
// characters, without what Windows refuses (reserved names, <>:"|?*, dots and blanks at the end),
// at most kMaximumFileNameBytes with its extension kept. Empty when nothing is left.
std::string safe_file_name(std::string_view decoded);

// "attachment-3.pdf" for a part without a usable name.
std::string generated_file_name(std::string_view media_type, std::size_t number);

// With the dot, ".bin" for types nobody has heard of.
std::string_view extension_of(std::string_view media_type);

}  // namespace c360::parsers
