// HTML as a stream of events with places in the source: the door to libxml2's HTML parser.
//
// No tree is built. Places are found by comparing what the parser reports with the source around
// its read position, since xmlByteConsumed() is not reliable.
#pragma once

#include <string_view>
#include <vector>

#include "parsers/message.h"

namespace c360::parsers {

struct HtmlAttribute {
  std::string_view name;   // lower case
  std::string_view value;  // entities decoded; empty when there is none
};

class HtmlHandler {
 public:
  virtual ~HtmlHandler() = default;
  // Each answers whether to go on. Names are lower case.
  virtual bool start_element(std::string_view name,
                             const std::vector<HtmlAttribute>& attributes) = 0;
  virtual bool end_element(std::string_view name) = 0;
  // A stretch of text, entities decoded. Where it is longer or shorter than `source`, or differs
  // from it, it was made from a character reference.
  virtual bool text(std::string_view text, Span source) = 0;
};

// Reads `html` (valid UTF-8) to its end, to where the handler stops it, or to where more than
// `depth` elements are open; false in the last case. Time is linear in the size of `html` times
// `depth` at worst; the dictionary of names is bounded.
bool parse_html(std::string_view html, HtmlHandler& handler, std::size_t depth);

}  // namespace c360::parsers
