// Text as rules see it (domain.md 1.3, 18.1): LF line ends, typographic spaces plain, invisible
// characters gone, letters with combining marks composed; every byte knows where it came from.
#pragma once

#include <string>
#include <string_view>

#include "parsers/message.h"

namespace c360::parsers {

// Of each of subject and body; what lies behind it is not looked at by rules.
inline constexpr std::size_t kMaxScannedTextBytes = std::size_t{1} << 20U;

struct PreparedText {
  std::string subject;         // one line
  std::size_t bare_begin = 0;  // in `subject`, behind "Re:", "Fwd:", "Отв:" …
  std::string text;            // of Message::body
  SpanMap subject_spans;       // `subject` -> Message::subject
  SpanMap spans;               // `text` -> Message::body.text
  bool truncated = false;      // kMaxScannedTextBytes was crossed
  bool is_empty = true;        // no visible character in `text`

  std::string_view bare_subject() const { return std::string_view(subject).substr(bare_begin); }
};

PreparedText prepare(const Message& message);

// One text prepared: also for values that are compared with prepared ones. `spans` may be null.
std::string prepare_text(std::string_view text, SpanMap* spans);
// Lower case, ё as е, runs of blanks as one: how subjects are compared.
std::string comparable(std::string_view prepared);

// Where a stretch of derived text comes from. Exact inside stretches copied byte for byte, else the
// whole source of every entry touched. An empty map has no source: {0, 0}.
Span source_span(const SpanMap& map, Span text);

}  // namespace c360::parsers
