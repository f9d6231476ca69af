#include "parsers/rule_extract.h"

#include <algorithm>
#include <utility>

#include "daemon/base/text.h"
#include "parsers/reply.h"

namespace c360::parsers {

namespace {

// A quoted text with so many different labels is a form somebody passed on or answered, not the
// signature of a letter.
constexpr std::size_t kFormLabels = 4;

constexpr std::string_view kWhiteSpace = " \t\n\r\f\v";

bool contains(const std::vector<LabelId>& ids, LabelId id) {
  return std::ranges::find(ids, id) != ids.end();
}

class Extractor {
 public:
  Extractor(const CompiledRules& rules, const Message& message, const PreparedText& prepared,
            Extraction& extraction)
      : rules_(rules),
        message_(message),
        prepared_(prepared),
        text_(prepared.text),
        extraction_(extraction) {}

  void run(const Rule& rule) {
    extraction_.values.reserve(rule.constants.size() + rule.fields.size() + 4);
    for (const auto& [field, constant] : rule.constants) add_constant(field, constant);
    for (const FieldRule& field : rule.fields) {
      if (extraction_.find(field.field) != nullptr) continue;  // the rule sets it
      for (const ValueRule& way : field.ways)
        if (find_value(field.field, way)) break;
    }
    const bool creates =
        rule.action == RuleAction::create_deal || rule.action == RuleAction::create_lead;
    if (creates && !rules_.phrases.empty()) classify();
  }

 private:
  bool find_value(const std::string& field, const ValueRule& way) {
    switch (way.kind) {
      case ValueRule::Kind::label:
        return find_by_label(field, way);
      case ValueRule::Kind::pattern:
        return find_by_pattern(field, way);
      case ValueRule::Kind::from_name:
        return from_header(field, way, ValueSource::from_name, &Address::name);
      case ValueRule::Kind::from_address:
        return from_header(field, way, ValueSource::from_address, &Address::address);
    }
    return false;
  }

  // -- labels
  // --------------------------------------------------------------------------------------

  bool find_by_label(const std::string& field, const ValueRule& way) {
    const std::vector<LabelLine>& lines = label_lines();
    for (std::size_t i = first_line(way.labels); i < lines.size(); ++i) {
      if (!contains(way.labels, lines[i].label)) continue;
      ExtractedValue value;
      value.field = field;
      Span span = lines[i].value;
      if (lines[i].collapsed) {
        value.transformations.emplace_back("collapsed");
      } else if (way.several_lines) {
        span = up_to_next(lines, i, way);
      } else if (span.begin == span.end && way.next_line) {
        span = next_line(lines, i);
        if (span.begin != span.end) value.transformations.emplace_back("next_line");
      }
      if (way.value) span = checked(*way.value, span);
      if (span.begin == span.end) continue;
      value.prepared = span;
      value.raw = text_.substr(span.begin, span.end - span.begin);
      value.value = value.raw;
      if (way.several_lines) unquote(lines[i], value);
      place(value);
      if (accept(std::move(value), way)) return true;
    }
    return false;
  }

  const std::vector<LabelLine>& label_lines() {
    if (!lines_read_) {
      lines_read_ = true;
      lines_ = rules_.labels.find(text_);
      exclude_background();
      first_line_.assign(rules_.labels.size(), lines_.size());
      for (std::size_t i = lines_.size(); i-- > 0;) first_line_[lines_[i].label] = i;
    }
    return lines_;
  }

  // The first line with one of the labels.
  std::size_t first_line(const std::vector<LabelId>& labels) const {
    std::size_t first = lines_.size();
    for (const LabelId label : labels) first = std::min(first, first_line_[label]);
    return first;
  }

  // Form mails are read whole, also where somebody answered or passed them on. In an ordinary
  // answer what is quoted was said before: labels there, such as our own signature, say nothing.
  void exclude_background() {
    if (!extraction_.subject_category.empty() || lines_.empty()) return;
    const ReplySplit split = split_reply(text_);
    if (split.kind != QuoteKind::reply || split.quoted.empty()) return;
    const auto quoted = [&](const LabelLine& line) {
      return is_inside(split.quoted, line.line_begin);
    };
    std::vector<LabelId> labels;
    for (const LabelLine& line : lines_)
      if (quoted(line) && rules_.labels.is_label(line.label) && !contains(labels, line.label))
        labels.push_back(line.label);
    if (labels.size() >= kFormLabels) return;
    background_ = split.quoted;
    std::erase_if(lines_, quoted);
  }

  static bool is_inside(const std::vector<Span>& spans, std::size_t at) {
    const auto after = std::ranges::upper_bound(spans, at, {}, &Span::begin);
    return after != spans.begin() && at < (after - 1)->end;
  }

  // From the value's beginning to the line of the next label that ends it.
  Span up_to_next(const std::vector<LabelLine>& lines, std::size_t i, const ValueRule& way) const {
    std::size_t end = text_.size();
    for (std::size_t next = i + 1; next < lines.size(); ++next) {
      if (lines[next].line_begin == lines[i].line_begin) continue;
      const bool ends = way.until.empty() ? rules_.labels.is_label(lines[next].label)
                                          : contains(way.until, lines[next].label);
      if (!ends && !lines[next].collapsed) continue;
      end = lines[next].line_begin;
      break;
    }
    for (const Span& quoted : background_)
      if (quoted.begin >= lines[i].line_begin) {
        end = std::min(end, quoted.begin);
        break;
      }
    std::size_t begin = lines[i].value.begin;
    while (begin < end && kWhiteSpace.contains(text_[begin])) ++begin;
    while (end > begin && kWhiteSpace.contains(text_[end - 1])) --end;
    return {begin, end};
  }

  // The next line with something on it, unless it is a label itself.
  Span next_line(const std::vector<LabelLine>& lines, std::size_t i) const {
    std::size_t begin = std::min(text_.find('\n', lines[i].value.end), text_.size());
    while (begin < text_.size()) {
      ++begin;
      const std::size_t end = std::min(text_.find('\n', begin), text_.size());
      std::size_t first = after_line_prefix(text_, begin, end);
      std::size_t last = end;
      while (last > first && kWhiteSpace.contains(text_[last - 1])) --last;
      if (first == last) {
        begin = end;
        continue;
      }
      const auto [from, to] =
          std::ranges::equal_range(lines.begin() + static_cast<std::ptrdiff_t>(i), lines.end(),
                                   begin, {}, &LabelLine::line_begin);
      const bool is_label = std::any_of(
          from, to, [&](const LabelLine& line) { return rules_.labels.is_label(line.label); });
      return is_label ? Span{} : Span{first, last};
    }
    return {};
  }

  // What of the value the rule's pattern takes, at the value's beginning.
  Span checked(const RE2& pattern, Span span) const {
    re2::StringPiece groups[2];
    const re2::StringPiece piece(text_.data() + span.begin, span.end - span.begin);
    const int count = pattern.NumberOfCapturingGroups() > 0 ? 2 : 1;
    if (!pattern.Match(piece, 0, piece.size(), RE2::ANCHOR_START, groups, count)) return {};
    const re2::StringPiece& found = groups[count - 1];
    if (found.empty()) return {};
    const std::size_t begin = static_cast<std::size_t>(found.data() - text_.data());
    return {begin, begin + found.size()};
  }

  // A quoted form has "> " in front of the further lines of its values too.
  void unquote(const LabelLine& line, ExtractedValue& value) const {
    const std::string_view prefix =
        text_.substr(line.line_begin, line.label_begin - line.line_begin);
    if (!prefix.contains('>') || !value.raw.contains('\n')) return;
    std::string plain;
    bool first = true;
    for (std::string_view text : split(value.raw, '\n')) {
      if (!first) {
        plain.push_back('\n');
        std::size_t at = 0;
        while (at < text.size() && (text[at] == '>' || text[at] == ' ' || text[at] == '\t')) ++at;
        text.remove_prefix(at);
      }
      first = false;
      plain += text;
    }
    if (plain == value.raw) return;
    value.value = std::move(plain);
    value.transformations.emplace_back("unquoted");
  }

  // -- patterns and the From field
  // -------------------------------------------------------------------

  bool find_by_pattern(const std::string& field, const ValueRule& way) {
    if (way.place == ValueSource::body) return search(field, way, text_, "");
    if (way.place == ValueSource::subject) return search(field, way, prepared_.subject, "");
    for (const HeaderField& header : message_.headers) {
      if (to_lower(header.name) != way.header) continue;
      if (search(field, way, prepare_text(header.body, nullptr), header.name)) return true;
    }
    return false;
  }

  // The first non-empty occurrence outside of what was quoted.
  bool search(const std::string& field, const ValueRule& way, std::string_view text,
              const std::string& header) {
    if (way.place == ValueSource::body) label_lines();  // finds out what is background
    re2::StringPiece groups[2];
    const re2::StringPiece piece(text.data(), text.size());
    for (std::size_t at = 0; at <= text.size();) {
      if (!way.pattern->Match(piece, at, piece.size(), RE2::UNANCHORED, groups, 2)) return false;
      const std::size_t end =
          static_cast<std::size_t>(groups[0].data() - text.data()) + groups[0].size();
      at = std::max(end, at + 1);
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
      if (groups[1].empty()) continue;
      ExtractedValue value;
      value.field = field;
      value.source = way.place;
      value.header = header;
      value.raw = std::string(groups[1].data(), groups[1].size());
      value.value = value.raw;
      if (header.empty()) {
        const auto begin = static_cast<std::size_t>(groups[1].data() - text.data());
        value.prepared = {begin, begin + groups[1].size()};
        if (way.place == ValueSource::body && is_inside(background_, begin)) continue;
        place(value);
      }
      if (accept(std::move(value), way)) return true;
    }
    return false;
  }

  bool from_header(const std::string& field, const ValueRule& way, ValueSource source,
                   std::string Address::* member) {
    for (const Address& address : message_.from) {
      if ((address.*member).empty()) continue;
      ExtractedValue value;
      value.field = field;
      value.source = source;
      value.raw = address.*member;
      value.value = std::string(trimmed(prepare_text(value.raw, nullptr)));
      // A name that is the address again is no name.
      if (source == ValueSource::from_name && value.value.contains('@')) continue;
      if (way.unless && RE2::PartialMatch(address.name + " <" + address.address + ">", *way.unless))
        continue;
      if (!value.value.empty() && accept(std::move(value), way)) return true;
    }
    return false;
  }

  // -- one value
  // -------------------------------------------------------------------------------------

  void place(ExtractedValue& value) const {
    if (value.source == ValueSource::subject) {
      value.text = source_span(prepared_.subject_spans, value.prepared);
      return;
    }
    value.text = source_span(prepared_.spans, value.prepared);
    value.part_span = to_source(message_.body.spans, message_.body.text, value.text);
    value.part = message_.body.part;
  }

  bool accept(ExtractedValue value, const ValueRule& way) {
    if (way.unless && RE2::PartialMatch(value.raw, *way.unless)) value.rejected = "unless";
    cut(value, way);
    bool range = false;
    for (const ValueStep step : way.steps) {
      if (!value.rejected.empty()) break;
      range = range || step == ValueStep::range;
      StepResult result = apply(step, value.value);
      if (result.value != value.value) value.transformations.emplace_back(to_string(step));
      value.value = std::move(result.value);
      value.rejected = std::move(result.rejected);
    }
    if (!value.rejected.empty()) {
      if (extraction_.rejected.size() < kMaxRejected)
        extraction_.rejected.push_back(std::move(value));
      return false;
    }
    const ExtractedValue& kept = extraction_.values.emplace_back(std::move(value));
    if (range) add_range(ExtractedValue(kept));
    return true;
  }

  static void cut(ExtractedValue& value, const ValueRule& way) {
    const std::string_view by_bytes = utf8_prefix(value.value, way.max_bytes);
    std::size_t end = by_bytes.size();
    if (end > way.max_chars && utf8_length(by_bytes) > way.max_chars) {
      end = 0;
      for (std::size_t count = 0; count < way.max_chars; ++count) next_code_point(by_bytes, end);
    }
    if (end == value.value.size()) return;
    value.value.resize(end);
    value.transformations.emplace_back("cut");
  }

  void add_range(const ExtractedValue& value) {
    const NumberRange range = number_range(value.value);
    for (const auto& [suffix, number] :
         {std::pair{"_min", range.minimum}, std::pair{"_max", range.maximum}}) {
      if (!number) continue;
      ExtractedValue derived = value;
      derived.field += suffix;
      derived.value = std::to_string(*number);
      derived.source = ValueSource::derived;
      derived.transformations.emplace_back("range");
      extraction_.values.push_back(std::move(derived));
    }
  }

  void add_constant(const std::string& field, std::string text,
                    ValueSource source = ValueSource::rule) {
    ExtractedValue value;
    value.field = field;
    value.value = std::move(text);
    value.source = source;
    extraction_.values.push_back(std::move(value));
  }

  // domain.md 18.3.
  void classify() {
    const bool metrica = extraction_.find("ym_client_id") != nullptr;
    const bool client_id = metrica || extraction_.find("ga_client_id") != nullptr;
    if (extraction_.find("request_category_code") == nullptr) {
      std::string category = extraction_.subject_category;
      if (category.empty()) category = client_id ? "other" : "email";
      add_constant("request_category_code", std::move(category), ValueSource::derived);
    }
    if (extraction_.find("request_source_code") == nullptr) {
      // Left empty with a Yandex.Metrica id: its job finds the source.
      if (!client_id) add_constant("request_source_code", "mail", ValueSource::derived);
      if (client_id && !metrica)
        add_constant("request_source_code", "unknown", ValueSource::derived);
    }
  }

  static constexpr std::size_t kMaxRejected = 100;

  const CompiledRules& rules_;
  const Message& message_;
  const PreparedText& prepared_;
  std::string_view text_;
  Extraction& extraction_;
  std::vector<LabelLine> lines_;
  std::vector<std::size_t> first_line_;  // by label
  std::vector<Span> background_;
  bool lines_read_ = false;
};

}  // namespace

void extract_values(const CompiledRules& rules, const Rule& rule, const Message& message,
                    const PreparedText& prepared, Extraction& extraction) {
  Extractor(rules, message, prepared, extraction).run(rule);
}

}  // namespace c360::parsers
