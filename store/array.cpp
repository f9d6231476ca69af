#include "store/array.h"

#include <charconv>
#include <stdexcept>

namespace c360::store {
namespace {

constexpr std::uint32_t kByteaOid = 17;

void append_int32(std::string& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>((value >> shift) & 0xFFU);
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

std::string encode_array(std::span<const std::int64_t> values) {
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

void append_array_element(std::string& out, std::optional<std::string_view> value) {
  if (!value) {
    out += "NULL";
    return;
  }
  out += '"';
  std::size_t from = 0;
  for (std::size_t at = value->find_first_of("\"\\"); at != std::string_view::npos;
       at = value->find_first_of("\"\\", at + 1)) {
    out.append(*value, from, at - from);
    out += '\\';
    from = at;
  }
  out.append(*value, from);
  out += '"';
}

std::string encode_bytes_array(std::span<const std::string_view> values) {
  std::size_t size = 20;
  for (const std::string_view value : values) size += 4 + value.size();
  std::string out;
  out.reserve(size);
  append_int32(out, values.empty() ? 0 : 1);  // dimensions
  append_int32(out, 0);                       // no NULLs
  append_int32(out, kByteaOid);
  if (values.empty()) return out;
  append_int32(out, static_cast<std::uint32_t>(values.size()));
  append_int32(out, 1);  // lower bound
  for (const std::string_view value : values) {
    append_int32(out, static_cast<std::uint32_t>(value.size()));
    out += value;
  }
  return out;
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
