// PostgreSQL arrays of one dimension: the binary form for parameters (array_recv() of PostgreSQL
// 15), which costs neither side the quoting; the text form of what is one value of a row (8.15.6).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace c360::store {

// Text form, as the value of an array column.
std::string array_text(std::span<const std::int64_t> values);
// Every element is quoted, so that "NULL", blanks, braces and empty strings stay what they are.
std::string array_text(std::span<const std::string> values);

// Binary form of bigint[], text[] and bytea[]: the statement casts the parameter to that very type.
std::string encode_array(std::span<const std::int64_t> values);
std::string encode_array(std::span<const std::string> values);
std::string encode_array(std::span<const std::string_view> values);
std::string encode_array(std::span<const std::optional<std::string>> values);
std::string encode_bytes_array(std::span<const std::string_view> values);

// NULL elements are nullopt. Throws std::logic_error where the text is not such an array.
std::vector<std::optional<std::string>> decode_array(std::string_view text);

}  // namespace c360::store
