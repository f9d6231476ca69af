// The schema's way forward: numbered SQL files NNNN_name.sql, each applied once in a transaction of
// its own and remembered with its SHA-256 in ops.schema_migration. There is no way back.
//
// Several daemons may start at once: every step takes one advisory lock for its transaction and
// looks again, so a step is applied by exactly one of them (and this works behind pgBouncer). An
// applied file whose text has changed, a database newer than the program and a missing number are
// refused before anything is touched: conflict, with reason checksum_changed, schema_newer or
// migration_gap.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/event.h"
#include "daemon/base/secret.h"

namespace c360::store {

class Connection;

// One embedded file: "0001_ground" and its text.
struct MigrationFile {
  std::string_view stem;
  std::string_view sql;
};

// store/migrations as of this build, by number.
std::span<const MigrationFile> embedded_migrations();

struct MigratorOptions {
  std::string url;  // as DatabaseOptions::url; a role that owns the schemas
  Secret password;
  std::chrono::milliseconds lock_wait{600'000};        // for another migrator to finish
  std::chrono::milliseconds ddl_lock_timeout{30'000};  // for a table in use
};

// Each call opens a connection of its own and closes it. Any thread.
class Migrator {
 public:
  Migrator(MigratorOptions options, const Observer& observer,
           std::span<const MigrationFile> files = embedded_migrations());

  // Applies what is missing; the stems applied by this call, in order.
  Result<std::vector<std::string>> apply();
  // Stems this program knows and the database has not. Empty: up to date.
  Result<std::vector<std::string>> pending();
  // The highest applied number; 0 for an empty database.
  Result<int> version();

  // What the run-time role may do: SELECT, INSERT, UPDATE, DELETE on the tables of crm and ops
  // (less the append-only ones), use of sequences, EXECUTE of functions. No DDL, no TRUNCATE,
  // nothing owned. Needed after every apply(); does nothing twice. The role must exist.
  Result<void> grant_runtime(std::string_view role);

 private:
  struct Applied {
    int version = 0;
    std::string checksum;  // hex
  };
  Result<std::unique_ptr<Connection>> connect() const;
  Result<void> check_files() const;
  Result<std::vector<Applied>> applied(Connection& connection) const;
  // How many of files_ are applied; refuses what the header says.
  Result<std::size_t> position(Connection& connection) const;
  // Applies files_[index], or nothing when another migrator was faster; true when applied.
  Result<bool> step(Connection& connection, std::size_t index);

  MigratorOptions options_;
  const Observer& observer_;
  std::span<const MigrationFile> files_;
};

}  // namespace c360::store
