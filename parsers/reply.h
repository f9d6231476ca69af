// Which part of a mail's text its author typed, and which is quoted: by spans, nothing is removed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/message.h"

namespace c360::parsers {

enum class QuoteKind : std::uint8_t {
  none,     // nothing of another mail inside
  reply,    // an answer: the quoted text is background
  forward,  // passed on: the quoted text is the content
};
std::string_view to_string(QuoteKind kind);

struct ReplySplit {
  QuoteKind kind = QuoteKind::none;
  std::vector<Span> typed;   // ascending; without quotes, attribution lines and signature
  std::vector<Span> quoted;  // ascending; with their attribution lines or header blocks
  // Of another mail that is quoted whole: what stands behind its "From:", or what names its author
  // in the line above it. Empty where nothing does.
  Span author;
  std::vector<Span> signature;  // after "-- " (RFC 3676, 4.3) or "Sent from my …"

  // The typed spans one after the other, without blank lines at the ends.
  std::string typed_text(std::string_view text) const;
  std::string quoted_text(std::string_view text) const;
};

// `text` is BodyText::text (LF line ends). Top, bottom and interleaved answers. The subject decides
// between answer and forward where a quoted header block says neither.
ReplySplit split_reply(std::string_view text, std::string_view subject = {});

// Who wrote what is passed on; nullopt for what is no forward, or where the mail does not say. The
// address is empty where only a name stands there.
std::optional<Address> original_sender(std::string_view text, const ReplySplit& split);

// "Re:", "AW:", "Отв:" … or "Fwd:", "Пересл:" … in front of a subject (domain.md 18.2).
QuoteKind subject_kind(std::string_view subject);

// The subject without all such prefixes.
std::string_view bare_subject(std::string_view subject);

}  // namespace c360::parsers
