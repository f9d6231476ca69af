#include "parsers/charset.h"

#include <iconv.h>
#include <uchardet/uchardet.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>

#include "daemon/base/text.h"
#include "parsers/charset_name.h"

namespace c360::parsers {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kCachedConverters = 64;  // a thread's; hostile labels must not pile up
constexpr std::size_t kLongestRun = 4096;      // of one span-map entry: bounds to_source()
constexpr std::size_t kGuessBytes = std::size_t{64} << 10U;  // uchardet sees no more

bool is_ascii(std::string_view bytes) {
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    if ((word & 0x8080808080808080U) != 0) return false;
  }
  for (; i < bytes.size(); ++i) {
    if ((static_cast<unsigned char>(bytes[i]) & 0x80U) != 0) return false;
  }
  return true;
}

// Collects text and its span map; stretches that follow on are joined.
class Output {
 public:
  Output(DecodedText& result, LineEnds line_ends, bool map)
      : result_(result), line_ends_(line_ends), map_(map) {}

  std::string& text() { return result_.text; }
  LineEnds line_ends() const { return line_ends_; }

  // What was appended to text() since `text_begin` was made from [begin, end). Entries of one kind
  // (one source byte for a character, or equal bytes) may be joined, others may not.
  void made(std::size_t text_begin, std::size_t begin, std::size_t end, bool joinable) {
    if (!map_ || text_begin == result_.text.size()) return;
    SpanMap& spans = result_.spans;
    if (joinable && joinable_ && !spans.empty() && spans.back().text.end == text_begin &&
        spans.back().source.end == begin && end - spans.back().source.begin <= kLongestRun) {
      spans.back().text.end = result_.text.size();
      spans.back().source.end = end;
      return;
    }
    spans.push_back({{text_begin, result_.text.size()}, {begin, end}});
    joinable_ = joinable;
  }

 private:
  DecodedText& result_;
  LineEnds line_ends_;
  bool map_;
  bool joinable_ = false;
};

// Valid UTF-8: copied, less NUL and the CR of line ends.
void copy_utf8(std::string_view bytes, Output& out) {
  std::string& text = out.text();
  text.reserve(text.size() + bytes.size());
  std::size_t at = bytes.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  while (at < bytes.size()) {
    std::size_t end = at;
    while (end < bytes.size() && bytes[end] != '\0' && bytes[end] != '\r') ++end;
    const std::size_t begin = text.size();
    text.append(bytes, at, end - at);
    out.made(begin, at, end, true);
    at = end;
    if (at == bytes.size()) break;
    if (bytes[at] == '\r') {
      const bool line_end = at + 1 < bytes.size() && bytes[at + 1] == '\n';
      if (out.line_ends() == LineEnds::keep || !line_end) {
        const std::size_t here = text.size();
        text += out.line_ends() == LineEnds::keep ? '\r' : '\n';
        out.made(here, at, at + 1, true);
      }
    }
    ++at;
  }
}

// One charset's way to UTF-8: a table where every byte is a character, iconv otherwise.
class Converter {
 public:
  explicit Converter(const std::string& charset)
      : handle_(charset.empty() ? kNone : iconv_open("UTF-8", charset.c_str())) {
    if (!known()) return;
    wide_ = charset.starts_with("utf-16") || charset.starts_with("utf-32") ||
            charset.starts_with("ucs-");
    unit_ = charset.starts_with("utf-32") || charset.starts_with("ucs-4") ? 4U : 2U;
    build_table();
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  ~Converter() {
    if (known()) iconv_close(handle_);
  }

  bool known() const { return handle_ != kNone; }
  bool single_byte() const { return single_byte_; }
  // Bytes below 0x80 are ASCII and nothing else is.
  bool ascii_superset() const { return single_byte_ && ascii_; }

  // Appends; bytes without a meaning become U+FFFD and are counted.
  std::size_t convert(std::string_view bytes, Output& out) {
    return single_byte_ ? convert_by_table(bytes, out) : convert_by_iconv(bytes, out);
  }

 private:
  struct Character {
    std::array<char, 4> utf8{};
    std::uint8_t length = 0;  // 0: no meaning
  };
  inline static const iconv_t kNone = reinterpret_cast<iconv_t>(-1);  // NOLINT

  void build_table() {
    ascii_ = true;
    for (std::size_t byte = 0; byte < table_.size(); ++byte) {
      std::array<char, 1> in{static_cast<char>(byte)};
      std::array<char, 16> buffer{};
      char* from = in.data();
      char* to = buffer.data();
      std::size_t in_left = 1;
      std::size_t out_left = buffer.size();
      iconv(handle_, nullptr, nullptr, nullptr, nullptr);
      const std::size_t rc = iconv(handle_, &from, &in_left, &to, &out_left);
      const std::size_t length = buffer.size() - out_left;
      if (rc == static_cast<std::size_t>(-1)) {
        if (errno != EILSEQ) return;  // a lead byte: not a single-byte charset
        ascii_ = ascii_ && byte >= 0x80;
        continue;
      }
      if (length == 0 || length > 4) return;  // a shift: state, more than one byte a character
      std::memcpy(table_[byte].utf8.data(), buffer.data(), length);
      table_[byte].length = static_cast<std::uint8_t>(length);
      if (byte < 0x80) ascii_ = ascii_ && length == 1 && buffer[0] == in[0];
    }
    single_byte_ = true;
  }

  std::size_t convert_by_table(std::string_view bytes, Output& out) {
    std::string& text = out.text();
    text.reserve(text.size() + bytes.size() + bytes.size() / 2);
    std::size_t invalid = 0;
    std::size_t run = 0;  // begins here, in the source
    std::size_t run_text = text.size();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const char c = bytes[i];
      const bool dropped = c == '\0' || (c == '\r' && out.line_ends() == LineEnds::lf &&
                                         i + 1 < bytes.size() && bytes[i + 1] == '\n');
      if (dropped || i - run == kLongestRun) {
        out.made(run_text, run, i, false);
        run = dropped ? i + 1 : i;
        run_text = text.size();
        if (dropped) continue;
      }
      if (c == '\r' && out.line_ends() == LineEnds::lf) {
        text += '\n';
        continue;
      }
      const Character& character = table_[static_cast<unsigned char>(c)];
      if (character.length == 0) {
        ++invalid;
        text += kReplacement;
      } else {
        text.append(character.utf8.data(), character.length);
      }
    }
    out.made(run_text, run, bytes.size(), false);
    return invalid;
  }

  // Line by line, so that the span map has an entry for each.
  std::size_t convert_by_iconv(std::string_view bytes, Output& out) {
    iconv(handle_, nullptr, nullptr, nullptr, nullptr);
    std::size_t invalid = 0;
    std::size_t at = 0;
    std::string piece;
    while (at < bytes.size()) {
      std::size_t end = wide_ ? at + 512 : bytes.find('\n', at);
      end = end >= bytes.size() ? bytes.size() : end + (wide_ ? 0 : 1);
      piece.clear();
      const std::size_t next = convert_piece(bytes, at, end, piece, invalid);
      // glibc passes what lies past U+10FFFF, such as F5 80 80 80, through from UTF-8 and UCS-4.
      if (!is_valid_utf8(piece)) {
        piece = replace_invalid_utf8(piece);
        ++invalid;
      }
      append_piece(piece, at, next, out);
      at = next;
    }
    return invalid;
  }

  // [at, end) and, where a character reaches over `end`, the rest of that character.
  std::size_t convert_piece(std::string_view bytes, std::size_t at, std::size_t end,
                            std::string& piece, std::size_t& invalid) {
    std::array<char, 1024> buffer{};
    while (at < end) {
      char* from = const_cast<char*>(bytes.data()) + at;  // NOLINT: iconv's old signature
      std::size_t in_left = end - at;
      char* to = buffer.data();
      std::size_t out_left = buffer.size();
      const std::size_t rc = iconv(handle_, &from, &in_left, &to, &out_left);
      const int error = rc == static_cast<std::size_t>(-1) ? errno : 0;
      piece.append(buffer.data(), buffer.size() - out_left);
      at = end - in_left;
      if (error == EINVAL && end < bytes.size()) {
        ++end;  // the character goes on
      } else if (error == EILSEQ || error == EINVAL) {
        ++invalid;
        piece += kReplacement;
        at = std::min(end, at + (wide_ ? unit_ : 1U));
        if (error == EINVAL) at = end;
      }
    }
    return at;
  }

  static void append_piece(std::string& piece, std::size_t begin, std::size_t end, Output& out) {
    if (begin == 0 && piece.starts_with(kByteOrderMark)) piece.erase(0, kByteOrderMark.size());
    const std::size_t text_begin = out.text().size();
    for (std::size_t i = 0; i < piece.size(); ++i) {
      const char c = piece[i];
      if (c == '\0') continue;
      if (c == '\r' && out.line_ends() == LineEnds::lf) {
        if (i + 1 == piece.size() || piece[i + 1] != '\n') out.text() += '\n';
        continue;
      }
      out.text() += c;
    }
    out.made(text_begin, begin, end, false);
  }

  iconv_t handle_;
  bool wide_ = false;
  std::size_t unit_ = 2;
  bool single_byte_ = false;
  bool ascii_ = false;
  std::array<Character, 256> table_{};
};

Converter& converter(const std::string& charset) {
  thread_local std::map<std::string, Converter, std::less<>> cache;
  if (const auto found = cache.find(charset); found != cache.end()) return found->second;
  if (cache.size() >= kCachedConverters) cache.clear();
  return cache.try_emplace(charset, charset).first->second;
}

struct GuessDeleter {
  void operator()(uchardet_t detector) const { uchardet_delete(detector); }
};

std::string guess(std::string_view bytes) {
  thread_local const std::unique_ptr<uchardet, GuessDeleter> kDetector{uchardet_new()};
  if (!kDetector) return {};
  uchardet_reset(kDetector.get());
  const std::string_view seen = bytes.substr(0, kGuessBytes);
  if (uchardet_handle_data(kDetector.get(), seen.data(), seen.size()) != 0) return {};
  uchardet_data_end(kDetector.get());
  return canonical_charset(uchardet_get_charset(kDetector.get()));
}

std::size_t non_ascii(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) == 0xC0U ? 1 : 0;
  return count;
}

// The attempts share one result; a failed one leaves nothing behind.
class Chain {
 public:
  Chain(std::string_view bytes, LineEnds line_ends, bool map)
      : bytes_(bytes), line_ends_(line_ends), map_(map) {}

  // `tolerance`: how many characters beyond ASCII must have come out for each that did not.
  bool attempt(const std::string& charset, CharsetPath path, std::size_t tolerance) {
    Converter& by = converter(charset);
    if (!by.known()) return false;
    result_ = {};
    Output out(result_, line_ends_, map_);
    const std::size_t invalid = by.convert(bytes_, out);
    if (invalid != 0 &&
        (tolerance == 0 || by.single_byte() || non_ascii(result_.text) < invalid * tolerance)) {
      return false;
    }
    return accept(charset, path, invalid != 0);
  }

  bool utf8(CharsetPath path, std::string charset) {
    result_ = {};
    Output out(result_, line_ends_, map_);
    copy_utf8(bytes_, out);
    return accept(std::move(charset), path, false);
  }

  void windows_1251_anyhow() {
    result_ = {};
    Output out(result_, line_ends_, map_);
    const std::size_t invalid = converter("windows-1251").convert(bytes_, out);
    accept("windows-1251", CharsetPath::fallback, invalid != 0);
  }

  DecodedText take() { return std::move(result_); }

 private:
  bool accept(std::string charset, CharsetPath path, bool replaced) {
    result_.charset = std::move(charset);
    result_.path = path;
    result_.replaced = replaced;
    return true;
  }

  std::string_view bytes_;
  LineEnds line_ends_;
  bool map_;
  DecodedText result_;
};

// The quotes, dashes and letters of windows-1252 that people type. Daggers alone are none: bytes of
// another charset behind a letter look like them, and they are controls in ISO 8859-1.
bool has_windows_punctuation(std::string_view bytes) {
  return std::ranges::any_of(bytes, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 && byte < 0xA0 && byte != 0x86 && byte != 0x87;
  });
}

// One character beyond ASCII may be broken (U+FFFD among them) for so many that are not: a stray
// byte or a cut end does not make Chinese out of Russian.
constexpr std::size_t kTolerance = 20;

bool is_utf8_or_ascii(const std::string& charset) {
  return charset == "utf-8" || charset == "us-ascii";
}

// ASCII bytes under a charset that agrees with ASCII, or under none.
bool ascii_means_ascii(std::string_view bytes, const std::string& charset) {
  if (charset.empty() || is_utf8_or_ascii(charset)) return bytes.find('\x1B') == bytes.npos;
  Converter& by = converter(charset);
  return by.known() ? by.ascii_superset() : bytes.find('\x1B') == bytes.npos;
}

bool declared_fits(Chain& chain, std::string_view bytes, const std::string& charset, bool ascii) {
  if (charset.empty() || charset == "us-ascii") return false;
  if (charset == "utf-8") {
    return is_valid_utf8(bytes) && chain.utf8(CharsetPath::declared, charset);
  }
  if (charset == "iso-8859-1" && !ascii && has_windows_punctuation(bytes) &&
      chain.attempt("windows-1252", CharsetPath::declared, 0)) {
    return true;  // what every mail program means by it (WHATWG encoding standard)
  }
  return chain.attempt(charset, CharsetPath::declared, 0);
}

}  // namespace

DecodedText to_utf8(std::string_view bytes, std::string_view declared, LineEnds line_ends) {
  const std::string charset = canonical_charset(declared);
  Chain chain(bytes, line_ends, true);
  const bool ascii = is_ascii(bytes);
  if (ascii && ascii_means_ascii(bytes, charset)) {
    const bool named =
        !charset.empty() && (is_utf8_or_ascii(charset) || converter(charset).known());
    chain.utf8(named ? CharsetPath::declared : CharsetPath::utf8, named ? charset : "utf-8");
    return chain.take();
  }
  if (declared_fits(chain, bytes, charset, ascii)) return chain.take();
  if (is_valid_utf8(bytes)) {
    chain.utf8(CharsetPath::utf8, "utf-8");
    return chain.take();
  }
  if (!charset.empty() && charset != "us-ascii" &&
      chain.attempt(charset, CharsetPath::declared, kTolerance)) {
    return chain.take();
  }
  if (chain.attempt("utf-8", CharsetPath::utf8, kTolerance)) return chain.take();
  const std::string guessed = guess(bytes);
  if (!guessed.empty() && !is_utf8_or_ascii(guessed) &&
      chain.attempt(guessed, CharsetPath::guessed, 0)) {
    return chain.take();
  }
  chain.windows_1251_anyhow();
  return chain.take();
}

std::string header_to_utf8(std::string_view bytes, std::string_view declared) {
  const std::string charset = canonical_charset(declared);
  Chain chain(bytes, LineEnds::keep, false);
  const bool ascii = is_ascii(bytes);
  if (ascii && ascii_means_ascii(bytes, charset)) {
    chain.utf8(CharsetPath::declared, charset);
  } else if (declared_fits(chain, bytes, charset, ascii)) {
    // taken
  } else if (is_valid_utf8(bytes)) {
    chain.utf8(CharsetPath::utf8, "utf-8");
  } else if (charset.empty() || !chain.attempt(charset, CharsetPath::declared, 1)) {
    chain.windows_1251_anyhow();
  }
  return std::move(chain.take().text);
}

}  // namespace c360::parsers
