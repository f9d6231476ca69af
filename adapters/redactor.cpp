#include "adapters/redactor.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>

#include "daemon/base/digest.h"
#include "daemon/base/json.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

// Kontur and SMSC put keys into the query, Kontur's `href` opens a report without signing in.
// `token=` ends `ltoken=` and `access_token=` as well.
constexpr std::array<std::string_view, 5> kParameters{"key=", "mac=", "token=", "psw=", "api_id="};

bool is_of_a_value(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("-._~%+").contains(c);
}

void replace_all(std::string& text, std::string_view what) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += kMasked.size())
    text.replace(at, what.size(), kMasked);
}

void mask_parameter(std::string& text, std::string_view name) {
  for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos;) {
    at += name.size();
    std::size_t end = at;
    while (end < text.size() && is_of_a_value(text[end])) ++end;
    if (end == at) continue;
    text.replace(at, end - at, kMasked);
    at += kMasked.size();
  }
}

std::string in_json(std::string_view text) {
  const std::string quoted = Json(replace_invalid_utf8(text)).dump();
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

Redactor::Redactor(const std::vector<Secret>& secrets) {
  for (const Secret& secret : secrets) {
    if (secret.empty()) continue;
    for (std::string spelling : {std::string(secret.reveal()), percent_encoded(secret.reveal()),
                                 in_json(secret.reveal())}) {
      spellings_.emplace_back(to_lower(spelling));
      spellings_.emplace_back(std::move(spelling));
    }
  }
  // A spelling that contains another goes first.
  std::ranges::sort(spellings_, std::ranges::greater{},
                    [](const Secret& secret) { return secret.reveal().size(); });
}

std::string Redactor::operator()(std::string_view text) const {
  std::string shown(text);
  for (const Secret& spelling : spellings_) replace_all(shown, spelling.reveal());
  for (const std::string_view name : kParameters) mask_parameter(shown, name);
  return shown;
}

std::string Redactor::line(std::string_view text, std::size_t limit) const {
  std::string shown = replace_invalid_utf8((*this)(text));
  for (char& c : shown)
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  std::erase_if(shown, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  return std::string(utf8_prefix(shown, limit));
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-._~").contains(c);
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::string fingerprint(std::string_view text) { return to_hex(sha256(text)).substr(0, 6); }

}  // namespace c360::adapters
