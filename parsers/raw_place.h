// Where a value of a mail stands in the mail as it came (design.md 2, Explain).
//
// A place is only given out after it was read back: `exact` means that these very bytes, decoded
// alone, are the value as written. Where a transfer encoding or a charset leaves no such bytes the
// answer is a reason instead.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "parsers/mail_source.h"
#include "parsers/mime_reader.h"
#include "parsers/rule_match.h"

namespace c360::parsers {

struct RawPlace {
  std::optional<Span> span;  // in the raw mail
  bool exact = false;        // else the span only holds the value, such as a whole header field
  // Why there is no exact place, empty when there is one:
  //   constant           the rule states the value, or it is made from others: nothing was read
  //   transfer_encoding  base64 or quoted-printable: the bytes stand there in another spelling
  //   charset            the bytes do not stand for the characters one by one
  //   encoded_word       an encoded header (RFC 2047)
  //   rewritten          the header is folded, quoted or has what rules do not see
  //   not_found          the mail as read today does not have it there
  std::string_view reason;
};

// Both must outlive it. One thread.
class RawPlaces {
 public:
  RawPlaces(const ParsedMail& mail, const MailSource& raw) : mail_(mail), raw_(raw) {}

  // Not for what the file below `raw` does not give (unavailable).
  Result<RawPlace> of(const ExtractedValue& value);

 private:
  Result<RawPlace> in_body(const ExtractedValue& value);
  Result<RawPlace> in_header(std::string_view name, const ExtractedValue& value);
  Result<const DecodedText*> text_of(std::size_t part);

  const ParsedMail& mail_;
  const MailSource& raw_;
  std::map<std::size_t, DecodedText> texts_;  // of HTML parts, by index
};

// Whether the transfer encoding leaves the bytes as they are (RFC 2045, 6.2).
bool is_identity_encoding(std::string_view transfer_encoding);

}  // namespace c360::parsers
