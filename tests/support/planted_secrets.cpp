#include "tests/support/planted_secrets.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <stdexcept>

#include "daemon/base/digest.h"
#include "daemon/base/text.h"

namespace c360::testing {
namespace {

// What is always there of the base64 of bytes that hold `value` behind `before` others.
std::string base64_core(const std::string& value, std::size_t before) {
  const std::string encoded = to_base64(std::string(before, 'x') + value);
  const std::size_t begin = (before * 8 + 5) / 6;
  const std::size_t end = (before + value.size()) * 8 / 6;
  return encoded.substr(begin, end - begin);
}

std::string url_safe(std::string base64) {
  std::ranges::replace(base64, '+', '-');
  std::ranges::replace(base64, '/', '_');
  return base64;
}

// RFC 3986: everything but unreserved characters as %XX.
std::string percent_encoded(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("-._~").contains(c)) {
      text += c;
    } else {
      char code[4];
      std::snprintf(code, sizeof code, "%%%02X",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      text += code;
    }
  }
  return text;
}

std::string with_escaped_slashes(const std::string& value) {
  std::string text;
  for (const char c : value) text += c == '/' ? std::string("\\/") : std::string(1, c);
  return text;
}

}  // namespace

std::string PlantedSecrets::plant(std::string name, std::string value) {
  if (value.size() < 8) throw std::runtime_error(name + " is too short to be looked for");
  Secret secret{.name = std::move(name), .spellings = {}};
  const auto spelled = [&](const char* what, std::string bytes) {
    const bool known = std::ranges::any_of(
        secret.spellings, [&](const Spelling& each) { return each.bytes == bytes; });
    if (!known) secret.spellings.push_back({what, std::move(bytes)});
  };
  spelled("as it is", value);
  spelled("in small letters", to_lower(value));
  spelled("percent-encoded", percent_encoded(value));
  spelled("percent-encoded in small letters", to_lower(percent_encoded(value)));
  spelled("JSON", with_escaped_slashes(value));
  spelled("hexadecimal", to_hex(value));
  for (std::size_t before = 0; before < 3; ++before) {
    spelled("base64", base64_core(value, before));
    spelled("base64url", url_safe(base64_core(value, before)));
  }
  secrets_.push_back(std::move(secret));
  return value;
}

std::vector<std::string> PlantedSecrets::in(std::string_view text) const {
  std::vector<std::string> found;
  for (const Secret& secret : secrets_)
    for (const Spelling& each : secret.spellings)
      if (text.contains(each.bytes)) found.push_back(secret.name + " (" + each.what + ")");
  return found;
}

std::vector<std::string> PlantedSecrets::names_in(std::string_view text) const {
  std::vector<std::string> found;
  for (const Secret& secret : secrets_)
    if (std::ranges::any_of(secret.spellings,
                            [&](const Spelling& each) { return text.contains(each.bytes); }))
      found.push_back(secret.name);
  return found;
}

std::vector<std::string> PlantedSecrets::names() const {
  std::vector<std::string> names;
  for (const Secret& secret : secrets_) names.push_back(secret.name);
  return names;
}

}  // namespace c360::testing
