// Rule files to compiled rules; every mistake becomes a FileProblem and reading goes on.
#pragma once

#include <memory>
#include <vector>

#include "parsers/rule_compiled.h"
#include "parsers/rule_set.h"

namespace c360::parsers {

// nullptr where the file has a mistake; `problems` then has at least one more entry.
// `rule_budget` is how many rules the set may still have; it is lowered.
std::unique_ptr<CompiledRules> read_rules(const RuleSource& source, const RuleSetOptions& options,
                                          std::size_t& rule_budget,
                                          std::vector<FileProblem>& problems);

// What the program ignores by itself; in front of every file's own rules.
inline constexpr std::string_view kAutoReplyRule = "auto-reply";
inline constexpr std::string_view kBounceRule = "bounce";
inline constexpr std::string_view kMailingListRule = "mailing-list";
inline constexpr std::string_view kOwnAddressRule = "own-address";
// Where no rule decides.
inline constexpr std::string_view kNoRule = "no-rule";

}  // namespace c360::parsers
