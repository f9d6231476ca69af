// UTF-8 and small text tools without a business word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace c360 {

// RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
bool is_valid_utf8(std::string_view text);
// Every byte that does not belong to a valid sequence becomes U+FFFD.
std::string replace_invalid_utf8(std::string_view text);
// The longest prefix of at most `limit` bytes that does not cut a character.
std::string_view utf8_prefix(std::string_view text, std::size_t limit);
// Characters (code points) in valid UTF-8.
std::size_t utf8_length(std::string_view text);

// The code point at `at` (which must lie inside a valid text); advances `at` past it.
char32_t next_code_point(std::string_view text, std::size_t& at);
void append_utf8(std::string& text, char32_t code_point);

// Letter case of Latin and Cyrillic (U+0000-U+052F); other characters stay.
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);  // ASCII only

// Without ASCII white space at both ends.
std::string_view trimmed(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);

}  // namespace c360
