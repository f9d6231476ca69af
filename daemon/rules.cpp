#include "daemon/rules.h"

#include <filesystem>

#include "daemon/built_in_rules.h"

namespace c360::daemon {

std::expected<std::shared_ptr<const parsers::RuleSet>, Problems> load_rules(
    const std::string& folder) {
  const parsers::RuleSetOptions options;
  if (!folder.empty()) return parsers::RuleSet::load_folder(folder, options);
  std::vector<parsers::RuleSource> sources;
  for (const BuiltInFile& file : built_in_rules())
    sources.push_back({std::string(file.name), std::string(file.text)});
  return parsers::RuleSet::load(std::move(sources), options);
}

std::vector<std::string> rule_folders(const std::string& folder) {
  if (folder.empty()) return {};
  return {folder, (std::filesystem::path(folder) / "examples").string()};
}

}  // namespace c360::daemon
