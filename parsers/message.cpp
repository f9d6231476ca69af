#include "parsers/message.h"

#include <algorithm>

#include "daemon/base/text.h"

namespace c360::parsers {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

// The part of `entry` that lies within [begin, end) of the text, in the source.
Span narrowed(const SpanMapEntry& entry, std::string_view text, std::size_t begin,
              std::size_t end) {
  begin = std::max(begin, entry.text.begin);
  end = std::min(end, entry.text.end);
  const std::size_t length = entry.text.end - entry.text.begin;
  const std::size_t source = entry.source.end - entry.source.begin;
  if (length == source) {
    return {entry.source.begin + (begin - entry.text.begin),
            entry.source.begin + (end - entry.text.begin)};
  }
  const std::string_view stretch = text.substr(entry.text.begin, length);
  if (characters(stretch) != source) return entry.source;
  const std::size_t first = characters(stretch.substr(0, begin - entry.text.begin));
  const std::size_t count = characters(text.substr(begin, end - begin));
  return {entry.source.begin + first, entry.source.begin + first + count};
}

}  // namespace

std::string_view to_string(CharsetPath path) {
  switch (path) {
    case CharsetPath::declared:
      return "declared";
    case CharsetPath::utf8:
      return "utf8";
    case CharsetPath::guessed:
      return "guessed";
    case CharsetPath::fallback:
      break;
  }
  return "fallback";
}

std::string_view to_string(DateSource source) {
  switch (source) {
    case DateSource::header:
      return "header";
    case DateSource::internal:
      return "internal";
    case DateSource::fetched:
      break;
  }
  return "fetched";
}

std::string Address::domain() const {
  const std::size_t at = address.rfind('@');
  if (at == std::string::npos) return {};
  return to_lower(std::string_view(address).substr(at + 1));
}

Span to_source(const SpanMap& map, std::string_view text, Span part) {
  auto entry =
      std::upper_bound(map.begin(), map.end(), part.begin,
                       [](std::size_t at, const SpanMapEntry& e) { return at < e.text.end; });
  Span found;
  bool any = false;
  for (; entry != map.end() && entry->text.begin < part.end; ++entry) {
    const Span piece = narrowed(*entry, text, part.begin, part.end);
    if (!any) found = piece;
    any = true;
    found.begin = std::min(found.begin, piece.begin);
    found.end = std::max(found.end, piece.end);
  }
  return found;
}

const HeaderField* find_header(const Message& message, std::string_view name) {
  for (const HeaderField& field : message.headers) {
    if (equal_ignoring_case(field.name, name)) return &field;
  }
  return nullptr;
}

const Address* author(const Message& message) {
  for (const auto* list : {&message.from, &message.sender}) {
    for (const Address& address : *list) {
      if (!address.address.empty()) return &address;
    }
  }
  return nullptr;
}

}  // namespace c360::parsers
