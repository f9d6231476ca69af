#include "parsers/rule_match.h"

#include <algorithm>
#include <utility>

#include "daemon/base/text.h"
#include "parsers/rule_compiled.h"
#include "parsers/rule_extract.h"
#include "parsers/rule_reader.h"

namespace c360::parsers {

namespace {

std::string written(const Address& address) {
  return prepare_text(
      address.name.empty() ? address.address : address.name + " <" + address.address + ">",
      nullptr);
}

class Matcher {
 public:
  Matcher(const CompiledRules& rules, const Message& message, const PreparedText& prepared,
          const MatchOptions& options)
      : rules_(rules), message_(message), prepared_(prepared), options_(options) {}

  Extraction run() {
    extraction_.rule_set_version = rules_.set_version;
    extraction_.rule_set_sha256 = rules_.set_sha256;
    extraction_.rules = rules_.name;
    extraction_.truncated = prepared_.truncated;
    classify_subject();
    const Rule* decided = nullptr;
    for (const Rule& rule : rules_.rules) {
      if (decided != nullptr && !options_.trace) break;
      RuleTrace trace;
      std::optional<TargetReference> target;
      const bool matches = decides(rule, trace, target);
      if (options_.trace) {
        trace.rule = rule.name;
        trace.reached = decided == nullptr;
        trace.matched = matches;
        extraction_.trace.push_back(std::move(trace));
      }
      if (!matches || decided != nullptr) continue;
      decided = &rule;
      extraction_.target = std::move(target);
    }
    decide(decided);
    return std::move(extraction_);
  }

 private:
  void decide(const Rule* rule) {
    if (rule == nullptr) {
      extraction_.rule = kNoRule;
      extraction_.built_in = true;
      extraction_.action = RuleAction::quarantine;
      extraction_.reason = "no_rule";
      return;
    }
    extraction_.rule = rule->name;
    extraction_.built_in = rule->built_in;
    extraction_.action = rule->action;
    if (rule->creates && options_.target == CreateTarget::lead)
      extraction_.action = RuleAction::create_lead;
    extraction_.reason = rule->reason;
    extraction_.may_thread = rule->may_thread;
    if (!rule->fields.empty() || !rule->constants.empty() || !rules_.phrases.empty())
      extract_values(rules_, *rule, message_, prepared_, extraction_);
    if (options_.known_value) reject_unknown(*rule);
  }

  // A code that its directory does not have would cost the record: it is left out and told.
  void reject_unknown(const Rule& rule) {
    const std::string_view kind = record_kind(extraction_.action);
    const auto is_unknown = [&](const ExtractedValue& value) {
      constexpr std::string_view kContact = "contact.";
      const std::string_view field = value.field;
      return field.starts_with(kContact)
                 ? !options_.known_value("contact", field.substr(kContact.size()), value.value)
                 : !options_.known_value(kind, field, value.value);
    };
    std::string unknown;
    for (ExtractedValue& value : extraction_.values) {
      if (!is_unknown(value)) continue;
      unknown += (unknown.empty() ? "" : "; ") + value.field + " cannot be '" + value.value +
                 "' now: there is no such value";
      value.rejected = "unknown_value";
      extraction_.rejected.push_back(value);
    }
    if (unknown.empty()) return;
    std::erase_if(extraction_.values,
                  [](const ExtractedValue& value) { return value.rejected == "unknown_value"; });
    const auto trace = std::ranges::find(extraction_.trace, rule.name, &RuleTrace::rule);
    if (trace != extraction_.trace.end()) trace->detail = std::move(unknown);
  }

  static std::string_view record_kind(RuleAction action) {
    switch (action) {
      case RuleAction::create_deal:
        return "deal";
      case RuleAction::create_lead:
        return "lead";
      case RuleAction::create_support:
        return "support_request";
      case RuleAction::add_activity:
        return "activity";
      case RuleAction::add_comment:
        return "comment";
      case RuleAction::ignore:
      case RuleAction::quarantine:
        break;
    }
    return {};
  }

  // The first phrase of the table that stands in the subject, in one pass over it. A phrase begins
  // where a word begins: «Акция» is not in «Редакция договора».
  void classify_subject() {
    if (rules_.phrases.empty()) return;
    const std::string subject = comparable(prepared_.bare_subject());
    auto best = static_cast<std::uint32_t>(rules_.phrases.size());
    char32_t before = U' ';
    for (std::size_t begin = 0; begin < subject.size(); before = next_code_point(subject, begin)) {
      if (is_word_letter(before)) continue;
      std::uint32_t node = 0;
      for (std::size_t at = begin; at < subject.size();) {
        node = rules_.phrase_trie.step(node, next_code_point(subject, at));
        if (node == 0) break;
        for (const std::uint32_t phrase : rules_.phrase_trie.values(node))
          best = std::min(best, phrase);
      }
    }
    if (best == rules_.phrases.size()) return;
    extraction_.subject_category = rules_.phrases[best].category;
    extraction_.subject_phrase = rules_.phrases[best].phrase;
  }

  // -- conditions --------------------------------------------------------------------------------

  bool decides(const Rule& rule, RuleTrace& trace, std::optional<TargetReference>& target) {
    trace.conditions = static_cast<int>(rule.conditions.size()) + (rule.target ? 1 : 0);
    for (const Condition& condition : rule.conditions) {
      if (holds(condition)) {
        ++trace.conditions_met;
        continue;
      }
      trace.condition = condition.name;
      if (options_.trace) trace.detail = explained(condition);
      return false;
    }
    if (!rule.target) return true;
    target = find_target(rule);
    if (target) {
      ++trace.conditions_met;
      return true;
    }
    trace.condition = "target";
    trace.detail = "the subject names no record of a known kind";
    return false;
  }

  bool holds(const Condition& condition) {
    switch (condition.facet) {
      case Facet::from:
        return any_address(message_.from, *condition.pattern);
      case Facet::to:
        return any_address(message_.to, *condition.pattern) ||
               any_address(message_.cc, *condition.pattern);
      case Facet::subject:
        return subject_holds(condition);
      case Facet::subject_contains:
        return contains_words(condition);
      case Facet::subject_category:
        return has_category(condition);
      case Facet::body:
        return RE2::PartialMatch(prepared_.text, *condition.pattern);
      case Facet::header:
        return header_holds(condition);
      case Facet::any:
        return std::ranges::any_of(condition.groups, [&](const auto& group) { return all(group); });
      case Facet::none:
        return std::ranges::none_of(condition.groups,
                                    [&](const auto& group) { return all(group); });
      default:
        return flag(condition.facet) == condition.wanted;
    }
  }

  bool all(const std::vector<Condition>& conditions) {
    return std::ranges::all_of(conditions, [&](const Condition& one) { return holds(one); });
  }

  bool flag(Facet facet) const {
    switch (facet) {
      case Facet::auto_reply:
        return message_.is_auto_reply;
      case Facet::bounce:
        return message_.is_bounce;
      case Facet::list:
        return message_.is_list;
      case Facet::own_address:
        return is_own();
      case Facet::empty_body:
        return prepared_.is_empty;
      case Facet::reply:
        return !message_.in_reply_to.empty() || !message_.references.empty();
      case Facet::attachments:
        return std::ranges::any_of(message_.parts, &Part::is_attachment);
      default:
        return false;
    }
  }

  bool is_own() const {
    return std::ranges::any_of(message_.from, [&](const Address& from) {
      return std::ranges::any_of(options_.own_addresses, [&](const std::string& own) {
        return equal_ignoring_case(from.address, own);
      });
    });
  }

  static bool any_address(const std::vector<Address>& addresses, const RE2& pattern) {
    return std::ranges::any_of(addresses, [&](const Address& address) {
      return RE2::PartialMatch(written(address), pattern);
    });
  }

  bool subject_holds(const Condition& condition) {
    const std::string_view subject = prepared_.bare_subject();
    const re2::StringPiece piece(subject.data(), subject.size());
    if (rules_.subjects && condition.candidate >= 0) {
      if (!candidates_known_) find_candidates(piece);
      if (!candidates_.empty()) return candidates_[static_cast<std::size_t>(condition.candidate)];
    }
    return RE2::PartialMatch(piece, *condition.pattern);
  }

  // Left empty when the automaton ran out of memory: single patterns decide then.
  void find_candidates(const re2::StringPiece& subject) {
    candidates_known_ = true;
    std::vector<int> found;
    RE2::Set::ErrorInfo error{RE2::Set::kNoError};
    if (!rules_.subjects->Match(subject, &found, &error) && error.kind != RE2::Set::kNoError)
      return;
    candidates_.assign(rules_.subject_patterns, false);
    for (const int index : found) candidates_[static_cast<std::size_t>(index)] = true;
  }

  bool contains_words(const Condition& condition) {
    if (comparable_subject_.empty()) comparable_subject_ = comparable(prepared_.bare_subject());
    return std::ranges::any_of(condition.words, [&](const std::string& word) {
      return comparable_subject_.contains(word);
    });
  }

  bool has_category(const Condition& condition) const {
    if (extraction_.subject_category.empty()) return false;
    return std::ranges::any_of(condition.words, [&](const std::string& word) {
      return word == "any" || word == extraction_.subject_category;
    });
  }

  bool header_holds(const Condition& condition) const {
    return std::ranges::any_of(message_.headers, [&](const HeaderField& field) {
      return to_lower(field.name) == condition.header &&
             RE2::PartialMatch(prepare_text(field.body, nullptr), *condition.pattern);
    });
  }

  static std::string explained(const Condition& condition) {
    if (condition.pattern) return "nothing there matches " + condition.pattern->pattern();
    switch (condition.facet) {
      case Facet::subject_contains:
      case Facet::subject_category:
        return "not in the subject: " + join(condition.words, ", ");
      case Facet::any:
        return "no group of conditions holds";
      case Facet::none:
        return "a group of conditions holds that must not";
      default:
        return condition.wanted ? "is false, must be true" : "is true, must be false";
    }
  }

  // -- target
  // --------------------------------------------------------------------------------------

  std::optional<TargetReference> find_target(const Rule& rule) const {
    const TargetRule& wanted = *rule.target;
    const RE2& pattern = *rule.conditions[static_cast<std::size_t>(rule.subject_condition)].pattern;
    const std::string_view subject = prepared_.bare_subject();
    const int count = std::max(wanted.value_group, wanted.word_group) + 1;
    std::vector<re2::StringPiece> groups(static_cast<std::size_t>(count));
    if (!pattern.Match(re2::StringPiece(subject.data(), subject.size()), 0, subject.size(),
                       RE2::UNANCHORED, groups.data(), count))
      return {};
    const auto group = [&](int number) {
      const re2::StringPiece& found = groups[static_cast<std::size_t>(number)];
      return std::string_view(found.data(), found.size());
    };

    TargetReference target;
    target.kind = wanted.kind;
    target.search_field = wanted.search_field;
    target.value = group(wanted.value_group);
    if (target.value.empty()) return {};
    const auto begin =
        static_cast<std::size_t>(group(wanted.value_group).data() - prepared_.subject.data());
    target.subject = {begin, begin + target.value.size()};
    if (wanted.word_group == 0) return target;

    const std::string_view word = group(wanted.word_group);
    if (wanted.word_is_alias) {
      target.alias = word;
      return target;
    }
    const auto kind = std::ranges::find(wanted.kinds, comparable(word),
                                        &std::pair<std::string, std::string>::first);
    if (kind == wanted.kinds.end()) return {};
    target.kind = kind->second;
    return target;
  }

  const CompiledRules& rules_;
  const Message& message_;
  const PreparedText& prepared_;
  const MatchOptions& options_;
  Extraction extraction_;
  std::string comparable_subject_;
  std::vector<bool> candidates_;
  bool candidates_known_ = false;
};

}  // namespace

const ExtractedValue* Extraction::find(std::string_view field) const {
  const auto found = std::ranges::find(values, field, &ExtractedValue::field);
  return found == values.end() ? nullptr : &*found;
}

std::string_view Extraction::value(std::string_view field) const {
  const ExtractedValue* found = find(field);
  return found == nullptr ? std::string_view() : std::string_view(found->value);
}

std::vector<RuleTrace> nearest_rules(const std::vector<RuleTrace>& trace, std::size_t limit) {
  const auto share = [](const RuleTrace& rule) {
    return rule.conditions == 0 ? 0.0 : static_cast<double>(rule.conditions_met) / rule.conditions;
  };
  std::vector<RuleTrace> nearest;
  for (const RuleTrace& rule : trace) {
    if (rule.matched) continue;
    // Insertion keeps equals in order; std::stable_sort uses what clang 19 calls deprecated.
    const auto place =
        std::ranges::upper_bound(nearest, share(rule), std::ranges::greater{}, share);
    nearest.insert(place, rule);
    if (nearest.size() > limit) nearest.pop_back();
  }
  return nearest;
}

Extraction match(const RuleSet& set, std::string_view rules, const Message& message,
                 const PreparedText& prepared, const MatchOptions& options) {
  const CompiledRules* compiled = set.find(rules);
  if (compiled != nullptr) return Matcher(*compiled, message, prepared, options).run();
  Extraction nothing;
  nothing.rule_set_version = set.version();
  nothing.rule_set_sha256 = set.sha256();
  nothing.rules = rules;
  nothing.rule = kNoRule;
  nothing.built_in = true;
  nothing.reason = "no_rule";
  return nothing;
}

}  // namespace c360::parsers
