#include "daemon/rules.h"

#include <algorithm>
#include <filesystem>

#include "daemon/base/text.h"
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

std::string names_of(const std::vector<parsers::RuleFileSummary>& files) {
  std::vector<std::string> names;
  for (const parsers::RuleFileSummary& file : files) names.push_back(file.rules);
  return join(names, ", ");
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

std::expected<std::shared_ptr<const parsers::RuleSet>, Problems> load_rules(const Config& config) {
  auto rules = load_rules(config.rules_folder);
  if (!rules) return rules;
  Problems problems;
  for (const ingest::MailboxSettings& box : config.mailboxes) {
    if (box.rules.empty()) continue;
    const auto& files = (*rules)->files();
    const auto file = std::ranges::find(files, box.rules, &parsers::RuleFileSummary::rules);
    const std::string setting = "mailbox." + box.code + ".rules: ";
    if (file == files.end()) {
      problems.push_back(
          {config.file,
           {},
           setting + "no rule file has name = '" + box.rules + "'; there are " + names_of(files)});
    } else if (file->mailbox_kind != to_string(box.kind)) {
      problems.push_back({config.file,
                          {},
                          setting + file->name + " is for mailboxes of kind " + file->mailbox_kind +
                              ", this one is " + std::string(to_string(box.kind))});
    }
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return rules;
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
