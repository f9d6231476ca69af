// What a mail says, read once and bounded: the values every later step works on.
//
// Names are those of RFC 5322, 2045-2047 and 2183. All text is valid UTF-8 in NFC-neutral form (as
// decoded; normalisation for matching is rule_match's business). A crossed limit is a fact about
// the message (`truncations`), not a failure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"

namespace c360::parsers {

// A half-open range of bytes.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const Span&) const = default;
};

struct Address {
  std::string name;            // display name, decoded; empty when there is none
  std::string address;         // addr-spec as written
  std::string domain() const;  // lower case, after the last '@'; empty when there is none
};

struct HeaderField {
  std::string name;  // as written
  std::string body;  // unfolded and decoded
  Span raw;          // the whole field in the raw mail, where known
};

// How the charset of a text was found (dependencies 3; a metric label).
enum class CharsetPath : std::uint8_t { declared, utf8, guessed, fallback };
std::string_view to_string(CharsetPath path);

// Where a stretch of derived text comes from: [text.begin, text.end) of the text was made from
// [source.begin, source.end) of its source. Ascending and disjoint in `text`.
struct SpanMapEntry {
  Span text;
  Span source;
};
using SpanMap = std::vector<SpanMapEntry>;

// Where [part.begin, part.end) of `text` stands in the source of `map`. Inside an entry of equal
// lengths bytes correspond; where the source has one byte for each character of the text (a
// single-byte charset) characters do; otherwise the whole entry counts. Empty at 0 where nothing
// of the range was made from the source.
Span to_source(const SpanMap& map, std::string_view text, Span part);

// One leaf of the MIME tree.
struct Part {
  std::string path;        // "1", "1.2", … as IMAP section numbers (RFC 9051, 6.4.5.1)
  std::string media_type;  // lower case "text/plain"
  std::string charset;     // as declared, lower case; empty when not
  std::string transfer_encoding;
  std::string disposition;  // "inline", "attachment" or empty
  std::string file_name;    // decoded (RFC 2231, 2047, raw 8-bit), made safe; empty when none given
  std::string content_id;   // without angle brackets
  std::string detected_type;   // by libmagic, of attachments only; empty when it cannot tell
  Span raw;                    // the transfer-encoded content in the raw mail
  std::size_t size_bytes = 0;  // decoded
  Sha256 sha256{};             // of the decoded bytes
  bool is_attachment = false;  // a leaf that is not the chosen body or its alternative
  bool is_inline = false;      // named by a cid: reference or shown inside the text
  bool is_nested = false;      // lies inside an attached mail, which is a part of its own
  bool truncated = false;
};

// The decoded text of the chosen body part.
struct BodyText {
  std::string text;  // UTF-8, LF line ends
  std::string part;  // Part::path
  bool from_html = false;
  std::string charset;  // the one used to decode
  CharsetPath charset_path = CharsetPath::declared;
  // text -> decoded bytes of the part (for HTML: of the UTF-8 HTML). One entry per stretch.
  SpanMap spans;
};

enum class DateSource : std::uint8_t { header, internal, fetched };
std::string_view to_string(DateSource source);

struct Message {
  std::string message_id;  // without angle brackets; empty when there is none
  std::vector<std::string> in_reply_to;
  std::vector<std::string> references;
  std::vector<Address> from, sender, reply_to, to, cc;
  std::string subject;
  std::optional<Instant>
      date;  // Date: field, where it can be read; bounds of domain 1.3 not applied
  std::vector<HeaderField> headers;
  std::vector<Part> parts;     // leaves, in order
  BodyText body;               // the chosen text; empty text when there is none
  std::string html;            // the HTML part as UTF-8, not sanitised; empty when there is none
  bool is_auto_reply = false;  // RFC 3834 and its ancestors
  bool is_bounce = false;      // RFC 3464 report or an empty return path of a daemon
  bool is_list = false;        // RFC 2919, 2369
  std::vector<std::string> truncations;  // named limits that were crossed, such as "parts"
  // Return-Path without angle brackets; present and empty for <> (RFC 5321, 4.4).
  std::optional<std::string> return_path;
  std::string media_type;  // of the whole mail, such as "multipart/report"
  std::string list_id;     // of List-Id, without angle brackets (RFC 2919)
};

// The first field of that name (ASCII letter case ignored), nullptr when there is none.
const HeaderField* find_header(const Message& message, std::string_view name);

// The address that answers are to be sent from: the first of From, else Sender; nullptr when the
// mail names nobody.
const Address* author(const Message& message);

}  // namespace c360::parsers
