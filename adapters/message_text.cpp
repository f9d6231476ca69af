#include "adapters/message_text.h"

#include <algorithm>

#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

std::size_t units_of(char32_t c) { return c > 0xffff ? 2 : 1; }

bool is_blank(std::string_view text) { return trimmed(text).empty(); }

// Bytes of the longest prefix of at most `limit` units.
std::size_t prefix_of(std::string_view text, std::size_t limit) {
  std::size_t units = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    std::size_t next = end;
    units += units_of(next_code_point(text, next));
    if (units > limit) break;
    end = next;
  }
  return end;
}

struct Cut {
  std::size_t end = 0;   // of the piece
  std::size_t next = 0;  // where the rest begins
};

Cut cut_of(std::string_view text, std::size_t limit) {
  const std::size_t most = prefix_of(text, limit);
  if (most == text.size()) return {most, most};
  // A separator right behind the prefix does as well.
  for (const char separator : {'\n', ' '}) {
    const std::size_t at = text.rfind(separator, most);
    if (at != std::string_view::npos && !is_blank(text.substr(0, at))) return {at, at + 1};
  }
  return {most, most};
}

// The default alphabet of 3GPP TS 23.038, 6.2.1, in order of code points outside ASCII.
constexpr std::u32string_view kDefaultOutsideAscii =
    U"\u00a1\u00a3\u00a4\u00a5\u00a7\u00bf\u00c4\u00c5\u00c6\u00c7\u00c9\u00d1\u00d6\u00d8\u00dc"
    U"\u00df\u00e0\u00e4\u00e5\u00e6\u00e8\u00e9\u00ec\u00f1\u00f2\u00f6\u00f8\u00f9\u00fc"
    U"\u0393\u0394\u0398\u039b\u039e\u03a0\u03a3\u03a6\u03a8\u03a9";
// 6.2.1.1: behind an escape.
constexpr std::u32string_view kExtension = U"\f^{}\\[~]|\u20ac";

// Septets of a character; 0: the alphabet has it not.
std::size_t septets_of(char32_t c) {
  if (kExtension.contains(c)) return 2;
  if (c == '\n' || c == '\r') return 1;
  if (c >= 0x20 && c < 0x7f) return c == '`' ? 0 : 1;
  return kDefaultOutsideAscii.contains(c) ? 1 : 0;
}

// Of characters so wide, when no segment cuts one.
int segments_of(const std::vector<std::size_t>& widths, std::size_t alone, std::size_t joined) {
  std::size_t whole = 0;
  for (const std::size_t width : widths) whole += width;
  if (whole <= alone) return whole == 0 ? 0 : 1;
  int segments = 1;
  std::size_t filled = 0;
  for (const std::size_t width : widths) {
    if (filled + width > joined) {
      ++segments;
      filled = 0;
    }
    filled += width;
  }
  return segments;
}

}  // namespace

std::size_t utf16_units(std::string_view text) {
  std::size_t units = 0;
  for (std::size_t at = 0; at < text.size();) units += units_of(next_code_point(text, at));
  return units;
}

std::vector<std::string> split_at_line_ends(std::string_view text, std::size_t limit) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const Cut cut = cut_of(text, limit);
    const std::string_view piece = text.substr(0, cut.end);
    if (!is_blank(piece)) pieces.emplace_back(piece);
    text.remove_prefix(cut.next);
  }
  return pieces;
}

int sms_segments(std::string_view text) {
  constexpr std::size_t kAlone = 160;
  constexpr std::size_t kJoined = 153;
  constexpr std::size_t kAloneWide = 70;
  constexpr std::size_t kJoinedWide = 67;
  std::vector<std::size_t> septets;
  std::vector<std::size_t> units;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    septets.push_back(septets_of(c));
    units.push_back(units_of(c));
  }
  const bool wide = std::ranges::find(septets, std::size_t{0}) != septets.end();
  return wide ? segments_of(units, kAloneWide, kJoinedWide) : segments_of(septets, kAlone, kJoined);
}

}  // namespace c360::adapters
