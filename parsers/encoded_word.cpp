#include "parsers/encoded_word.h"

#include <array>
#include <cstdint>

#include "daemon/base/text.h"
#include "parsers/charset.h"

namespace c360::parsers {
namespace {

constexpr std::size_t kLongestCharset = 64;
// RFC 2047, 2 allows 75; whole subjects in one word are seen. The bound keeps a field of broken
// words from costing quadratic time.
constexpr std::size_t kLongestWord = 4096;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::array<std::int8_t, 256> kBase64 = [] {
  std::array<std::int8_t, 256> table{};
  for (auto& entry : table) entry = -1;
  std::int8_t value = 0;
  for (const char c :
       std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")) {
    table[static_cast<unsigned char>(c)] = value++;
  }
  return table;
}();

std::string decode_q(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '_') {
      bytes += ' ';
    } else if (c == '=' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
               hex_value(text[i + 2]) >= 0) {
      bytes += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else if (c != '\r' && c != '\n') {
      bytes += c;
    }
  }
  return bytes;
}

struct Word {
  std::string_view charset;  // without the language of RFC 2231, section 5
  char encoding = 'q';
  std::string_view text;
  std::size_t end = 0;  // past "?="
};

bool read_word(std::string_view raw, std::size_t at, Word& word) {
  if (raw.substr(at, 2) != "=?") return false;
  raw = raw.substr(0, at + kLongestWord);
  const std::size_t charset = at + 2;
  const std::size_t mark = raw.substr(0, charset + kLongestCharset + 1).find('?', charset);
  if (mark == std::string_view::npos || mark == charset || mark - charset > kLongestCharset ||
      mark + 2 >= raw.size() || raw[mark + 2] != '?') {
    return false;
  }
  word.charset = raw.substr(charset, mark - charset);
  for (const char c : word.charset) {
    if (is_blank(c)) return false;
  }
  word.charset = word.charset.substr(0, word.charset.find('*'));
  word.encoding = static_cast<char>(raw[mark + 1] | 0x20);
  if (word.encoding != 'q' && word.encoding != 'b') return false;
  const std::size_t text = mark + 3;
  const std::size_t end = raw.find("?=", text);
  if (end == std::string_view::npos) return false;
  word.text = raw.substr(text, end - text);
  // Another word begins inside: this one was never closed.
  if (word.text.find("=?") != std::string_view::npos && word.encoding == 'b') return false;
  word.end = end + 2;
  return true;
}

// Text between words, unfolded: CRLF vanishes, other controls become blanks.
void append_plain(std::string& out, std::string_view raw, std::string_view hint) {
  std::string bytes;
  bool eight_bit = false;
  bytes.reserve(raw.size());
  for (const char c : raw) {
    if (c == '\r' || c == '\n') continue;
    eight_bit = eight_bit || (static_cast<unsigned char>(c) & 0x80U) != 0;
    bytes += c;
  }
  if (eight_bit || bytes.find('\x1B') != std::string::npos) {
    out += is_valid_utf8(bytes) ? header_to_utf8(bytes, {}) : header_to_utf8(bytes, hint);
  } else {
    out += bytes;
  }
}

void clean(std::string& text) {
  std::size_t kept = 0;
  for (const char c : text) {
    if (c == '\0') continue;
    text[kept++] = (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) ? ' ' : c;
  }
  text.resize(kept);
  const std::string_view inner = trimmed(text);
  if (inner.size() != text.size()) text = std::string(inner);
}

}  // namespace

void Base64Decoder::decode(std::string_view text, std::string& bytes) {
  const auto value = [&](std::size_t i) {
    return static_cast<int>(kBase64[static_cast<unsigned char>(text[i])]);
  };
  std::size_t used = bytes.size();
  bytes.resize(used + text.size() / 4 * 3 + 4);
  std::size_t i = 0;
  while (i < text.size()) {
    // Four good characters at once, as long as they come.
    while (count_ == 0 && i + 4 <= text.size()) {
      const int a = value(i);
      const int b = value(i + 1);
      const int c = value(i + 2);
      const int d = value(i + 3);
      if ((a | b | c | d) < 0) break;
      const auto all = static_cast<std::uint32_t>((a << 18) | (b << 12) | (c << 6) | d);
      bytes[used++] = static_cast<char>((all >> 16U) & 0xFFU);
      bytes[used++] = static_cast<char>((all >> 8U) & 0xFFU);
      bytes[used++] = static_cast<char>(all & 0xFFU);
      i += 4;
    }
    if (i == text.size()) break;
    const int next = value(i);
    if (next >= 0) {
      bits_ = ((bits_ << 6U) | static_cast<std::uint32_t>(next)) & 0xFFFFU;
      count_ += 6;
      if (count_ >= 8) {
        count_ -= 8;
        bytes[used++] = static_cast<char>((bits_ >> count_) & 0xFFU);
      }
    } else if (text[i] == '=') {
      count_ = 0;  // the quantum ends here, another may follow
    }
    ++i;
  }
  bytes.resize(used);
}

std::size_t encoded_word_end(std::string_view raw, std::size_t at) {
  Word word;
  return read_word(raw, at, word) ? word.end : std::string_view::npos;
}

std::string decode_header_text(std::string_view raw, std::string_view charset_hint) {
  std::string out;
  out.reserve(raw.size());
  std::string joined;  // bytes of adjacent words of one charset
  std::string_view joined_charset;
  bool after_word = false;
  std::size_t plain = 0;  // begin of what is not yet written
  const auto flush = [&] {
    if (!joined.empty()) out += header_to_utf8(joined, joined_charset);
    joined.clear();
  };
  std::size_t at = raw.find("=?");
  while (at != std::string_view::npos) {
    Word word;
    if (!read_word(raw, at, word)) {
      at = raw.find("=?", at + 2);
      continue;
    }
    const std::string_view between = raw.substr(plain, at - plain);
    if (!after_word || between.find_first_not_of(" \t\r\n") != std::string_view::npos) {
      flush();
      append_plain(out, between, charset_hint);
    } else if (!equal_ignoring_case(word.charset, joined_charset)) {
      flush();
    }
    joined_charset = word.charset;
    if (word.encoding == 'q') {
      joined += decode_q(word.text);
    } else {
      Base64Decoder().decode(word.text, joined);
    }
    after_word = true;
    plain = word.end;
    at = raw.find("=?", plain);
  }
  flush();
  append_plain(out, raw.substr(plain), charset_hint);
  clean(out);
  return out;
}

}  // namespace c360::parsers
