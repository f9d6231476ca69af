// The text of header fields: unfolding and RFC 2047.
//
// Ours and not GMime's: GMime 3.2.13 cuts a text made of several base64 words when one before the
// last is padded, and loses characters split between words. Here the bytes of adjacent words of
// one charset are joined before they are converted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace c360::parsers {

// A field body (or phrase, or parameter value) as UTF-8 on one line. Raw 8-bit text is UTF-8 if
// valid, else in `charset_hint`, else windows-1251. Line ends and control characters become
// blanks. Never fails: what is no encoded word stays as written.
std::string decode_header_text(std::string_view raw, std::string_view charset_hint = {});

// The end of the encoded word that begins at `at` of `raw` ("=?"), or npos where none does.
std::size_t encoded_word_end(std::string_view raw, std::size_t at);

// RFC 2045, 6.8, forgiving: what is no base64 is skipped, padding may stand anywhere or be missing.
class Base64Decoder {
 public:
  // Appends the bytes of the next piece of text.
  void decode(std::string_view text, std::string& bytes);

 private:
  std::uint32_t bits_ = 0;  // read and not yet written
  unsigned count_ = 0;      // how many, below 8
};

}  // namespace c360::parsers
