#include <algorithm>
#include <utility>

#include "daemon/base/text.h"
#include "parsers/rule_parts.h"

namespace c360::parsers {

namespace {

constexpr std::uint8_t kAnySeparator =
    separator_colon | separator_hyphen | separator_en_dash | separator_em_dash;

class FieldReader {
 public:
  FieldReader(const RuleLimits& limits, LabelTable& labels, PatternCompiler& patterns,
              ProblemList& problems)
      : limits_(limits), labels_(labels), patterns_(patterns), problems_(problems) {}

  FieldRule field(const TomlValue::Entry& entry, const std::string& what) {
    FieldRule rule;
    rule.field = entry.key;
    rule.position = entry.key_position;
    const std::string named = "'" + entry.key + "' of " + what;
    if (entry.value.is_array()) {
      for (const TomlValue& item : entry.value.as_array()) way(item, named, rule);
    } else {
      way(entry.value, named, rule);
    }
    return rule;
  }

 private:
  void way(const TomlValue& value, const std::string& what, FieldRule& rule) {
    if (!value.is_table()) {
      problems_.add(value.position, what + " must be a table such as { label = 'X' }");
      return;
    }
    TableReader table(value, what, problems_);
    ValueRule way;
    const TomlValue* label = table.text("label");
    const TomlValue* match = table.text("match");
    const TomlValue* from = table.text("from");
    if ((label != nullptr) + (match != nullptr) + (from != nullptr) != 1)
      problems_.add(value.position, what + " needs exactly one of label, match, from");
    if (label != nullptr) label_way(table, *label, what, way);
    if (match != nullptr) pattern_way(table, *match, what, way);
    if (from != nullptr) from_way(*from, what, way);
    if (const TomlValue* unless = table.text("unless"))
      way.unless = patterns_.compile(*unless, "unless of " + what);
    steps(table, what, way);
    if (const auto limit = table.integer("max_chars", 1, 65536))
      way.max_chars = static_cast<std::size_t>(*limit);
    rule.ways.push_back(std::move(way));
  }

  void label_way(TableReader& table, const TomlValue& label, const std::string& what,
                 ValueRule& way) {
    way.kind = ValueRule::Kind::label;
    way.several_lines = table.boolean("lines").value_or(false);
    way.next_line = table.boolean("value_on_next_line").value_or(true);
    if (way.several_lines) way.max_chars = way.max_bytes;  // bytes are counted then
    const std::uint8_t separators = separators_of(table, what);
    const auto use = way.several_lines ? LabelTable::Use::text : LabelTable::Use::value;
    for (const std::string& text : patterns_.labels(label, "label of " + what))
      add(text, separators, use, label.position, way.labels);
    if (const TomlValue* value = table.text("value"))
      way.value = patterns_.compile(*value, "value of " + what);
    const TomlValue* until = table.text("until");
    if (until == nullptr) return;
    if (!way.several_lines)
      problems_.add(until->position, "until of " + what + " needs lines = true");
    for (const std::string& text : patterns_.labels(*until, "until of " + what))
      add(text, kAnySeparator, LabelTable::Use::terminator, until->position, way.until);
  }

  void add(const std::string& text, std::uint8_t separators, LabelTable::Use use,
           TomlPosition position, std::vector<LabelId>& ids) {
    if (labels_.size() >= limits_.labels) {
      if (!full_)
        problems_.add(position, "more than " + std::to_string(limits_.labels) + " labels");
      full_ = true;
      return;
    }
    ids.push_back(labels_.add(text, separators, use));
  }

  std::uint8_t separators_of(TableReader& table, const std::string& what) {
    const TomlValue* text = table.text("separator");
    if (text == nullptr) return separator_colon;
    unsigned separators = 0;
    const std::string& marks = text->as_string();
    for (std::size_t at = 0; at < marks.size();) {
      const char32_t c = next_code_point(marks, at);
      if (c == U':') separators |= separator_colon;
      if (c == U'-') separators |= separator_hyphen;
      if (c == 0x2013) separators |= separator_en_dash;
      if (c == 0x2014) separators |= separator_em_dash;
      if (c != U':' && c != U'-' && c != 0x2013 && c != 0x2014)
        problems_.add(text->position, "separator of " + what + " may hold : - – — only");
    }
    if (separators == 0) return separator_colon;
    return static_cast<std::uint8_t>(separators);
  }

  void pattern_way(TableReader& table, const TomlValue& match, const std::string& what,
                   ValueRule& way) {
    way.kind = ValueRule::Kind::pattern;
    way.pattern = patterns_.compile_with_group(match, "match of " + what);
    const TomlValue* in = table.text("in");
    if (in == nullptr) return;
    const std::string& place = in->as_string();
    if (place == "body") {
      way.place = ValueSource::body;
    } else if (place == "subject") {
      way.place = ValueSource::subject;
    } else if (place.starts_with("header ") && place.size() > 7) {
      way.place = ValueSource::header;
      way.header = to_lower(place.substr(7));
    } else {
      problems_.add(in->position, "in of " + what + " must be 'body', 'subject' or 'header NAME'");
    }
  }

  void from_way(const TomlValue& from, const std::string& what, ValueRule& way) {
    if (from.as_string() == "name") {
      way.kind = ValueRule::Kind::from_name;
    } else if (from.as_string() == "address") {
      way.kind = ValueRule::Kind::from_address;
    } else {
      problems_.add(from.position, "from of " + what + " must be 'name' or 'address'");
    }
  }

  void steps(TableReader& table, const std::string& what, ValueRule& way) {
    for (const TomlValue* word : table.strings("steps")) {
      if (const auto step = value_step(word->as_string())) {
        way.steps.push_back(*step);
      } else {
        problems_.add(word->position, "unknown step '" + word->as_string() + "' of " + what +
                                          "; known are: address, name, url, collapse, lower, "
                                          "upper, digits, inn, range");
      }
    }
  }

  const RuleLimits& limits_;
  LabelTable& labels_;
  PatternCompiler& patterns_;
  ProblemList& problems_;
  bool full_ = false;
};

}  // namespace

std::vector<FieldRule> read_fields(const TomlValue& table, const std::string& what,
                                   const RuleLimits& limits, LabelTable& labels,
                                   PatternCompiler& patterns, ProblemList& problems) {
  FieldReader reader(limits, labels, patterns, problems);
  std::vector<FieldRule> fields;
  // `contact = { phone = { … } }` and `contact.phone = { … }` are the field "contact.phone": a
  // table of tables is a group of fields.
  const auto is_way = [](const TomlValue& value) {
    return value.is_table() ||
           (value.is_array() && !value.as_array().empty() && value.as_array()[0].is_table());
  };
  const auto is_group = [&](const TomlValue& value) {
    return value.is_table() && std::ranges::all_of(value.as_table(), [&](const auto& entry) {
             return is_way(entry.value);
           });
  };
  for (const TomlValue::Entry& entry : table.as_table()) {
    if (!is_group(entry.value) || entry.value.as_table().empty()) {
      fields.push_back(reader.field(entry, what));
      continue;
    }
    for (const TomlValue::Entry& member : entry.value.as_table()) {
      TomlValue::Entry full = member;
      full.key = entry.key + "." + member.key;
      fields.push_back(reader.field(full, what));
    }
  }
  return fields;
}

}  // namespace c360::parsers
