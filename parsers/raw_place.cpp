#include "parsers/raw_place.h"

#include <algorithm>

#include "daemon/base/text.h"
#include "parsers/html_text.h"

namespace c360::parsers {

namespace {

RawPlace nowhere(std::string_view reason) { return {.reason = reason}; }

bool is_ascii(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// The span without the blanks at its ends.
Span trimmed_span(std::string_view bytes, Span span) {
  const std::string_view kept = trimmed(bytes);
  const auto skipped = static_cast<std::size_t>(kept.data() - bytes.data());
  return {span.begin + skipped, span.begin + skipped + kept.size()};
}

}  // namespace

bool is_identity_encoding(std::string_view transfer_encoding) {
  const std::string name = to_lower(trimmed(transfer_encoding));
  return name.empty() || name == "7bit" || name == "8bit" || name == "binary";
}

Result<RawPlace> RawPlaces::of(const ExtractedValue& value) {
  switch (value.source) {
    case ValueSource::subject:
      return in_header("Subject", value);
    case ValueSource::from_name:
    case ValueSource::from_address:
      return in_header("From", value);
    case ValueSource::header:
      return in_header(value.header, value);
    case ValueSource::body:
      return in_body(value);
    case ValueSource::derived:
      // The bounds of a range stand where the range stands.
      if (!value.part.empty()) return in_body(value);
      break;
    case ValueSource::rule:
      break;
  }
  return nowhere("constant");
}

Result<RawPlace> RawPlaces::in_body(const ExtractedValue& value) {
  const Message& message = mail_.message();
  const auto part = std::ranges::find(message.parts, value.part, &Part::path);
  if (part == message.parts.end() || value.part != message.body.part) return nowhere("not_found");
  if (!is_identity_encoding(part->transfer_encoding)) return nowhere("transfer_encoding");
  Span decoded = value.part_span;
  if (message.body.from_html) {
    // From the HTML as UTF-8 to the bytes it was sent in.
    auto html = text_of(static_cast<std::size_t>(part - message.parts.begin()));
    if (!html) return std::unexpected(html.error());
    decoded = to_source((*html)->spans, (*html)->text, decoded);
  }
  if (decoded.begin >= decoded.end) return nowhere("charset");
  Span span{part->raw.begin + decoded.begin, part->raw.begin + decoded.end};
  if (span.end > part->raw.end) return nowhere("not_found");
  std::string scratch;
  auto bytes = raw_.view(span, scratch);
  if (!bytes) return std::unexpected(bytes.error());
  span = trimmed_span(*bytes, span);
  std::string read = to_utf8(*bytes, message.body.charset).text;
  if (message.body.from_html) read = html_to_text(read).text;
  if (trimmed(prepare_text(read, nullptr)) == trimmed(value.raw))
    return RawPlace{.span = span, .exact = true};
  return nowhere("charset");
}

// The first field of that name that has the value; exact where it stands there as it is.
Result<RawPlace> RawPlaces::in_header(std::string_view name, const ExtractedValue& value) {
  for (const HeaderField& field : mail_.message().headers) {
    if (!equal_ignoring_case(field.name, name) || field.raw == Span{}) continue;
    if (!prepare_text(field.body, nullptr).contains(trimmed(prepare_text(value.raw, nullptr))))
      continue;
    std::string scratch;
    auto bytes = raw_.view(field.raw, scratch);
    if (!bytes) return std::unexpected(bytes.error());
    const std::size_t colon = std::min(bytes->find(':'), bytes->size());
    const std::string_view wanted = trimmed(value.raw);
    const std::size_t found = bytes->find(wanted, colon);
    if (found != bytes->npos && !wanted.empty()) {
      const std::size_t begin = field.raw.begin + found;
      return RawPlace{.span = Span{begin, begin + wanted.size()}, .exact = true};
    }
    RawPlace place{.span = trimmed_span(*bytes, field.raw)};
    place.reason = bytes->contains("=?") ? "encoded_word"
                   : is_ascii(*bytes)    ? "rewritten"
                                         : "charset";
    return place;
  }
  return nowhere("not_found");
}

Result<const DecodedText*> RawPlaces::text_of(std::size_t part) {
  if (const auto known = texts_.find(part); known != texts_.end()) return &known->second;
  auto text = mail_.part_text(part);
  if (!text) return std::unexpected(text.error());
  return &texts_.emplace(part, std::move(*text)).first->second;
}

}  // namespace c360::parsers
