#include "parsers/rule_reader.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "daemon/base/text.h"
#include "parsers/prepared_text.h"
#include "parsers/rule_parts.h"

namespace c360::parsers {

namespace {

constexpr std::array<std::string_view, 4> kBuiltIn = {kAutoReplyRule, kBounceRule, kMailingListRule,
                                                      kOwnAddressRule};
// Names the ledger uses for what no rule file decides.
constexpr std::array<std::string_view, 8> kReserved = {
    kAutoReplyRule, kBounceRule, kMailingListRule, kOwnAddressRule,
    "already-seen", "discarded", "blocked-sender", kNoRule};
// domain.md 17.1.
constexpr std::array<std::string_view, 13> kQuarantineReasons = {
    "empty_body",     "no_rule",          "unknown_alias",     "target_not_found", "target_deleted",
    "unknown_sender", "ambiguous_target", "oversize",          "parse_error",      "charset_error",
    "loop_suspected", "too_many_retries", "attachment_blocked"};
constexpr std::array<std::string_view, 7> kActions = {
    "create_deal", "create_lead", "add_activity", "create_support",
    "add_comment", "ignore",      "quarantine"};

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 100 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

std::string listed(const auto& names) {
  return join(std::vector<std::string>(names.begin(), names.end()), ", ");
}

bool is_create(const Rule& rule) {
  return rule.action == RuleAction::create_deal || rule.action == RuleAction::create_lead;
}

std::vector<std::string_view> record_kinds(const Rule& rule) {
  if (rule.creates) return {"deal", "lead"};
  switch (rule.action) {
    case RuleAction::create_deal:
      return {"deal"};
    case RuleAction::create_lead:
      return {"lead"};
    case RuleAction::add_activity:
      return {"activity"};
    case RuleAction::create_support:
      return {"support_request"};
    case RuleAction::add_comment:
      return {"comment"};
    default:
      return {};
  }
}

class FileReader {
 public:
  FileReader(const RuleSource& source, const TomlValue& document, const RuleSetOptions& options,
             std::size_t& rule_budget, std::vector<FileProblem>& problems)
      : source_(source),
        document_(document),
        options_(options),
        rule_budget_(rule_budget),
        problems_(source.name, problems),
        patterns_(source.text, options.limits, problems_) {}

  void read() {
    TableReader table(document_, "this file", problems_);
    rules_->file = source_.name;
    const auto version = table.integer("version", 1, 1'000'000'000);
    if (!version) missing(table, "version", "version = 1");
    rules_->version = version.value_or(0);
    read_mailbox(table);
    read_phrases(table);
    read_forms(table);
    read_built_in(table);
    read_rule_list(table);
    check_reachable();
    compile_candidates();
  }

  std::unique_ptr<CompiledRules> take() { return std::move(rules_); }

 private:
  void missing(const TableReader& table, const std::string& key, const std::string& sample) {
    if (!already_reported(key))
      problems_.add(table.position(),
                    "'" + key + "' is missing in " + table.what() + ", such as: " + sample);
  }
  // A key that is there with a wrong value was reported by the table reader.
  bool already_reported(std::string_view key) const { return document_.find(key) != nullptr; }

  void read_mailbox(TableReader& table) {
    const TomlValue* mailbox = table.text("mailbox");
    if (mailbox == nullptr) {
      missing(table, "mailbox", "mailbox = 'crm'");
    } else if (!is_word(mailbox->as_string())) {
      problems_.add(mailbox->position, "a mailbox kind is a word of a-z, 0-9, '-', '_'");
    } else {
      rules_->mailbox_kind = mailbox->as_string();
    }
    rules_->name = rules_->mailbox_kind;
    const TomlValue* name = table.text("name");
    if (name == nullptr) return;
    if (!is_word(name->as_string()))
      problems_.add(name->position, "the name of a file's rules is a word of a-z, 0-9, '-', '_'");
    rules_->name = name->as_string();
  }

  void read_phrases(TableReader& table) {
    const TomlValue* array = table.array("subject");
    if (array == nullptr) return;
    for (const TomlValue& item : array->as_array()) {
      if (!item.is_table()) {
        problems_.add(item.position, "'subject' must be written as [[subject]]");
        continue;
      }
      TableReader entry(item, "a [[subject]] entry", problems_);
      const TomlValue* category = entry.text("category");
      if (category == nullptr) problems_.add(item.position, "a [[subject]] needs a category");
      if (category != nullptr)
        state_value("deal", "request_category_code", category->as_string(), category->position);
      for (const TomlValue* phrase : entry.strings("contains"))
        add_phrase(*phrase, category == nullptr ? "" : category->as_string());
    }
  }

  void add_phrase(const TomlValue& phrase, const std::string& category) {
    const std::string text = comparable(prepare_text(phrase.as_string(), nullptr));
    if (text.empty()) {
      problems_.add(phrase.position, "an empty phrase is in every subject");
      return;
    }
    std::u32string letters;
    for (std::size_t at = 0; at < text.size();) letters.push_back(next_code_point(text, at));
    rules_->phrase_trie.add(letters, static_cast<std::uint32_t>(rules_->phrases.size()));
    rules_->phrases.push_back({phrase.as_string(), category});
  }

  void state_value(std::string_view kind, const std::string& field, const std::string& value,
                   TomlPosition position) {
    if (options_.known_value && !options_.known_value(kind, field, value))
      problems_.add(position,
                    "'" + value + "' cannot be a value of " + std::string(kind) + " " + field);
    rules_->stated_values.push_back({std::string(kind), field, value, source_.name, position});
  }

  void read_forms(TableReader& table) {
    const TomlValue* forms = table.table("form");
    if (forms == nullptr) return;
    for (const TomlValue::Entry& entry : forms->as_table()) {
      if (!entry.value.is_table()) {
        problems_.add(entry.value.position, "a form is a table: [form." + entry.key + "]");
        continue;
      }
      forms_.emplace_back(entry.key, &entry.value);
      // Compiled once to report mistakes even where no rule uses it.
      read_fields(entry.value, "form '" + entry.key + "'", options_.limits, rules_->labels,
                  patterns_, problems_);
    }
  }

  void read_built_in(TableReader& table) {
    std::set<std::string> without;
    for (const TomlValue* name : table.strings("without")) {
      if (std::ranges::find(kBuiltIn, name->as_string()) == kBuiltIn.end())
        problems_.add(name->position, "'" + name->as_string() +
                                          "' is no built-in rule; there are " + listed(kBuiltIn));
      without.insert(name->as_string());
    }
    constexpr std::array kFacets = {Facet::auto_reply, Facet::bounce, Facet::list,
                                    Facet::own_address};
    constexpr std::array<std::string_view, 4> kConditions = {"when.auto_reply", "when.bounce",
                                                             "when.list", "when.own_address"};
    for (std::size_t i = 0; i < kBuiltIn.size(); ++i) {
      if (without.contains(std::string(kBuiltIn[i]))) continue;
      Rule rule;
      rule.name = kBuiltIn[i];
      rule.built_in = true;
      rule.action = RuleAction::ignore;
      Condition condition;
      condition.name = kConditions[i];
      condition.facet = kFacets[i];
      rule.conditions.push_back(std::move(condition));
      rules_->rules.push_back(std::move(rule));
    }
  }

  void read_rule_list(TableReader& table) {
    const TomlValue* list = table.array("rule");
    if (list == nullptr) {
      missing(table, "rule", "[[rule]] with name, when and action");
      return;
    }
    for (const TomlValue& item : list->as_array()) {
      if (!item.is_table()) {
        problems_.add(item.position, "'rule' must be written as [[rule]]");
        continue;
      }
      if (rule_budget_ == 0) {
        problems_.add(item.position,
                      "more than " + std::to_string(options_.limits.rules) + " rules in the set");
        return;
      }
      --rule_budget_;
      read_rule(item);
    }
  }

  void read_rule(const TomlValue& item) {
    const TomlValue* given = item.find("name");
    const std::string name =
        given != nullptr && given->is_string() ? given->as_string() : std::string();
    const std::string what = "rule '" + name + "'";
    TableReader table(item, what, problems_);
    Rule rule;
    rule.name = table.string("name").value_or("");
    rule.position = item.position;
    check_name(rule.name, position_of(given, item.position));
    const bool enabled = table.boolean("enabled").value_or(true);
    read_action(table, rule);
    if (const TomlValue* when = table.table("when"))
      rule.conditions = read_conditions(*when, what, patterns_, problems_);
    read_target(table, rule);
    read_constants(table, rule);
    read_rule_fields(table, rule);
    rule.may_thread = table.boolean("thread").value_or(is_create(rule) ||
                                                       rule.action == RuleAction::create_support);
    if (const TomlValue* examples = table.array("example")) {
      for (const TomlValue& example : examples->as_array()) {
        if (!example.is_table()) {
          problems_.add(example.position, "an example is written as [[rule.example]]");
        } else if (RuleExample read = read_example(example, rule.name, problems_); enabled) {
          rules_->examples.push_back(std::move(read));
        }
      }
    }
    if (enabled) rules_->rules.push_back(std::move(rule));
  }

  void check_name(const std::string& name, TomlPosition position) {
    if (!is_word(name)) {
      problems_.add(position, "a rule needs a name of a-z, 0-9, '-', '_', at most 100 characters");
    } else if (std::ranges::find(kReserved, name) != kReserved.end()) {
      problems_.add(position, "the name '" + name + "' is the program's own; reserved are " +
                                  listed(kReserved));
    } else if (!names_.insert(name).second) {
      problems_.add(position, "there are two rules named '" + name + "' in this file");
    }
  }

  void read_action(TableReader& table, Rule& rule) {
    const TomlValue* action = table.text("action");
    const TomlValue* reason = table.text("reason");
    if (action == nullptr) {
      problems_.add(table.position(),
                    table.what() + " needs an action: create, " + listed(kActions));
      return;
    }
    const auto* known = std::ranges::find(kActions, action->as_string());
    if (action->as_string() == "create") {
      rule.creates = true;
      rule.action = RuleAction::create_deal;
    } else if (known != kActions.end()) {
      rule.action = static_cast<RuleAction>(known - kActions.begin());
    } else {
      problems_.add(action->position, "unknown action '" + action->as_string() +
                                          "'; known are: create, " + listed(kActions));
    }
    read_reason(table, reason, rule);
  }

  void read_reason(const TableReader& table, const TomlValue* reason, Rule& rule) {
    if (reason != nullptr) rule.reason = reason->as_string();
    if (rule.action == RuleAction::quarantine) {
      if (std::ranges::find(kQuarantineReasons, rule.reason) == kQuarantineReasons.end())
        problems_.add(position_of(reason, table.position()),
                      "quarantine needs a reason: " + listed(kQuarantineReasons));
    } else if (reason != nullptr) {
      problems_.add(reason->position, "only quarantine has a reason");
    }
  }

  // -- target ------------------------------------------------------------------------------------

  void read_target(TableReader& table, Rule& rule) {
    const TomlValue* value = table.table("target");
    const bool needed =
        rule.action == RuleAction::add_activity || rule.action == RuleAction::add_comment;
    if (value == nullptr) {
      if (needed)
        problems_.add(table.position(), table.what() +
                                            " needs a target, such as: target = { kind "
                                            "= 'deal', number = 'subject.1' }");
      return;
    }
    if (!needed) problems_.add(value->position, "only add_activity and add_comment have a target");
    const auto subject = std::ranges::find_if(rule.conditions, [](const Condition& condition) {
      return condition.facet == Facet::subject && condition.pattern;
    });
    if (subject == rule.conditions.end()) {
      problems_.add(value->position,
                    "a target is read from the subject: the rule needs "
                    "when.subject with a group");
      return;
    }
    rule.subject_condition = static_cast<int>(subject - rule.conditions.begin());
    rule.target = target_of(*value, *subject->pattern, "target of " + table.what());
  }

  TargetRule target_of(const TomlValue& value, const RE2& subject, const std::string& what) {
    TableReader table(value, what, problems_);
    TargetRule target;
    target.kind = table.string("kind").value_or("");
    const TomlValue* number = table.text("number");
    const TomlValue* wanted = table.text("value");
    const TomlValue* alias = table.text("alias");
    const TomlValue* word = table.text("word");
    target.search_field = table.string("field").value_or(number != nullptr ? "number" : "");
    if ((number != nullptr) == (wanted != nullptr))
      problems_.add(value.position, what + " needs exactly one of number, value");
    if (const TomlValue* place = number != nullptr ? number : wanted)
      target.value_group = group_of(*place, subject, what);
    if (const TomlValue* place = alias != nullptr ? alias : word)
      target.word_group = group_of(*place, subject, what);
    target.word_is_alias = alias != nullptr;
    if (const TomlValue* kinds = table.table("kinds")) {
      for (const TomlValue::Entry& entry : kinds->as_table()) {
        if (!entry.value.is_string()) {
          problems_.add(entry.value.position, "a kind is a string");
          continue;
        }
        target.kinds.emplace_back(comparable(entry.key), entry.value.as_string());
      }
    }
    if ((!target.kind.empty()) + (alias != nullptr) + (word != nullptr) != 1)
      problems_.add(value.position, what + " needs exactly one of kind, alias, word");
    if (word != nullptr && target.kinds.empty())
      problems_.add(word->position, what + " has a word, so it needs kinds = { 'word' = 'kind' }");
    return target;
  }

  // "subject" is group 1, "subject.2" and "subject.name" are what they say.
  int group_of(const TomlValue& place, const RE2& subject, const std::string& what) {
    std::string_view text = place.as_string();
    if (text == "subject") text = "subject.1";
    if (!text.starts_with("subject.")) {
      problems_.add(place.position, "'" + std::string(text) + "' in " + what +
                                        " must be 'subject', 'subject.2' or 'subject.name'");
      return 1;
    }
    const auto group = group_number(subject, text.substr(8));
    if (!group)
      problems_.add(place.position, "when.subject has no group '" + std::string(text.substr(8)) +
                                        "': put the wanted part into ( ) or (?P<name>…)");
    return group.value_or(1);
  }

  // -- fields ------------------------------------------------------------------------------------

  void read_constants(TableReader& table, Rule& rule) {
    const TomlValue* set = table.table("set");
    if (set == nullptr) return;
    for (const TomlValue::Entry& entry : set->as_table()) {
      const TomlValue& value = entry.value;
      std::string text;
      if (value.is_string()) text = value.as_string();
      if (value.is_integer()) text = std::to_string(value.as_integer());
      if (value.is_bool()) text = value.as_bool() ? "true" : "false";
      if (!value.is_string() && !value.is_integer() && !value.is_bool())
        problems_.add(value.position, "'" + entry.key + "' in set of " + table.what() +
                                          " must be a string, a whole number, true or false");
      check_field(rule, entry.key, entry.key_position);
      const bool of_contact = entry.key.starts_with("contact.");
      if (of_contact) state_value("contact", entry.key.substr(8), text, value.position);
      for (const std::string_view kind : record_kinds(rule))
        if (!of_contact) state_value(kind, entry.key, text, value.position);
      rule.constants.emplace_back(entry.key, std::move(text));
    }
  }

  void read_rule_fields(TableReader& table, Rule& rule) {
    if (const TomlValue* extract = table.table("extract"))
      rule.fields = read_fields(*extract, "extract of " + table.what(), options_.limits,
                                rules_->labels, patterns_, problems_);
    if (const TomlValue* name = table.text("form")) add_form(*name, rule);
    for (const FieldRule& field : rule.fields) check_field(rule, field.field, field.position);
    const bool nothing_made = record_kinds(rule).empty();
    if (nothing_made && (!rule.fields.empty() || !rule.constants.empty()))
      problems_.add(table.position(), table.what() + " makes no record, so it has no fields");
  }

  // Fields of the form that the rule does not give itself.
  void add_form(const TomlValue& name, Rule& rule) {
    const auto form = std::ranges::find(forms_, name.as_string(),
                                        &std::pair<std::string, const TomlValue*>::first);
    if (form == forms_.end()) {
      problems_.add(name.position, "there is no [form." + name.as_string() + "] in this file");
      return;
    }
    std::vector<FileProblem> known;  // reported when the form was read
    ProblemList ignored(source_.name, known);
    PatternCompiler patterns(source_.text, options_.limits, ignored);
    for (FieldRule& field : read_fields(*form->second, "form '" + form->first + "'",
                                        options_.limits, rules_->labels, patterns, ignored)) {
      if (std::ranges::find(rule.fields, field.field, &FieldRule::field) == rule.fields.end())
        rule.fields.push_back(std::move(field));
    }
  }

  void check_field(const Rule& rule, const std::string& field, TomlPosition position) {
    const bool of_contact = field.starts_with("contact.");
    const bool kept_only = field.starts_with("form.");
    std::string_view name = field;
    if (of_contact) name.remove_prefix(8);
    if (kept_only) name.remove_prefix(5);
    if (!is_word(name) || name.contains('.')) {
      problems_.add(position, "'" + field + "' is no field name");
      return;
    }
    // Clues to the counterparty: used for matching, not stored in the record.
    const bool clue = is_create(rule) && (field == "inn" || field == "kpp");
    if (kept_only || clue || !options_.known_field) return;
    std::vector<std::string_view> kinds = record_kinds(rule);
    if (of_contact) kinds = {"contact"};
    for (const std::string_view kind : kinds) {
      if (options_.known_field(kind, name)) continue;
      problems_.add(position, "a " + std::string(kind) + " has no field '" + std::string(name) +
                                  "'; 'form." + std::string(name) +
                                  "' would keep it with the mail only");
      return;
    }
  }

  // -- the file as a whole
  // -------------------------------------------------------------------------

  void check_reachable() {
    const Rule* all = nullptr;
    for (const Rule& rule : rules_->rules) {
      if (all != nullptr)
        problems_.add(rule.position, "rule '" + rule.name + "' is never reached: '" + all->name +
                                         "' above it has no conditions");
      if (all == nullptr && rule.conditions.empty()) all = &rule;
    }
    for (const RuleExample& example : rules_->examples)
      if (example.rule != kNoRule &&
          std::ranges::find(rules_->rules, example.rule, &Rule::name) == rules_->rules.end())
        problems_.add(example.position, "there is no rule '" + example.rule + "' in this file");
  }

  // One automaton tells which subject patterns can match; below that many rules the patterns
  // themselves are as fast.
  void compile_candidates() {
    constexpr std::size_t kWorthwhile = 12;
    constexpr std::int64_t kMemory = std::int64_t{64} << 20U;
    std::vector<Condition*> conditions;
    for (Rule& rule : rules_->rules)
      for (Condition& condition : rule.conditions)
        if (condition.facet == Facet::subject && condition.pattern)
          conditions.push_back(&condition);
    if (conditions.size() < kWorthwhile) return;
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kMemory);
    auto set = std::make_unique<RE2::Set>(options, RE2::UNANCHORED);
    for (const Condition* condition : conditions)
      if (set->Add(condition->pattern->pattern(), nullptr) < 0) return;
    if (!set->Compile()) return;  // out of memory: single patterns then
    for (std::size_t i = 0; i < conditions.size(); ++i)
      conditions[i]->candidate = static_cast<int>(i);
    rules_->subjects = std::move(set);
    rules_->subject_patterns = conditions.size();
  }

  const RuleSource& source_;
  const TomlValue& document_;
  const RuleSetOptions& options_;
  std::size_t& rule_budget_;
  ProblemList problems_;
  PatternCompiler patterns_;
  std::unique_ptr<CompiledRules> rules_ = std::make_unique<CompiledRules>();
  std::vector<std::pair<std::string, const TomlValue*>> forms_;
  std::set<std::string> names_;
};

}  // namespace

std::unique_ptr<CompiledRules> read_rules(const RuleSource& source, const RuleSetOptions& options,
                                          std::size_t& rule_budget,
                                          std::vector<FileProblem>& problems) {
  const auto document = parse_toml(source.text, source.name, options.limits.file_bytes);
  if (!document) {
    problems.push_back(document.error());
    return nullptr;
  }
  const std::size_t before = problems.size();
  FileReader reader(source, *document, options, rule_budget, problems);
  reader.read();
  return problems.size() == before ? reader.take() : nullptr;
}

}  // namespace c360::parsers
