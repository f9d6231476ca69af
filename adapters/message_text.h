// How long a text is for those who count it otherwise than in bytes: Telegram in UTF-16 units, SMS
// in segments of 7-bit or 16-bit characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace c360::adapters {

// UTF-16 units of a valid UTF-8 text: an emoji counts 2.
std::size_t utf16_units(std::string_view text);

// Pieces of at most `limit` units each (at least 2): cut at the last line end that fits, else at
// the last blank, else between two characters. The line end or blank at a cut is left out, and so
// is a piece of white space only.
std::vector<std::string> split_at_line_ends(std::string_view text, std::size_t limit);

// 3GPP TS 23.038: 160 characters of the default alphabet (its extension counts 2), 153 where
// several are joined; 70 and 67 UTF-16 units when one character is outside of it. 0: no text.
int sms_segments(std::string_view text);

}  // namespace c360::adapters
