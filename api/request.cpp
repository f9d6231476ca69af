#include "api/request.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "daemon/base/text.h"

namespace c360::api {
namespace {

struct MethodName {
  Method method;
  std::string_view name;
};
constexpr std::array kMethods = {
    MethodName{Method::get, "GET"},         MethodName{Method::head, "HEAD"},
    MethodName{Method::post, "POST"},       MethodName{Method::put, "PUT"},
    MethodName{Method::patch, "PATCH"},     MethodName{Method::remove, "DELETE"},
    MethodName{Method::options, "OPTIONS"},
};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view to_string(Method method) {
  return kMethods[static_cast<std::size_t>(method)].name;
}

std::optional<Method> method_from(std::string_view token) {
  for (const auto& row : kMethods) {
    if (row.name == token) return row.method;
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::header(std::string_view name) const {
  for (const auto& field : headers) {
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  for (const auto& parameter : query) {
    if (parameter.name == name) return parameter.value;
  }
  return std::nullopt;
}

Result<std::int64_t> Request::path_id(std::size_t index) const {
  const std::string& text = path_value(index);
  std::int64_t id = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, id);
  if (error != std::errc{} || stop != end || id <= 0) {
    return fail(ErrorCode::not_found, "'" + text + "' is no record id");
  }
  return id;
}

Result<std::string> Request::read_body(std::uint64_t limit) {
  body->set_limit(limit);
  std::string text;
  if (const auto size = body->declared_size(); size && *size <= limit) {
    text.reserve(static_cast<std::size_t>(*size));
  }
  std::array<char, std::size_t{16} * 1024> buffer;
  for (;;) {
    auto count = body->read(buffer.data(), buffer.size());
    if (!count) return std::unexpected(std::move(count).error());
    if (*count == 0) return text;
    text.append(buffer.data(), *count);
  }
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_blank) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && c != '\t' && c != '\n' && c != '\r') || u == 0x7f) return std::nullopt;
    decoded.push_back(c);
  }
  if (!is_valid_utf8(decoded)) return std::nullopt;
  return decoded;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded.push_back(c);
    } else {
      encoded.push_back('%');
      encoded.push_back(kHex[u >> 4]);
      encoded.push_back(kHex[u & 15]);
    }
  }
  return encoded;
}

}  // namespace c360::api
