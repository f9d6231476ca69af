#include "parsers/charset_name.h"

#include <algorithm>
#include <array>
#include <optional>

namespace c360::parsers {
namespace {

constexpr std::size_t kMaximumLabelBytes = 64;

struct Alias {
  std::string_view squeezed;  // letters and digits only
  std::string_view name;
};

// Sorted by `squeezed`. Superset charsets stand in for the ones Microsoft programs mean when they
// name the smaller one (WHATWG encoding standard, section 4.2).
constexpr auto kAliases = std::to_array<Alias>({
    {"7bit", ""},
    {"88591", "iso-8859-1"},
    {"8bit", ""},
    {"ansix341968", "us-ascii"},
    {"ascii", "us-ascii"},
    {"big5", "big5-hkscs"},
    {"binary", ""},
    {"csbig5", "big5-hkscs"},
    {"cseuckr", "cp949"},
    {"csgb2312", "gb18030"},
    {"csiso2022jp", "iso-2022-jp"},
    {"csisolatin1", "iso-8859-1"},
    {"csksc56011987", "cp949"},
    {"csshiftjis", "cp932"},
    {"cyrillic", "iso-8859-5"},
    {"default", ""},
    {"eucjp", "euc-jp"},
    {"euckr", "cp949"},
    {"gb18030", "gb18030"},
    {"gb2312", "gb18030"},
    {"gb231280", "gb18030"},
    {"gbk", "gb18030"},
    {"ibm866", "cp866"},
    {"koi", "koi8-r"},
    {"koi8", "koi8-r"},
    {"koi8r", "koi8-r"},
    {"koi8ru", "koi8-u"},
    {"koi8u", "koi8-u"},
    {"koreanksc5601", "cp949"},
    {"ksc5601", "cp949"},
    {"ksc56011987", "cp949"},
    {"ksc56011989", "cp949"},
    {"l1", "iso-8859-1"},
    {"latin1", "iso-8859-1"},
    {"latin2", "iso-8859-2"},
    {"latin9", "iso-8859-15"},
    {"mac", "macintosh"},
    {"maccyrillic", "mac-cyrillic"},
    {"macintosh", "macintosh"},
    {"macroman", "macintosh"},
    {"mskanji", "cp932"},
    {"none", ""},
    {"shiftjis", "cp932"},
    {"sjis", "cp932"},
    {"tis620", "cp874"},
    {"uhc", "cp949"},
    {"unicode11utf7", "utf-7"},
    {"unicode11utf8", "utf-8"},
    {"unknown", ""},
    {"unknown8bit", ""},
    {"usascii", "us-ascii"},
    {"utf7", "utf-7"},
    {"utf8", "utf-8"},
    {"utf8mb4", "utf-8"},
    {"windows31j", "cp932"},
    {"windows949", "cp949"},
    {"xbig5", "big5-hkscs"},
    {"xxbig5", "big5-hkscs"},
});
static_assert(std::is_sorted(kAliases.begin(), kAliases.end(), [](const Alias& a, const Alias& b) {
  return a.squeezed < b.squeezed;
}));

std::optional<std::string_view> alias_of(std::string_view squeezed) {
  const auto found =
      std::lower_bound(kAliases.begin(), kAliases.end(), squeezed,
                       [](const Alias& a, std::string_view key) { return a.squeezed < key; });
  if (found == kAliases.end() || found->squeezed != squeezed) return std::nullopt;
  return found->name;
}

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Code pages as Microsoft numbers them.
std::string from_code_page(std::string_view number) {
  if (number.size() == 4 && number.starts_with("125")) return "windows-" + std::string(number);
  if (number == "65001") return "utf-8";
  if (number == "65000") return "utf-7";
  if (number == "20127") return "us-ascii";
  if (number == "20866") return "koi8-r";
  if (number == "21866") return "koi8-u";
  if (number == "936" || number == "54936") return "gb18030";
  if (number == "950") return "big5-hkscs";
  if (number == "1200") return "utf-16le";
  if (number == "1201") return "utf-16be";
  if (number == "50220" || number == "50221" || number == "50222") return "iso-2022-jp";
  if (number == "51932") return "euc-jp";
  if (number.size() == 5 && number.starts_with("2859")) {
    return "iso-8859-" + std::string(number.substr(4));
  }
  return "cp" + std::string(number);
}

}  // namespace

std::string canonical_charset(std::string_view label) {
  std::string name;      // the label itself, cleaned
  std::string squeezed;  // only its letters and digits
  for (const char raw : label.substr(0, kMaximumLabelBytes)) {
    const bool upper = raw >= 'A' && raw <= 'Z';
    const char c = upper ? static_cast<char>(raw - 'A' + 'a') : raw;
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!alphanumeric && c != '-' && c != '_' && c != '.' && c != ':' && c != '+') {
      if (name.empty()) continue;  // a quote or blank in front
      if (c == ' ' || c == '"' || c == '\'') continue;
      break;
    }
    name += c;
    if (alphanumeric) squeezed += c;
  }
  if (name.empty()) return {};
  if (const auto known = alias_of(squeezed)) return std::string(*known);
  if (squeezed.size() > 1 && squeezed.front() == 'x') {
    const std::string_view plain = std::string_view(squeezed).substr(1);
    if (const auto known = alias_of(plain)) return std::string(*known);
    if (plain.starts_with("cp") || plain.starts_with("win")) squeezed.erase(0, 1);
  }
  for (const std::string_view prefix : {"windows", "microsoftcp", "mscp", "win", "cp", "ansi"}) {
    if (!squeezed.starts_with(prefix)) continue;
    const std::string_view number = std::string_view(squeezed).substr(prefix.size());
    if (is_number(number)) return from_code_page(number);
  }
  if (squeezed.starts_with("iso8859")) {
    std::string_view part = std::string_view(squeezed).substr(7);
    while (!part.empty() && (part.back() < '0' || part.back() > '9')) part.remove_suffix(1);
    // "iso-8859-8-i" differs from "iso-8859-8" in display only.
    if (is_number(part) && part.size() <= 2) return "iso-8859-" + std::string(part);
    // "iso8859-1:1987" and its like
    if (squeezed.size() >= 8) return "iso-8859-" + squeezed.substr(7, 1);
  }
  return name;
}

}  // namespace c360::parsers
