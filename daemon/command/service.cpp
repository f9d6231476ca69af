// client360 reload, migrate.
#include <spdlog/fmt/fmt.h>

#include "daemon/base/text.h"
#include "daemon/command/verbs.h"
#include "daemon/database_check.h"

namespace c360::daemon::command {

namespace {

constexpr int kRefused = 422;

std::string problem_lines(const Json& answer, std::string_view key, std::string_view prefix) {
  std::string text;
  const Json* list = answer.find(key);
  if (list == nullptr || !list->is_array()) return text;
  for (const Json& item : list->as_array()) {
    const Json* file = item.find("file");
    const Json* line = item.find("line");
    const Json* column = item.find("column");
    const Json* detail = item.find("detail");
    if (file == nullptr || line == nullptr || column == nullptr || detail == nullptr) continue;
    FileProblem problem{file->as_string(),
                        {static_cast<std::uint32_t>(line->as_int64().value_or(0)),
                         static_cast<std::uint32_t>(column->as_int64().value_or(0))},
                        detail->as_string()};
    text += fmt::format("{}{}\n", prefix, printable(problem.to_string()));
  }
  return text;
}

Result<ExitCode> reload(Context& context, const Arguments&) {
  auto answer = context.admin("POST", "/-/reload", kRefused);
  if (!answer) return std::unexpected(answer.error());
  const Json* result = answer->find("result");
  if (result == nullptr || !result->is_string())
    return fail(ErrorCode::upstream_rejected, "the answer has no result");
  std::string human =
      problem_lines(*answer, "problems", "") + problem_lines(*answer, "warnings", "warning: ");
  const bool refused = result->as_string() == "refused";
  human +=
      refused ? "refused; the former configuration stays in force\n" : result->as_string() + "\n";
  if (const Json* changed = answer->find("changed"); changed != nullptr && changed->is_array())
    for (const Json& key : changed->as_array()) human += "  " + key.as_string() + "\n";
  context.show(*answer, human);
  return refused ? ExitCode::configuration : ExitCode::ok;
}

Result<ExitCode> migrate(Context& context, const Arguments&) {
  auto config = context.config();
  if (!config) return std::unexpected(config.error());
  auto applied = migrate_database((*config)->database, context.observer());
  if (!applied) {
    Error error = applied.error();
    if (error.code == ErrorCode::conflict) error.reason = "schema";
    return std::unexpected(std::move(error));
  }
  Json value{Json::Object{}};
  Json::Array stems(applied->begin(), applied->end());
  value.set("applied", std::move(stems));
  context.show(value, applied->empty() ? "the database is up to date\n"
                                       : fmt::format("applied {}\n", join(*applied, ", ")));
  return ExitCode::ok;
}

}  // namespace

std::vector<Verb> service_verbs() {
  return {{"reload", "", "", "Have the running service read its configuration again", {}, reload},
          {"migrate", "", "", "Bring the database up to this program", {}, migrate}};
}

}  // namespace c360::daemon::command
