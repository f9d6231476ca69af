// The parts of a rule file below a rule: conditions, ways to find values, examples.
#pragma once

#include <string>
#include <vector>

#include "parsers/rule_compiled.h"
#include "parsers/rule_pattern.h"
#include "parsers/rule_table.h"

namespace c360::parsers {

// `when = { … }`; `what` is "rule 'x'".
std::vector<Condition> read_conditions(const TomlValue& table, const std::string& what,
                                       PatternCompiler& patterns, ProblemList& problems);

// `[form.x]` or `extract = { … }`; labels are entered into `labels`.
std::vector<FieldRule> read_fields(const TomlValue& table, const std::string& what,
                                   const RuleLimits& limits, LabelTable& labels,
                                   PatternCompiler& patterns, ProblemList& problems);

// `[[rule.example]]` of `rule`.
RuleExample read_example(const TomlValue& table, const std::string& rule, ProblemList& problems);

}  // namespace c360::parsers
