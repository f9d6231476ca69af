#include "parsers/prepared_text.h"

#include <algorithm>

#include "daemon/base/text.h"
#include "daemon/base/unicode_forms.h"
#include "parsers/reply.h"

namespace c360::parsers {

namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// Bytes that may begin something to change: controls, and the leads of U+0080-U+00BF, combining
// marks, U+061C, U+1xxx, U+2xxx, U+3000 and U+FEFF.
bool may_change(unsigned char byte) {
  if (byte < 0x20) return byte != '\n' && byte != '\t';
  return byte == 0x7F || byte == 0xC2 || byte == 0xCC || byte == 0xCD || byte == 0xD8 ||
         byte == 0xE1 || byte == 0xE2 || byte == 0xE3 || byte == 0xEF;
}

// Copies stretches as they are and notes every place where text and source part.
class Preparer {
 public:
  Preparer(std::string_view source, SpanMap* spans) : source_(source), spans_(spans) {
    text_.reserve(source.size());
  }

  std::string run() {
    while (at_ < source_.size()) {
      if (!may_change(static_cast<unsigned char>(source_[at_]))) {
        ++at_;
      } else {
        special();
      }
    }
    flush(at_);
    return std::move(text_);
  }

 private:
  void special() {
    const std::size_t begin = at_;
    const char32_t c = next_code_point(source_, at_);
    if (c == U'\r') {
      if (at_ < source_.size() && source_[at_] == '\n') ++at_;
      replace(begin, at_, "\n");
    } else if (c == 0x85 || c == 0x2028 || c == 0x2029 || c == 0x0B || c == 0x0C) {
      replace(begin, at_, "\n");
    } else if (is_typographic_space(c)) {
      replace(begin, at_, " ");
    } else if (is_invisible(c) || c < 0x20 || c == 0x7F) {
      replace(begin, at_, "");
    } else if (is_combining_mark(c)) {
      combine(begin, c);
    }
  }

  // A letter and its mark become one letter; the letter is the last character before the mark,
  // whether it still waits in the stretch or was written already.
  void combine(std::size_t mark_begin, char32_t mark) {
    if (mark_begin == copied_) return;  // behind something replaced: no letter to join
    std::size_t letter_begin = mark_begin - 1;
    while (letter_begin > copied_ && is_continuation(source_[letter_begin])) --letter_begin;
    std::size_t letter_end = letter_begin;
    const char32_t letter = composed(next_code_point(source_, letter_end), mark);
    if (letter == 0 || letter_end != mark_begin) return;
    std::string utf8;
    append_utf8(utf8, letter);
    replace(letter_begin, at_, utf8);
  }

  void replace(std::size_t begin, std::size_t end, std::string_view with) {
    flush(begin);
    if (!with.empty()) note({text_.size(), text_.size() + with.size()}, {begin, end});
    text_ += with;
    copied_ = end;
  }

  void flush(std::size_t end) {
    if (end == copied_) return;
    note({text_.size(), text_.size() + (end - copied_)}, {copied_, end});
    text_ += source_.substr(copied_, end - copied_);
    copied_ = end;
  }

  void note(Span text, Span source) {
    if (spans_ != nullptr) spans_->push_back({text, source});
  }

  std::string_view source_;
  SpanMap* spans_;
  std::string text_;
  std::size_t at_ = 0;
  std::size_t copied_ = 0;  // everything before is in text_
};

std::string one_line(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return text;
}

}  // namespace

std::string prepare_text(std::string_view text, SpanMap* spans) {
  return Preparer(text, spans).run();
}

PreparedText prepare(const Message& message) {
  PreparedText prepared;
  const std::string_view subject = utf8_prefix(message.subject, kMaxScannedTextBytes);
  const std::string_view text = utf8_prefix(message.body.text, kMaxScannedTextBytes);
  prepared.truncated =
      subject.size() < message.subject.size() || text.size() < message.body.text.size();
  prepared.subject = one_line(prepare_text(subject, &prepared.subject_spans));
  prepared.bare_begin = prepared.subject.size() - bare_subject(prepared.subject).size();
  prepared.text = prepare_text(text, &prepared.spans);
  prepared.is_empty = trimmed(prepared.text).empty();
  return prepared;
}

std::string comparable(std::string_view prepared) {
  const std::string lower = to_lower(prepared);
  std::string result;
  result.reserve(lower.size());
  bool gap = false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const char c = lower[i];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      gap = true;
      continue;
    }
    if (gap && !result.empty()) result.push_back(' ');
    gap = false;
    if (c == '\xD1' && i + 1 < lower.size() && lower[i + 1] == '\x91') {  // ё
      result += "е";
      ++i;
    } else {
      result.push_back(c);
    }
  }
  return result;
}

Span source_span(const SpanMap& map, Span text) {
  auto first = std::ranges::upper_bound(map, text.begin, {},
                                        [](const SpanMapEntry& entry) { return entry.text.end; });
  if (first == map.end()) {
    if (map.empty()) return {};
    const std::size_t end = map.back().source.end;  // an empty span at the very end
    return {end, end};
  }
  const auto is_copy = [](const SpanMapEntry& entry) {
    return entry.text.end - entry.text.begin == entry.source.end - entry.source.begin;
  };
  Span source;
  source.begin = first->source.begin;
  if (is_copy(*first) && text.begin > first->text.begin)
    source.begin += text.begin - first->text.begin;
  source.end = source.begin;
  for (auto entry = first; entry != map.end() && entry->text.begin < text.end; ++entry) {
    source.end = entry->source.end;
    if (is_copy(*entry) && text.end < entry->text.end)
      source.end = entry->source.begin + (text.end - entry->text.begin);
  }
  return source;
}

}  // namespace c360::parsers
