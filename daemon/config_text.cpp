#include "daemon/config_text.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "daemon/base/secret.h"

namespace c360::daemon {

namespace {

// Levenshtein.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

struct Range {
  std::size_t begin = std::string_view::npos;
  std::size_t end = 0;
  bool found() const { return begin != std::string_view::npos; }
};

// The value after `password=` in a keyword string or the query of a URI.
Range password_keyword(std::string_view url) {
  constexpr std::string_view kKey = "password=";
  std::size_t at = 0;
  while ((at = url.find(kKey, at)) != std::string_view::npos) {
    const bool own_word = at == 0 || url[at - 1] == ' ' || url[at - 1] == '?' || url[at - 1] == '&';
    at += kKey.size();
    if (!own_word) continue;
    if (at < url.size() && url[at] == '\'') {
      std::size_t end = at + 1;
      while (end < url.size() && url[end] != '\'') end += url[end] == '\\' ? 2 : 1;
      return {at, std::min(end + 1, url.size())};
    }
    const std::size_t end = url.find_first_of(" &", at);
    return {at, end == std::string_view::npos ? url.size() : end};
  }
  return {};
}

// The password of scheme://user:password@host.
Range password_in_authority(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::size_t begin = scheme + 3;
  const std::size_t end = std::min(url.find_first_of("/?", begin), url.size());
  const std::size_t at = url.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < begin) return {};
  const std::size_t colon = url.find(':', begin);
  if (colon == std::string_view::npos || colon > at) return {};
  return {colon + 1, at};
}

}  // namespace

std::string toml_string(std::string_view text) {
  const bool literal = std::ranges::none_of(
      text, [](char c) { return c == '\'' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (literal) return fmt::format("'{}'", text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string_view article(std::string_view word) {
  constexpr std::string_view kVowels = "aeiou";
  return !word.empty() && kVowels.contains(word.front()) ? "an" : "a";
}

std::string suggestion(std::string_view key, std::span<const std::string_view> names) {
  std::string_view best;
  std::size_t least = 1 + std::max<std::size_t>(2, key.size() / 3);
  for (const std::string_view name : names) {
    const std::size_t steps = distance(key, name);
    if (steps < least) {
      least = steps;
      best = name;
    }
  }
  return best.empty() ? std::string() : fmt::format("; did you mean '{}'?", best);
}

bool is_mailbox_code(std::string_view text) {
  constexpr std::size_t kLimit = 40;
  if (text.empty() || text.size() > kLimit || text[0] < 'a' || text[0] > 'z') return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string masked_database_url(std::string_view url) {
  std::string masked{url};
  if (const Range range = password_keyword(masked); range.found())
    masked.replace(range.begin, range.end - range.begin, kMasked);
  if (const Range range = password_in_authority(masked); range.found())
    masked.replace(range.begin, range.end - range.begin, kMasked);
  return masked;
}

bool has_literal_password(std::string_view url) {
  for (const Range range : {password_keyword(url), password_in_authority(url)})
    if (range.found() && range.end > range.begin &&
        !url.substr(range.begin, range.end - range.begin).starts_with("${"))
      return true;
  return false;
}

}  // namespace c360::daemon
