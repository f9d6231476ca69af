// Whether the database is there and fits this program: asked before READY=1, and before a reload
// takes another database.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/event.h"
#include "daemon/config.h"

namespace c360::daemon {

enum class DatabaseState : std::uint8_t {
  fits,
  away,     // not reachable, or it refused us: try again
  behind,   // migrations are pending
  differs,  // newer than the program, or not what the declarations say
};

struct DatabaseReport {
  DatabaseState state = DatabaseState::away;
  std::string detail;                // a sentence: what, and what to do
  std::vector<std::string> pending;  // migrations, when behind
};

// Opens a connection of its own.
DatabaseReport check_database(const DatabaseConfig& config, const Observer& observer);

// Applies what is pending with migrate_url, and grants app_role its rights. What was applied.
Result<std::vector<std::string>> migrate_database(const DatabaseConfig& config,
                                                  const Observer& observer);

}  // namespace c360::daemon
