// The visible text of an HTML mail, each stretch with its place in the HTML (domain.md 18.1).
//
// script, style and head vanish with their content; br and the end of p, div, li, tr, h1-h6, table
// and other blocks become LF; the end of td and th becomes TAB; entities are decoded; runs of white
// space become one blank, no-break spaces a plain one. No tree is built: any nesting is linear in
// memory. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "parsers/message.h"

namespace c360::parsers {

struct HtmlLimits {
  std::size_t text_bytes = std::size_t{1} << 20U;  // of the text made
  std::size_t depth = 2000;  // open elements; deeper HTML costs quadratic time in the parser
};

struct HtmlText {
  std::string text;        // valid UTF-8, LF line ends, no blank at the ends of lines
  SpanMap spans;           // text -> bytes of `html`
  bool truncated = false;  // a limit was crossed: the text ends early
};

// `html` must be valid UTF-8; charset declarations inside it are ignored.
HtmlText html_to_text(std::string_view html, const HtmlLimits& limits = {});

}  // namespace c360::parsers
