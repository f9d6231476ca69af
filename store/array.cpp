#include "store/array.h"

#include <array>
#include <charconv>
#include <stdexcept>
#include <type_traits>

namespace c360::store {
namespace {

// pg_type.oid of what the elements are.
constexpr std::uint32_t kByteaOid = 17;
constexpr std::uint32_t kInt8Oid = 20;
constexpr std::uint32_t kTextOid = 25;
constexpr std::uint32_t kNullLength = 0xFFFFFFFFU;

template <typename T>
void append_big_endian(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes;
  for (std::size_t i = sizeof(T); i > 0; --i, value >>= 8U)
    bytes[i - 1] = static_cast<char>(value & 0xFFU);
  out.append(bytes.data(), bytes.size());
}

void append_header(std::string& out, std::size_t size, bool has_nulls, std::uint32_t element_oid) {
  append_big_endian(out, std::uint32_t{size > 0});  // dimensions
  append_big_endian(out, std::uint32_t{has_nulls});
  append_big_endian(out, element_oid);
  if (size == 0) return;
  append_big_endian(out, static_cast<std::uint32_t>(size));
  append_big_endian(out, std::uint32_t{1});  // lower bound
}

template <typename T>
std::optional<std::string_view> element(const T& value) {
  if constexpr (std::is_same_v<T, std::optional<std::string>>) {
    if (!value) return std::nullopt;
    return *value;
  } else {
    return value;
  }
}

template <typename T>
std::string encode_strings(std::span<const T> values, std::uint32_t element_oid) {
  std::size_t size = 20;
  bool has_nulls = false;
  for (const T& value : values) {
    const auto bytes = element(value);
    size += 4 + (bytes ? bytes->size() : 0);
    has_nulls = has_nulls || !bytes;
  }
  std::string out;
  out.reserve(size);
  append_header(out, values.size(), has_nulls, element_oid);
  for (const T& value : values) {
    const auto bytes = element(value);
    append_big_endian(out, bytes ? static_cast<std::uint32_t>(bytes->size()) : kNullLength);
    if (bytes) out += *bytes;
  }
  return out;
}

[[noreturn]] void not_an_array(std::string_view text) {
  throw std::logic_error("not the text of a one-dimensional array: " +
                         std::string(text.substr(0, 60)));
}

// Reads one element from `at`, which ends up behind it.
std::optional<std::string> decode_element(std::string_view text, std::size_t& at) {
  std::string value;
  const bool quoted = at < text.size() && text[at] == '"';
  if (quoted) ++at;
  for (;; ++at) {
    if (at >= text.size()) not_an_array(text);
    const char c = text[at];
    if (quoted ? c == '"' : c == ',' || c == '}') break;
    if (c == '\\' && ++at >= text.size()) not_an_array(text);
    value += text[at];
  }
  if (quoted) ++at;
  if (!quoted && value == "NULL") return std::nullopt;
  return value;
}

}  // namespace

std::string array_text(std::span<const std::int64_t> values) {
  std::string out = "{";
  char digits[24];
  for (const std::int64_t value : values) {
    if (out.size() > 1) out += ',';
    const auto end = std::to_chars(digits, digits + sizeof digits, value);
    out.append(digits, end.ptr);
  }
  out += '}';
  return out;
}

std::string array_text(std::span<const std::string> values) {
  std::string out = "{";
  for (const std::string& value : values) {
    if (out.size() > 1) out += ',';
    out += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  out += '}';
  return out;
}

std::string encode_array(std::span<const std::int64_t> values) {
  std::string out;
  out.reserve(20 + values.size() * 12);
  append_header(out, values.size(), /*has_nulls=*/false, kInt8Oid);
  for (const std::int64_t value : values) {
    append_big_endian(out, std::uint32_t{sizeof value});
    append_big_endian(out, static_cast<std::uint64_t>(value));
  }
  return out;
}

std::string encode_array(std::span<const std::string> values) {
  return encode_strings(values, kTextOid);
}

std::string encode_array(std::span<const std::string_view> values) {
  return encode_strings(values, kTextOid);
}

std::string encode_array(std::span<const std::optional<std::string>> values) {
  return encode_strings(values, kTextOid);
}

std::string encode_bytes_array(std::span<const std::string_view> values) {
  return encode_strings(values, kByteaOid);
}

std::vector<std::optional<std::string>> decode_array(std::string_view text) {
  std::vector<std::optional<std::string>> values;
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') not_an_array(text);
  if (text.size() == 2) return values;
  std::size_t at = 0;
  do {
    values.push_back(decode_element(text, ++at));
    if (at >= text.size()) not_an_array(text);
  } while (text[at] == ',');
  if (text[at] != '}' || at + 1 != text.size()) not_an_array(text);
  return values;
}

}  // namespace c360::store
