// The rules in force: from the configured folder, or those built into the program.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "daemon/config.h"
#include "parsers/rule_set.h"
#include "store/directory_codes.h"

namespace c360::daemon {

// Reads, compiles and runs the examples; every mistake with file, line and column.
std::expected<std::shared_ptr<const parsers::RuleSet>, Problems> load_rules(
    const std::string& folder);

// The same for a whole configuration: also every `rules` of a mailbox must name a file of its kind.
std::expected<std::shared_ptr<const parsers::RuleSet>, Problems> load_rules(const Config& config);

// What the set states itself and no directory has: each with its place in the file.
Problems unknown_values(const parsers::RuleSet& rules, const store::DirectoryCodes& codes);

// What to watch for changes: the folder and its examples; nothing for the built-in rules.
std::vector<std::string> rule_folders(const std::string& folder);

}  // namespace c360::daemon
