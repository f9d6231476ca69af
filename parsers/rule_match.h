// What a rule set makes of a mail: a pure function of mail, set and options, so that the same mail
// gives the same result in a replay, a backtest and a dry run. No clock, no database.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "parsers/message.h"
#include "parsers/prepared_text.h"
#include "parsers/reply.h"
#include "parsers/rule_set.h"

namespace c360::parsers {

enum class CreateTarget : std::uint8_t { deal, lead };

struct MatchOptions {
  CreateTarget target = CreateTarget::deal;  // what `action = 'create'` makes
  std::vector<std::string> own_addresses;    // our own senders, any letter case
  bool trace = false;                        // fill Extraction::trace for every rule
  // Whether `value` may be stored in `field` of records of `kind` now, such as a code that is in
  // its directory. Unset: every value may. What may not is kept in Extraction::rejected as
  // "unknown_value". A pure function while one mail is matched.
  std::function<bool(std::string_view kind, std::string_view field, std::string_view value)>
      known_value;
};

enum class ValueSource : std::uint8_t {
  body,          // a label or pattern in the text
  subject,       // a pattern in the subject
  header,        // a pattern in a header field
  from_name,     // display name of From
  from_address,  // address of From
  rule,          // a constant of the rule (`set.…`)
  derived,       // made from other values, such as number_of_users_min, or the category
};
std::string_view to_string(ValueSource source);

// One field of the record to be, and where it comes from.
struct ExtractedValue {
  std::string field;  // registry name: "company_text", "contact.phone"; "form.…": only kept here
  std::string value;
  std::string raw;  // before the transformations
  ValueSource source = ValueSource::body;
  std::string header;  // the header field's name, for ValueSource::header
  Span prepared;       // of `raw` in PreparedText::text or ::subject; the last may hold more
  Span text;           // the same in Message::body.text or ::subject
  Span part_span;      // the same in the decoded bytes of the part; body only
  std::string part;    // Part::path; body only
  // In order: "next_line", "collapsed", "unquoted", "cut", "address", "range", …
  std::vector<std::string> transformations;
  // Why the value is not usable, such as "not_an_address" or "unknown_value"; else empty.
  std::string rejected;
};

// The record a mail speaks of: found by its number, or by an alias of the activity mailbox.
struct TargetReference {
  std::string kind;          // record kind; empty when only the alias is known
  std::string alias;         // as written in the mail: «Сделка», "deal"
  std::string search_field;  // "number"; empty when the alias decides
  std::string value;         // as written
  Span subject;              // of the value in PreparedText::subject
};

// Why one rule did not decide.
struct RuleTrace {
  std::string rule;
  bool matched = false;
  bool reached = true;    // false behind the rule that decided: looked at for the trace only
  std::string condition;  // the first that failed, such as "when.subject"; empty when matched
  std::string detail;     // what was wanted and what was found, for a person
  int conditions_met = 0;
  int conditions = 0;
};

struct Extraction {
  std::int64_t rule_set_version = 0;
  Sha256 rule_set_sha256{};
  std::string rules;  // name of the file's rules that looked at the mail (RuleFileSummary::rules)
  std::string rule;   // name of the rule that decided; "no-rule" when none did
  bool built_in = false;
  RuleAction action = RuleAction::quarantine;
  std::string reason;  // of quarantine and ignore: "empty_body", "no_rule", …
  std::optional<TargetReference> target;
  // One entry per field that has a value, constants and derived ones included.
  std::vector<ExtractedValue> values;
  // Found, but unusable: kept to explain.
  std::vector<ExtractedValue> rejected;
  std::string subject_category;  // by the subject table (domain.md 18.3); empty: not recognised
  std::string subject_phrase;    // the string of the table that was found
  // Of BodyText::text, where it quotes another mail.
  ReplySplit reply;
  std::optional<Address> original_sender;  // of a forward
  bool may_thread = false;       // a reply to a mail we know belongs to that mail's record instead
  bool truncated = false;        // the text was longer than what rules look at
  std::vector<RuleTrace> trace;  // with MatchOptions::trace: nearest first is the caller's choice

  // nullptr when the field has no value.
  const ExtractedValue* find(std::string_view field) const;
  // The value, empty when there is none.
  std::string_view value(std::string_view field) const;
};

// By the rules of that name (RuleFileSummary::rules). `prepared` is prepare(message). Where no file
// has the name the mail is quarantined as no_rule.
Extraction match(const RuleSet& set, std::string_view rules, const Message& message,
                 const PreparedText& prepared, const MatchOptions& options = {});

// What ops.mail_message.extracted keeps; names are stable.
std::string to_json(const Extraction& extraction);
// The same read back, without version, digest and trace; what is missing stays at its default.
// invalid_request for what is no JSON.
Result<Extraction> extraction_from_json(std::string_view text);

// The rules that did not match, those that came furthest first, at most `limit`.
std::vector<RuleTrace> nearest_rules(const std::vector<RuleTrace>& trace, std::size_t limit);

}  // namespace c360::parsers
