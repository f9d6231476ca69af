#include "daemon/database_check.h"

#include <spdlog/fmt/fmt.h>

#include "daemon/base/text.h"
#include "store/database.h"
#include "store/migrator.h"
#include "store/model/registry.h"
#include "store/schema_check.h"

namespace c360::daemon {

namespace {

store::Migrator reader(const DatabaseConfig& config, const Observer& observer) {
  return {{.url = config.options.url, .password = config.options.password}, observer};
}

store::Migrator owner(const DatabaseConfig& config, const Observer& observer) {
  if (config.migrate_url.empty()) return reader(config, observer);
  return {{.url = config.migrate_url, .password = config.migrate_password}, observer};
}

DatabaseReport report_of(const Error& error) {
  // A conflict is the migrator's word for a database that is not ours to touch; everything else may
  // pass by itself: the server starts, a password is put right.
  const bool differs = error.code == ErrorCode::conflict;
  return {differs ? DatabaseState::differs : DatabaseState::away, error.detail, {}};
}

// All migrations are there: is what they made what the declarations say?
DatabaseReport compare_schema(const DatabaseConfig& config, const Observer& observer) {
  constexpr std::size_t kShown = 5;
  store::Database database{config.options, observer};
  auto differences = store::schema_differences(database, store::Registry::standard());
  if (!differences) return report_of(differences.error());
  if (differences->empty()) return {DatabaseState::fits, {}, {}};
  const std::size_t count = differences->size();
  if (count > kShown) differences->resize(kShown);
  return {DatabaseState::differs,
          fmt::format("the database differs from this program in {} place{}: {}{}", count,
                      count == 1 ? "" : "s", join(*differences, " "), count > kShown ? " …" : ""),
          {}};
}

}  // namespace

DatabaseReport check_database(const DatabaseConfig& config, const Observer& observer) {
  auto migrator = reader(config, observer);
  auto pending = migrator.pending();
  if (!pending) return report_of(pending.error());
  if (!pending->empty())
    return {DatabaseState::behind,
            fmt::format("the database lacks {} migration{} ({}); apply with `client360d --migrate`",
                        pending->size(), pending->size() == 1 ? "" : "s", join(*pending, ", ")),
            *pending};
  return compare_schema(config, observer);
}

Result<std::vector<std::string>> migrate_database(const DatabaseConfig& config,
                                                  const Observer& observer) {
  auto migrator = owner(config, observer);
  auto applied = migrator.apply();
  if (!applied) return applied;
  if (!config.app_role.empty())
    if (auto granted = migrator.grant_runtime(config.app_role); !granted)
      return std::unexpected(granted.error());
  return applied;
}

}  // namespace c360::daemon
