// The values a rule finds in a mail, each with its place.
#pragma once

#include "parsers/rule_compiled.h"
#include "parsers/rule_match.h"

namespace c360::parsers {

// Adds to `extraction` the constants and values of `rule`, the unusable ones and, for a rule that
// creates a deal or a lead, category and source (domain.md 18.3). `extraction.subject_category`
// is already there.
void extract_values(const CompiledRules& rules, const Rule& rule, const Message& message,
                    const PreparedText& prepared, Extraction& extraction);

}  // namespace c360::parsers
