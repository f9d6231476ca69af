#include "daemon/rules.h"

#include <filesystem>

#include "daemon/built_in_rules.h"
#include "store/model/registry.h"

namespace c360::daemon {

namespace {

// The declarations know the fields; a rule that names another one is refused.
parsers::RuleSetOptions options_of_registry() {
  parsers::RuleSetOptions options;
  options.known_field = [registry =
                             std::make_shared<const store::Registry>(store::Registry::standard())](
                            std::string_view kind, std::string_view field) {
    const store::Resource* resource = registry->find(kind);
    return resource != nullptr && resource->has_field(field);
  };
  return options;
}

}  // namespace

std::expected<std::shared_ptr<const parsers::RuleSet>, Problems> load_rules(
    const std::string& folder) {
  const parsers::RuleSetOptions options = options_of_registry();
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
