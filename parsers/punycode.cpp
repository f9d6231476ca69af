#include "parsers/punycode.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "daemon/base/text.h"
#include "daemon/base/unicode_forms.h"

namespace c360::parsers {
namespace {

// RFC 3492, section 5.
constexpr std::uint32_t kBase = 36;
constexpr std::uint32_t kTMin = 1;
constexpr std::uint32_t kTMax = 26;
constexpr std::uint32_t kSkew = 38;
constexpr std::uint32_t kDamp = 700;
constexpr std::uint32_t kInitialBias = 72;
constexpr std::uint32_t kInitialN = 128;
constexpr std::size_t kLongestLabel = 63;  // RFC 1035, 2.3.4
constexpr std::size_t kLongestName = 253;

std::uint32_t adapt(std::uint32_t delta, std::uint32_t points, bool first) {
  delta = first ? delta / kDamp : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  while (delta > ((kBase - kTMin) * kTMax) / 2) {
    delta /= kBase - kTMin;
    k += kBase;
  }
  return k + (kBase - kTMin + 1) * delta / (delta + kSkew);
}

char digit(std::uint32_t value) {
  return static_cast<char>(value < 26 ? 'a' + value : '0' + (value - 26));
}

void append_number(std::string& out, std::uint32_t number, std::uint32_t bias) {
  for (std::uint32_t k = kBase;; k += kBase) {
    const std::uint32_t t = k <= bias ? kTMin : std::min(k - bias, kTMax);
    if (number < t) break;
    out += digit(t + (number - t) % (kBase - t));
    number = (number - t) / (kBase - t);
  }
  out += digit(number);
}

// RFC 3492, 6.3. A label has at most 63 code points, so nothing overflows.
std::string encode(const std::vector<std::uint32_t>& points) {
  std::string out;
  for (const std::uint32_t c : points) {
    if (c < kInitialN) out += static_cast<char>(c);
  }
  const auto basic = static_cast<std::uint32_t>(out.size());
  std::uint32_t handled = basic;
  if (basic > 0) out += '-';
  std::uint32_t n = kInitialN;
  std::uint32_t delta = 0;
  std::uint32_t bias = kInitialBias;
  while (handled < points.size()) {
    std::uint32_t next = std::numeric_limits<std::uint32_t>::max();
    for (const std::uint32_t c : points) {
      if (c >= n) next = std::min(next, c);
    }
    delta += (next - n) * (handled + 1);
    n = next;
    for (const std::uint32_t c : points) {
      if (c < n) ++delta;
      if (c != n) continue;
      append_number(out, delta, bias);
      bias = adapt(delta, handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++n;
  }
  return out;
}

// RFC 3492, 6.2; nullopt for what is no Punycode.
std::optional<std::u32string> decode(std::string_view text) {
  std::u32string points;
  std::size_t at = 0;
  if (const std::size_t dash = text.rfind('-'); dash != text.npos) {
    for (const char c : text.substr(0, dash)) points.push_back(static_cast<unsigned char>(c));
    at = dash + 1;
  }
  std::uint64_t n = kInitialN;
  std::uint64_t i = 0;
  std::uint32_t bias = kInitialBias;
  while (at < text.size()) {
    const std::uint64_t before = i;
    std::uint64_t weight = 1;
    for (std::uint32_t k = kBase;; k += kBase) {
      if (at == text.size()) return std::nullopt;
      const char c = text[at++];
      const bool letter = c >= 'a' && c <= 'z';
      if (!letter && (c < '0' || c > '9')) return std::nullopt;
      const auto value = static_cast<std::uint32_t>(letter ? c - 'a' : c - '0' + 26);
      i += value * weight;
      if (i > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
      const std::uint32_t t = k <= bias ? kTMin : std::min(k - bias, kTMax);
      if (value < t) break;
      weight *= kBase - t;
      if (weight > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    }
    const auto length = static_cast<std::uint32_t>(points.size() + 1);
    bias = adapt(static_cast<std::uint32_t>(i - before), length, before == 0);
    n += i / length;
    i %= length;
    if (n > 0x10FFFF || (n >= 0xD800 && n <= 0xDFFF)) return std::nullopt;
    points.insert(points.begin() + static_cast<std::ptrdiff_t>(i), static_cast<char32_t>(n));
    ++i;
  }
  return points;
}

bool is_host_character(char32_t c) {
  return c >= 0xA0 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::optional<std::string> ascii_label(std::string_view label) {
  std::vector<std::uint32_t> points;
  bool ascii = true;
  for (std::size_t at = 0; at < label.size();) {
    const char32_t c = next_code_point(label, at);
    if (!is_host_character(c)) return std::nullopt;
    ascii = ascii && c < 0x80;
    points.push_back(static_cast<std::uint32_t>(c));
    if (points.size() > kLongestLabel) return std::nullopt;
  }
  if (points.empty()) return std::nullopt;
  std::string encoded = ascii ? std::string(label) : "xn--" + encode(points);
  if (encoded.size() > kLongestLabel) return std::nullopt;
  return encoded;
}

}  // namespace

std::optional<std::string> ascii_host_name(std::string_view host) {
  if (!is_valid_utf8(host)) return std::nullopt;
  std::string lower = to_lower(host);
  if (lower.ends_with('.')) lower.pop_back();
  std::string name;
  for (const std::string_view label : split(lower, '.')) {
    const auto encoded = ascii_label(label);
    if (!encoded) return std::nullopt;
    if (!name.empty()) name += '.';
    name += *encoded;
  }
  if (name.empty() || name.size() > kLongestName) return std::nullopt;
  return name;
}

std::optional<std::string> readable_host_name(std::string_view host) {
  constexpr std::string_view kPrefix = "xn--";
  if (host.size() > kLongestName) return std::nullopt;
  const std::string lower = to_lower(host);
  std::string name;
  for (const std::string_view label : split(lower, '.')) {
    if (!name.empty()) name += '.';
    if (!label.starts_with(kPrefix)) {
      name += label;
      continue;
    }
    const auto points = decode(label.substr(kPrefix.size()));
    if (!points) return std::nullopt;
    for (const char32_t c : *points) {
      if (is_invisible(c) || is_typographic_space(c)) return std::nullopt;
      append_utf8(name, c);
    }
  }
  return ascii_host_name(name) == ascii_host_name(lower) ? std::optional(std::move(name))
                                                         : std::nullopt;
}

}  // namespace c360::parsers
