// Bytes of any charset as UTF-8, with the way back.
//
// The charset is the declared one if it converts cleanly; else UTF-8 if the bytes are valid; else
// what uchardet guesses, if that converts cleanly; else windows-1251 with U+FFFD for what it does
// not have (domain.md 18.1). NUL bytes are dropped. Converters are opened once per thread and
// kept; every function may be called from any thread.
#pragma once

#include <string>
#include <string_view>

#include "parsers/message.h"

namespace c360::parsers {

struct DecodedText {
  std::string text;     // valid UTF-8 without NUL
  std::string charset;  // the one used, lower case, such as "koi8-r"
  CharsetPath path = CharsetPath::declared;
  bool replaced = false;  // at least one U+FFFD stands for bytes without a meaning
  SpanMap spans;          // text -> bytes given
};

enum class LineEnds : std::uint8_t { keep, lf };  // lf: CRLF and lone CR become LF

// Never fails. `declared` may be empty or any spelling a mail program has come up with.
DecodedText to_utf8(std::string_view bytes, std::string_view declared,
                    LineEnds line_ends = LineEnds::lf);

// The same without a span map, for header fields and names, where no guess is made: declared,
// UTF-8, windows-1251. Short texts mislead uchardet.
std::string header_to_utf8(std::string_view bytes, std::string_view declared);

}  // namespace c360::parsers
