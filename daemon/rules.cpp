#include "daemon/rules.h"

#include <filesystem>

#include "daemon/built_in_rules.h"
#include "store/directory_codes.h"
#include "store/model/registry.h"

namespace c360::daemon {

namespace {

// The declarations know the fields and their choices; a rule that names others is refused. The
// codes of directories are known to the database only: unknown_values().
parsers::RuleSetOptions options_of_registry() {
  const auto registry = std::make_shared<const store::Registry>(store::Registry::standard());
  parsers::RuleSetOptions options;
  options.known_field = [registry](std::string_view kind, std::string_view field) {
    const store::Resource* resource = registry->find(kind);
    return resource != nullptr && resource->has_field(field);
  };
  options.known_value = [registry](std::string_view kind, std::string_view field,
                                   std::string_view value) {
    return store::is_declared(*registry, kind, field, value);
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

Problems unknown_values(const parsers::RuleSet& rules, const store::DirectoryCodes& codes) {
  Problems problems;
  for (const parsers::StatedValue& stated : rules.stated_values()) {
    if (codes.may_store(stated.kind, stated.field, stated.value)) continue;
    problems.push_back({stated.file, stated.position,
                        stated.kind + " " + stated.field + " cannot be '" + stated.value +
                            "': there is no such active entry in its directory"});
  }
  return problems;
}

std::vector<std::string> rule_folders(const std::string& folder) {
  if (folder.empty()) return {};
  return {folder, (std::filesystem::path(folder) / "examples").string()};
}

}  // namespace c360::daemon
