#include "parsers/label_lines.h"

#include <algorithm>

#include "daemon/base/text.h"

namespace c360::parsers {

namespace {

constexpr std::string_view kBullet = "\xE2\x80\xA2";  // •
constexpr std::string_view kEnDash = "\xE2\x80\x93";
constexpr std::string_view kEmDash = "\xE2\x80\x94";

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::size_t after_blanks(std::string_view text, std::size_t at, std::size_t end) {
  while (at < end && is_blank(text[at])) ++at;
  return at;
}

// [ \t]*(.*?)[ \t\r]*$ of [begin, end).
Span value_span(std::string_view text, std::size_t begin, std::size_t end) {
  begin = after_blanks(text, begin, end);
  while (end > begin && (is_blank(text[end - 1]) || text[end - 1] == '\r')) --end;
  return {begin, end};
}

// next_code_point for text that is valid UTF-8, quick for the alphabets of labels.
inline char32_t decode(std::string_view text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) {
    ++at;
    return first;
  }
  if (first >= 0xC2 && first < 0xE0 && at + 1 < text.size()) {
    const auto second = static_cast<unsigned char>(text[at + 1]);
    at += 2;
    return ((first & 0x1FU) << 6U) | (second & 0x3FU);
  }
  return next_code_point(text, at);
}

bool has_two_colons(std::string_view line) {
  const auto first = line.find(':');
  return first != std::string_view::npos && line.find(':', first + 1) != std::string_view::npos;
}

struct Separator {
  std::uint8_t kind = 0;  // 0: none here
  std::size_t size = 0;
};

Separator separator_at(std::string_view text, std::size_t at, std::size_t end) {
  if (at >= end) return {};
  const char c = text[at];
  if (c == ':') return {separator_colon, 1};
  if (c == '-') return {separator_hyphen, 1};
  if (c != kEnDash[0]) return {};
  const std::string_view rest = text.substr(at, end - at);
  if (rest.starts_with(kEnDash)) return {separator_en_dash, kEnDash.size()};
  if (rest.starts_with(kEmDash)) return {separator_em_dash, kEmDash.size()};
  return {};
}

std::size_t previous(std::string_view text, std::size_t at) {
  --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

char32_t at_code_point(std::string_view text, std::size_t at) { return next_code_point(text, at); }

}  // namespace

std::size_t after_line_prefix(std::string_view text, std::size_t at, std::size_t end) {
  while (at < end) {
    const char c = text[at];
    if (is_blank(c) || c == '>' || c == '*') {
      ++at;
    } else if (c == kBullet[0] && text.substr(at, end - at).starts_with(kBullet)) {
      at += kBullet.size();
    } else {
      break;
    }
  }
  return at;
}

bool is_word_letter(char32_t c) {
  if (c < 0x80)
    return (c >= U'0' && c <= U'9') || (c >= U'A' && c <= U'Z') || (c >= U'a' && c <= U'z') ||
           c == U'_';
  return (c >= 0xC0 && c <= 0x24F && c != 0xD7 && c != 0xF7) || (c >= 0x370 && c <= 0x52F) ||
         (c >= 0x1E00 && c <= 0x1EFF);
}

char32_t fold_rare_letter(char32_t c) {
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;
  // Characters that RE2's (?i) takes for a letter of the alphabets above.
  constexpr std::u32string_view kRounded = U"\u0432\u0434\u043E\u0441\u0442\u0442\u044A";
  if (c >= 0x1C80 && c <= 0x1C86) return kRounded[c - 0x1C80];
  switch (c) {
    case 0x17F:
      return U's';
    case 0x178:
      return 0xFF;
    case 0x1E9E:
      return 0xDF;
    case 0x212A:
      return U'k';
    case 0x212B:
      return 0xE5;
    default:
      return c;
  }
}

void WordTrie::add(std::u32string_view word, std::uint32_t value) {
  std::uint32_t node = 0;
  for (const char32_t c : word) {
    std::uint32_t next = step(node, c);
    if (next == 0) {
      next = static_cast<std::uint32_t>(nodes_.size());
      nodes_.emplace_back();
      nodes_[node].edges.emplace_back(c, next);
      if (node == 0 && c < root_.size()) root_[c] = next;
    }
    node = next;
  }
  nodes_[node].values.push_back(value);
}

LabelId LabelTable::add(std::string_view label, std::uint8_t separators, Use use) {
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const Label& known = labels_[i];
    if (known.text == label && known.separators == separators && known.use == use)
      return static_cast<LabelId>(i);
  }
  const auto id = static_cast<LabelId>(labels_.size());
  Label added{std::string(label), {}, separators, use};
  for (std::size_t at = 0; at < label.size();)
    added.folded.push_back(fold_letter(next_code_point(label, at)));
  forward_.add(added.folded, id);
  backward_.add(std::u32string(added.folded.rbegin(), added.folded.rend()), id);
  dashes_ = dashes_ || separators != separator_colon;
  labels_.push_back(std::move(added));
  return id;
}

void LabelTable::find_in_line(std::string_view text, Span line,
                              std::vector<LabelLine>& found) const {
  const std::size_t label_begin = after_line_prefix(text, line.begin, line.end);
  std::uint32_t node = 0;
  for (std::size_t at = label_begin; at < line.end;) {
    node = forward_.step(node, fold_letter(decode(text, at)));
    if (node == 0) return;
    for (const LabelId id : forward_.values(node)) {
      const std::size_t blanks_end = after_blanks(text, at, line.end);
      const Separator separator = separator_at(text, blanks_end, line.end);
      if ((separator.kind & labels_[id].separators) == 0) continue;
      found.push_back(
          {id, line.begin, label_begin, value_span(text, blanks_end + separator.size, line.end)});
    }
  }
}

LabelTable::Found LabelTable::scan(std::string_view text) const {
  Found found;
  found.lines.reserve(32);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const Span line{begin, end};
    find_in_line(text, line, found.lines);
    if (has_two_colons(text.substr(begin, end - begin))) found.crowded.push_back(line);
    begin = end + 1;
  }
  return found;
}

std::vector<LabelLine> LabelTable::find_at_line_starts(std::string_view text) const {
  return scan(text).lines;
}

bool LabelTable::label_before(std::string_view text, std::size_t floor, std::size_t end,
                              std::uint8_t separator, LabelLine& line) const {
  while (end > floor && is_blank(text[end - 1])) --end;
  bool any = false;
  std::uint32_t node = 0;
  for (std::size_t at = end; at > floor;) {
    at = previous(text, at);
    if (at < floor) break;
    node = backward_.step(node, fold_letter(at_code_point(text, at)));
    if (node == 0) break;
    for (const LabelId id : backward_.values(node)) {
      const Label& label = labels_[id];
      if ((separator & label.separators) == 0 || label.use == Use::terminator) continue;
      // In the middle of a line the label must begin with a capital letter, as forms print it:
      // «на имя: Петров» in a sentence is no label. Glued to a word («РомашкаФИО: …») it must be
      // spelled exactly.
      const char32_t first = at_code_point(text, at);
      const bool at_start = at == floor;
      const char32_t before = at_start ? U' ' : at_code_point(text, previous(text, at));
      if (!at_start && fold_letter(first) == first) continue;
      if (is_word_letter(before) &&
          (fold_letter(before) != before || text.substr(at, end - at) != label.text))
        continue;
      line.label = id;
      line.label_begin = at;
      any = true;
    }
  }
  return any;
}

std::vector<LabelLine> LabelTable::find_inside(std::string_view text, Span line) const {
  std::vector<LabelLine> inside;
  std::size_t floor = after_line_prefix(text, line.begin, line.end);
  for (std::size_t at = floor; at < line.end;) {
    const Separator separator = separator_at(text, at, line.end);
    if (separator.kind == 0 || (separator.kind != separator_colon && !dashes_)) {
      ++at;
      continue;
    }
    LabelLine label;
    if (label_before(text, floor, at, separator.kind, label)) {
      label.line_begin = line.begin;
      label.value = {at + separator.size, line.end};
      label.collapsed = true;
      if (!inside.empty()) inside.back().value.end = label.label_begin;
      inside.push_back(label);
      floor = at + separator.size;
    }
    at += separator.size;
  }
  for (LabelLine& label : inside)
    label.value = value_span(text, label.value.begin, label.value.end);
  return inside;
}

bool LabelTable::is_collapsed(const std::vector<LabelLine>& inside,
                              const LineStarts& starts) const {
  std::vector<LabelId> distinct;
  distinct.reserve(inside.size());
  for (const LabelLine& label : inside) distinct.push_back(label.label);
  std::ranges::sort(distinct);
  const auto repeated = std::ranges::unique(distinct);
  distinct.erase(repeated.begin(), repeated.end());
  if (distinct.size() < 2) return false;

  const bool leads = starts.own_lines > 0;
  if (starts.label_lines == starts.own_lines) return true;
  // There are label lines elsewhere: then only labels that have no line of their own are read here,
  // and a text such as a comment is not cut short by a single label in it.
  for (std::size_t i = leads ? 1 : 0; i < inside.size(); ++i)
    if (starts.lines_per_label[inside[i].label] > 0) return false;
  return !leads || labels_[inside.front().label].use != Use::text || distinct.size() >= 4;
}

std::vector<LabelLine> LabelTable::find(std::string_view text) const {
  Found found = scan(text);
  if (found.crowded.empty()) return std::move(found.lines);

  LineStarts starts;
  starts.lines_per_label.resize(labels_.size());
  std::size_t last_line = std::string_view::npos;
  for (const LabelLine& line : found.lines) {
    if (!is_label(line.label)) continue;
    ++starts.lines_per_label[line.label];
    if (line.line_begin != last_line) ++starts.label_lines;
    last_line = line.line_begin;
  }

  std::vector<LabelLine> result;
  result.reserve(found.lines.size());
  auto next = found.lines.begin();
  for (const Span line : found.crowded) {
    const auto own = std::find_if(next, found.lines.end(), [&](const LabelLine& label) {
      return label.line_begin >= line.begin;
    });
    result.insert(result.end(), next, own);
    next = std::find_if(own, found.lines.end(),
                        [&](const LabelLine& label) { return label.line_begin != line.begin; });
    std::vector<LabelLine> inside = find_inside(text, line);
    starts.own_lines =
        std::any_of(own, next, [&](const LabelLine& label) { return is_label(label.label); }) ? 1
                                                                                              : 0;
    if (inside.size() >= 2 && is_collapsed(inside, starts))
      result.insert(result.end(), inside.begin(), inside.end());
    else
      result.insert(result.end(), own, next);
  }
  result.insert(result.end(), next, found.lines.end());
  return result;
}

}  // namespace c360::parsers
