// client360 check: configuration, rules and schema, without changing anything.
#include <spdlog/fmt/fmt.h>

#include "daemon/command/verbs.h"
#include "daemon/database_check.h"
#include "daemon/rules.h"

namespace c360::daemon::command {

namespace {

Json problem_list(const Problems& problems) {
  Json::Array list;
  for (const FileProblem& problem : problems) list.emplace_back(problem.to_string());
  return list;
}

Result<ExitCode> check(Context& context, const Arguments&) {
  auto config = context.config();
  if (!config) return std::unexpected(config.error());
  auto rules = load_rules(**config);
  const DatabaseReport database = check_database((*config)->database, context.observer());

  std::string human;
  for (const FileProblem& warning : (*config)->warnings)
    human += "warning: " + warning.to_string() + "\n";
  human += fmt::format("configuration  good, {} mailboxes\n", (*config)->mailboxes.size());
  if (rules) {
    human += fmt::format("rules          good, {} rules, {} examples hold\n",
                         (*rules)->rules().size(), (*rules)->example_count());
  } else {
    for (const FileProblem& problem : rules.error())
      human += "rules          " + problem.to_string() + "\n";
  }
  human += fmt::format("database       {}\n",
                       database.state == DatabaseState::fits ? "good" : database.detail);

  Json value{Json::Object{}};
  value.set("configuration", true).set("warnings", problem_list((*config)->warnings));
  value.set("rules", rules.has_value());
  value.set("problems", rules ? Json(Json::Array{}) : problem_list(rules.error()));
  value.set("database", database.state == DatabaseState::fits);
  value.set("database_detail", database.detail);
  context.show(value, human);
  if (!rules) return ExitCode::configuration;
  if (database.state == DatabaseState::fits) return ExitCode::ok;
  return database.state == DatabaseState::away ? ExitCode::failure : ExitCode::schema;
}

}  // namespace

std::vector<Verb> check_verbs() {
  return {{"check",
           "",
           "",
           "Check configuration, rules and database schema; changes nothing",
           {},
           check}};
}

}  // namespace c360::daemon::command
