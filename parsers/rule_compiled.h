// Rules of one mailbox kind as matching needs them; made by rule_reader, used by rule_match.
#pragma once

#include <re2/re2.h>
#include <re2/set.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/toml.h"
#include "parsers/label_lines.h"
#include "parsers/rule_match.h"
#include "parsers/value_steps.h"

namespace c360::parsers {

using Pattern = std::unique_ptr<const RE2>;

// What a condition looks at.
enum class Facet : std::uint8_t {
  from,              // pattern on "name <address>" of any From address
  to,                // the same of To and Cc
  subject,           // pattern on the bare subject
  subject_contains,  // words, compared as subjects are
  subject_category,  // codes of the subject table; "any" is every code
  body,              // pattern on the prepared text
  header,            // pattern on the body of any field of that name
  auto_reply,        // flags from here on
  bounce,
  list,
  own_address,
  empty_body,
  reply,  // In-Reply-To or References
  attachments,
  any,   // one group of conditions holds
  none,  // no group of conditions holds
};

struct Condition {
  std::string name;  // "when.subject", "when.header.X-Form"
  Facet facet = Facet::subject;
  Pattern pattern;
  std::string header;  // lower case
  bool wanted = true;  // of a flag
  std::vector<std::string> words;
  std::vector<std::vector<Condition>> groups;
  int candidate = -1;  // index in CompiledRules::subjects, when it is there
};

// One way to find the value of a field.
struct ValueRule {
  enum class Kind : std::uint8_t { label, pattern, from_name, from_address };
  Kind kind = Kind::label;
  std::vector<LabelId> labels;
  bool next_line = true;
  bool several_lines = false;
  std::vector<LabelId> until;  // what ends a value of several lines
  Pattern value;               // the value is its group 1 (or all of it) at the value's beginning
  Pattern pattern;
  ValueSource place = ValueSource::body;  // of the pattern
  std::string header;                     // lower case
  // The value is not taken where this is found in it as written, or in "name <address>" of From.
  Pattern unless;
  std::vector<ValueStep> steps;
  std::size_t max_chars = 1000;
  std::size_t max_bytes = std::size_t{64} << 10U;
};

struct FieldRule {
  std::string field;
  std::vector<ValueRule> ways;  // the first that gives a value wins
  TomlPosition position;
};

// Where a target's word or value stands: a group of the rule's subject pattern.
struct TargetRule {
  std::string kind;
  std::string search_field;
  int value_group = 1;
  int word_group = 0;  // 0: no word
  bool word_is_alias = false;
  std::vector<std::pair<std::string, std::string>> kinds;  // comparable word -> record kind
};

struct Rule {
  std::string name;
  bool built_in = false;
  bool creates = false;  // `create`: the mailbox's target decides
  RuleAction action = RuleAction::quarantine;
  std::string reason;
  std::vector<Condition> conditions;
  int subject_condition = -1;  // the condition whose groups the target uses
  std::optional<TargetRule> target;
  std::vector<std::pair<std::string, std::string>> constants;
  std::vector<FieldRule> fields;
  bool may_thread = false;
  TomlPosition position;
};

struct SubjectPhrase {
  std::string phrase;  // as written
  std::string category;
};

// One example: a mail and what must come out.
struct RuleExample {
  std::string rule;  // that must decide
  std::string mail;  // name of a source; empty: inline
  Message message;
  std::vector<std::string> own_addresses;
  std::vector<std::pair<std::string, std::string>> expected;  // field -> value
  std::vector<std::string> absent;
  std::optional<std::string> action, reason, category, target_kind, target_alias, target_value;
  TomlPosition position;
};

struct CompiledRules {
  std::string name;  // by which mailboxes choose the file; the kind, unless it says another
  std::string mailbox_kind;
  std::string file;
  std::int64_t version = 0;
  Sha256 set_sha256{};
  std::int64_t set_version = 0;
  std::vector<Rule> rules;
  LabelTable labels;
  std::vector<SubjectPhrase> phrases;  // in the order in which they decide
  WordTrie phrase_trie;                // comparable phrases -> index in `phrases`
  // All subject patterns at once, where there are many: which rules are worth a look.
  std::unique_ptr<RE2::Set> subjects;
  std::size_t subject_patterns = 0;
  std::vector<RuleExample> examples;
  std::vector<StatedValue> stated_values;
};

}  // namespace c360::parsers
