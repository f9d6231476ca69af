// Patterns and labels of rule files, compiled with their place in the file for messages.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/rule_compiled.h"
#include "parsers/rule_table.h"

namespace c360::parsers {

class PatternCompiler {
 public:
  // `source` is the text of the file; it outlives the compiler.
  PatternCompiler(std::string_view source, const RuleLimits& limits, ProblemList& problems)
      : source_(source), limits_(limits), problems_(problems) {}

  // nullptr where the pattern is wrong (reported). `what` names it: "when.subject of rule 'x'".
  Pattern compile(const TomlValue& text, const std::string& what);
  // The same, and group 1 must exist.
  Pattern compile_with_group(const TomlValue& text, const std::string& what);

  // The alternatives of "E-?mail|Почта": "E-mail", "Email", "Почта". Nothing else of a pattern's
  // language may be used. Empty where it is wrong (reported).
  std::vector<std::string> labels(const TomlValue& text, const std::string& what);

 private:
  TomlPosition place_in(const TomlValue& text, std::size_t offset) const;
  std::string_view source_;
  const RuleLimits& limits_;
  ProblemList& problems_;
};

// Group number by "1" or by name; nullopt where the pattern has no such group.
std::optional<int> group_number(const RE2& pattern, std::string_view group);

}  // namespace c360::parsers
