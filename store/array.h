// PostgreSQL arrays of one dimension: the text form of text[] and bigint[] both ways, and the
// binary form of bytea[] for parameters (PostgreSQL 15, 8.15.6 and array_send()).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace c360::store {

std::string encode_array(std::span<const std::int64_t> values);
// Every element is quoted, so that "NULL", blanks, braces and empty strings stay what they are.
void append_array_element(std::string& out, std::optional<std::string_view> value);
std::string encode_bytes_array(std::span<const std::string_view> values);

// NULL elements are nullopt. Throws std::logic_error where the text is not such an array.
std::vector<std::optional<std::string>> decode_array(std::string_view text);

}  // namespace c360::store
