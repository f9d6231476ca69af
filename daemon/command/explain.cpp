#include "daemon/command/explain.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <vector>

#include "daemon/base/json_lookup.h"
#include "daemon/base/text.h"

namespace c360::daemon::command {

namespace {

constexpr std::size_t kValueCharacters = 48;  // of a value in the table; the text has the rest

// ECMA-48: black letters on colours that read on light and dark terminals.
constexpr std::array<std::string_view, 6> kMarks = {"\033[30;43m", "\033[30;42m", "\033[30;46m",
                                                    "\033[30;45m", "\033[30;47m", "\033[30;44m"};
constexpr std::string_view kFaint = "\033[2m";
constexpr std::string_view kPlain = "\033[0m";

const Json::Array& list_of(const Json& json, std::string_view name) {
  static const Json::Array kNone;
  const Json* value = member(json, name);
  return value != nullptr && value->is_array() ? value->as_array() : kNone;
}

std::string shortened(const std::string& text) {
  if (utf8_length(text) <= kValueCharacters) return text;
  std::size_t at = 0;
  for (std::size_t i = 0; i + 1 < kValueCharacters; ++i) next_code_point(text, at);
  return text.substr(0, at) + "…";
}

struct Mark {
  std::size_t number = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Those that stand in `where`, but not those that are the whole text.
std::vector<Mark> marks_in(const Json::Array& fields, std::string_view where) {
  std::vector<Mark> marks;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Json* place = member(fields[i], "prepared");
    if (place == nullptr || text_of(*place, "in") != where) continue;
    if (member(fields[i], "value") == nullptr) continue;
    marks.push_back({i + 1, offset_of(*place, "begin"), offset_of(*place, "end")});
  }
  return marks;
}

std::string marked_piece(std::string_view text, std::size_t number, const std::string& numbers,
                         const Style& style) {
  const std::string safe = printable_lines(text);
  if (!style.colours) return fmt::format("[{}:{}]", numbers, safe);
  // A colour ends with its line: some terminals paint the rest of the screen otherwise.
  const std::string_view colour = kMarks[number % kMarks.size()];
  std::string coloured{colour};
  for (const char c : safe) {
    if (c == '\n') coloured.append(kPlain).append("\n").append(colour);
    if (c != '\n') coloured.push_back(c);
  }
  return coloured + std::string(kPlain) + std::string(kFaint) + numbers + std::string(kPlain);
}

std::string marked(const std::string& text, const std::vector<Mark>& marks, const Style& style) {
  std::vector<std::size_t> cuts = {0, text.size()};
  for (const Mark& mark : marks)
    for (const std::size_t at : {mark.begin, mark.end}) cuts.push_back(std::min(at, text.size()));
  std::ranges::sort(cuts);
  const auto repeated = std::ranges::unique(cuts);
  cuts.erase(repeated.begin(), repeated.end());
  std::string shown;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    const std::string_view piece = std::string_view(text).substr(cuts[i], cuts[i + 1] - cuts[i]);
    std::size_t first = 0;
    std::string numbers;
    for (const Mark& mark : marks) {
      if (mark.begin > cuts[i] || mark.end < cuts[i + 1]) continue;
      if (first == 0) first = mark.number;
      numbers += fmt::format("{}{}", numbers.empty() ? "" : ",", mark.number);
    }
    shown += first == 0 ? printable_lines(piece) : marked_piece(piece, first, numbers, style);
  }
  return shown;
}

std::string heading(const Json& explanation) {
  const Json* mail = member(explanation, "mail");
  const Json* outcome = member(explanation, "outcome");
  if (mail == nullptr || outcome == nullptr) return {};
  std::string what = text_of(*outcome, "code");
  if (what.empty()) what = text_of(*outcome, "state");
  std::string line =
      fmt::format("mail {} in {}: {}", text_of(*mail, "id"), text_of(*mail, "mailbox"), what);
  if (const Json* record = member(*outcome, "record"))
    line += fmt::format(" ({} {})", text_of(*record, "kind"), text_of(*record, "id"));
  if (const std::string rule = text_of(*outcome, "rule"); !rule.empty())
    line += fmt::format(", rule {}", rule);
  if (const Json* set = member(*outcome, "rule_set"))
    line += fmt::format(" of rule set {}", text_of(*set, "version"));
  if (const Json* same = member(explanation, "reproduced");
      same != nullptr && same->is_bool() && !same->as_bool())
    line += "; reading it again today gives something else";
  return printable(line) + '\n' +
         printable(fmt::format("from {} <{}>, {}", text_of(*mail, "from_name"),
                               text_of(*mail, "from_address"), text_of(*mail, "date"))) +
         '\n';
}

std::string why_not(const Json& explanation, const Style& style) {
  const Json* why = member(explanation, "why_not");
  if (why == nullptr) return {};
  std::string text =
      printable(fmt::format("\nwhy it made nothing: {}: {} {}", text_of(*why, "stage"),
                            text_of(*why, "reason"), text_of(*why, "detail"))) +
      '\n';
  if (const std::string next = text_of(*why, "would_match"); !next.empty())
    text += printable(fmt::format("without that the rule {} would have taken it", next)) + '\n';
  if (list_of(*why, "nearest").empty()) return text;
  Table table{{"NEAREST RULE", "MET", "FIRST THAT FAILED", "BECAUSE"}, {}};
  for (const Json& rule : list_of(*why, "nearest"))
    table.add({text_of(rule, "rule"),
               fmt::format("{}/{}", text_of(rule, "conditions_met"), text_of(rule, "conditions")),
               {text_of(rule, "condition"), Tone::warning},
               text_of(rule, "detail")});
  return text + '\n' + render(table, style);
}

std::string text_part(const Json& explanation, const Style& style) {
  const Json* text = member(explanation, "text");
  if (text == nullptr) return {};
  const Json::Array& fields = list_of(explanation, "fields");
  std::string shown = fmt::format(
      "\nsubject: {}\n", marked(text_of(*text, "subject"), marks_in(fields, "subject"), style));
  shown += printable(fmt::format("part {}, {}, {}, charset {} ({})", text_of(*text, "part"),
                                 text_of(*text, "media_type"), text_of(*text, "transfer_encoding"),
                                 text_of(*text, "charset"), text_of(*text, "charset_path"))) +
           "\n\n" + marked(text_of(*text, "body"), marks_in(fields, "body"), style);
  if (!shown.ends_with('\n')) shown += '\n';
  return shown;
}

std::string raw_place(const Json& field) {
  const Json* place = member(field, "raw_mail");
  std::string text;
  if (place != nullptr)
    text = fmt::format("{}-{}", text_of(*place, "begin"), text_of(*place, "end"));
  const std::string reason = text_of(field, "raw_mail_reason");
  if (reason.empty()) return text;
  return text.empty() ? reason : text + " " + reason;
}

std::string table_of(const Json::Array& fields, const Style& style) {
  Table table{{"", "FIELD", "OF", "VALUE", "FROM", "RAW BYTES", "HOW"}, {}};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Json& field = fields[i];
    std::string from = text_of(field, "source");
    for (const std::string_view more : {"header", "part"})
      if (const std::string text = text_of(field, more); !text.empty()) from += " " + text;
    std::string how = text_of(field, "rejected");
    for (const Json& step : list_of(field, "transformations"))
      how += (how.empty() ? "" : " ") + (step.is_string() ? step.as_string() : std::string());
    const std::string value =
        member(field, "value") == nullptr ? "(the whole text)" : text_of(field, "value");
    table.add({std::to_string(i + 1), text_of(field, "field"), text_of(field, "record_kind"),
               shortened(value), from, raw_place(field), how});
  }
  return render(table, style);
}

}  // namespace

std::string render_explanation(const Json& explanation, const Style& style) {
  std::string text =
      heading(explanation) + why_not(explanation, style) + text_part(explanation, style);
  if (const auto& fields = list_of(explanation, "fields"); !fields.empty())
    text += '\n' + table_of(fields, style);
  if (const auto& unusable = list_of(explanation, "unusable"); !unusable.empty())
    text += "\nfound, but not usable\n" + table_of(unusable, style);
  for (const Json& note : list_of(explanation, "notes"))
    if (note.is_string()) text += '\n' + printable(note.as_string()) + '\n';
  return text;
}

}  // namespace c360::daemon::command
