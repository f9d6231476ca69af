#include "store/migrator.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "daemon/base/digest.h"
#include "store/connection.h"

namespace c360::store {
namespace {

// Any number will do, as long as nobody else uses it: "c360" in ASCII and a one.
constexpr Sql kLock{"", "SELECT pg_catalog.pg_advisory_xact_lock(427390456833)"};
constexpr Sql kSetTimeouts{"",
                           "SELECT pg_catalog.set_config('lock_timeout', $1, true),"
                           " pg_catalog.set_config('statement_timeout', '0', true)"};
// Not to_regclass(): it may answer from a cache that does not know yet what another migrator
// committed while we waited for the lock.
constexpr Sql kHasTable{"",
                        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c"
                        "  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
                        " WHERE n.nspname = 'ops' AND c.relname = 'schema_migration')"};
constexpr Sql kApplied{"", "SELECT version, sha256 FROM ops.schema_migration ORDER BY version"};
constexpr Sql kRemember{
    "", "INSERT INTO ops.schema_migration (version, name, sha256) VALUES ($1, $2, $3)"};

// The run-time role owns nothing. History is only ever added to and the mail ledger never loses a
// row: the database itself refuses what the program must not do. Tables a later migration adds are
// named here when they are there.
constexpr Sql kGrant{"", R"sql(
SELECT pg_catalog.format(statement, pg_catalog.quote_ident($1)) AS sql, ord FROM (VALUES
  (1, 'GRANT USAGE ON SCHEMA crm, ops TO %1$s'),
  (2, 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA crm, ops TO %1$s'),
  (3, 'REVOKE TRUNCATE, REFERENCES, TRIGGER ON ALL TABLES IN SCHEMA crm, ops FROM %1$s'),
  (4, 'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA crm, ops TO %1$s'),
  (5, 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA crm, ops TO %1$s'),
  (6, 'REVOKE INSERT, UPDATE, DELETE ON ops.schema_migration FROM %1$s')
  ) AS fixed (ord, statement)
UNION ALL
SELECT pg_catalog.format('REVOKE %s ON %s FROM %s', denied, c.oid::regclass,
                         pg_catalog.quote_ident($1)), 7
  FROM (VALUES ('crm.history_event', 'UPDATE, DELETE'), ('ops.mail_message', 'DELETE'))
       AS append_only (name, denied)
  JOIN pg_catalog.pg_class AS c
    ON c.oid = pg_catalog.to_regclass(name)
    OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(name)))
 ORDER BY ord
)sql"};

// "0012_deal" -> 12; 0 where the stem is not of that form.
int number_of(std::string_view stem) {
  if (stem.size() < 6 || stem[4] != '_') return 0;
  int number = 0;
  for (const char c : stem.substr(0, 4)) {
    if (c < '0' || c > '9') return 0;
    number = number * 10 + (c - '0');
  }
  return number;
}

std::unexpected<Error> refused(std::string detail, std::string_view reason) {
  return fail(ErrorCode::conflict, std::move(detail), std::string(reason));
}

const std::atomic<bool>& never_stopped() {
  static const std::atomic<bool> kStopped{false};
  return kStopped;
}

// Inside the transaction that is open, or on its own.
Result<Rows> run(Connection& connection, const Sql& sql, Params params = {}) {
  const Statement statement{sql, std::move(params)};
  Outcome outcome = connection.exchange({&statement, 1}, Connection::kNoCommit, never_stopped());
  if (outcome.failure) return std::unexpected(std::move(outcome.failure->error));
  return std::move(outcome.rows.front());
}

std::string milliseconds_text(std::chrono::milliseconds value) {
  return std::to_string(value.count());
}

}  // namespace

Migrator::Migrator(MigratorOptions options, const Observer& observer,
                   std::span<const MigrationFile> files)
    : options_(std::move(options)), observer_(observer), files_(files) {}

Result<std::unique_ptr<Connection>> Migrator::connect() const {
  if (auto fine = check_files(); !fine) return std::unexpected(fine.error());
  // Migrations take the time they take; a peer that is gone is noticed by keep-alives.
  return Connection::open({.url = options_.url,
                           .password = options_.password,
                           .statement_timeout = std::chrono::milliseconds(0),
                           .lock_timeout = options_.ddl_lock_timeout,
                           .idle_in_transaction_timeout = std::chrono::milliseconds(0),
                           .application_name = "client360d migrate"});
}

Result<void> Migrator::check_files() const {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (number_of(files_[i].stem) == static_cast<int>(i + 1)) continue;
    return refused("Migration number " + std::to_string(i + 1) + " is missing: in its place is " +
                       std::string(files_[i].stem) + ".",
                   "migration_gap");
  }
  return {};
}

Result<std::vector<Migrator::Applied>> Migrator::applied(Connection& connection) const {
  std::vector<Applied> all;
  auto table = run(connection, kHasTable);
  if (!table) return std::unexpected(table.error());
  if (!table->boolean(0, 0)) return all;
  auto rows = run(connection, kApplied);
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) {
    all.push_back({static_cast<int>(rows->int64(row, 0)), std::string(rows->text(row, 1))});
  }
  return all;
}

Result<std::size_t> Migrator::position(Connection& connection) const {
  auto done = applied(connection);
  if (!done) return std::unexpected(done.error());
  for (std::size_t i = 0; i < done->size(); ++i) {
    const int expected = static_cast<int>(i + 1);
    if ((*done)[i].version != expected) {
      return refused("The database lacks migration " + std::to_string(expected) + " but has " +
                         std::to_string((*done)[i].version) +
                         ": somebody changed ops.schema_migration. Restore it from a backup.",
                     "migration_gap");
    }
    if (i >= files_.size()) {
      return refused("The database has migration " + std::to_string(done->back().version) +
                         ", this program knows " + std::to_string(files_.size()) +
                         ": a newer program was here. Install that version or a later one.",
                     "schema_newer");
    }
    if ((*done)[i].checksum != to_hex(sha256(files_[i].sql))) {
      return refused("Migration " + std::string(files_[i].stem) +
                         " was applied with another text than this program has. Applied "
                         "migrations are never edited: install the release that applied it.",
                     "checksum_changed");
    }
  }
  return done->size();
}

Result<bool> Migrator::step(Connection& connection, std::size_t index) {
  const MigrationFile& file = files_[index];
  const auto in_step = [&]() -> Result<bool> {
    for (const auto& [sql, value] : {std::pair{kSetTimeouts, options_.lock_wait},
                                     std::pair{kLock, std::chrono::milliseconds(-1)},
                                     std::pair{kSetTimeouts, options_.ddl_lock_timeout}}) {
      Params params;
      if (value.count() >= 0) params.add(milliseconds_text(value));
      if (auto done = run(connection, sql, std::move(params)); !done) {
        return std::unexpected(done.error());
      }
    }
    auto at = position(connection);
    if (!at) return std::unexpected(at.error());
    if (*at != index) return false;  // another migrator was faster
    if (auto done = connection.script(file.sql); !done) return std::unexpected(done.error());
    auto remembered = run(connection, kRemember,
                          std::move(Params{}
                                        .add(static_cast<std::int64_t>(index + 1))
                                        .add(file.stem.substr(5))
                                        .add(to_hex(sha256(file.sql)))));
    if (!remembered) return std::unexpected(remembered.error());
    return true;
  };
  if (auto begun = connection.script("BEGIN"); !begun) return std::unexpected(begun.error());
  auto applied_now = in_step();
  auto ended = connection.script(applied_now && *applied_now ? "COMMIT" : "ROLLBACK");
  if (!applied_now) return with_context(applied_now.error(), "Migration " + std::string(file.stem));
  if (!ended) return with_context(ended.error(), "Migration " + std::string(file.stem));
  if (*applied_now) observer_.observe(event::migration_applied, {{"migration", file.stem}});
  return applied_now;
}

Result<std::vector<std::string>> Migrator::apply() {
  auto connection = connect();
  if (!connection) return std::unexpected(connection.error());
  auto at = position(**connection);
  if (!at) return std::unexpected(at.error());
  std::vector<std::string> stems;
  for (std::size_t index = *at; index < files_.size();) {
    auto done = step(**connection, index);
    if (!done) return std::unexpected(done.error());
    if (*done) {
      stems.emplace_back(files_[index].stem);
      ++index;
      continue;
    }
    at = position(**connection);
    if (!at) return std::unexpected(at.error());
    index = *at;
  }
  return stems;
}

Result<std::vector<std::string>> Migrator::pending() {
  auto connection = connect();
  if (!connection) return std::unexpected(connection.error());
  auto at = position(**connection);
  if (!at) return std::unexpected(at.error());
  std::vector<std::string> stems;
  for (const MigrationFile& file : files_.subspan(*at)) stems.emplace_back(file.stem);
  return stems;
}

Result<int> Migrator::version() {
  auto connection = connect();
  if (!connection) return std::unexpected(connection.error());
  auto done = applied(**connection);
  if (!done) return std::unexpected(done.error());
  return done->empty() ? 0 : done->back().version;
}

Result<void> Migrator::grant_runtime(std::string_view role) {
  auto connection = connect();
  if (!connection) return std::unexpected(connection.error());
  auto statements = run(**connection, kGrant, std::move(Params{}.add(role)));
  if (!statements) return std::unexpected(statements.error());
  // One script is one transaction: there is no moment with half of the rights.
  std::string script;
  for (int row = 0; row < statements->size(); ++row) {
    script += std::string(statements->text(row, 0)) + ";\n";
  }
  if (auto done = (*connection)->script(script); !done) {
    return with_context(done.error(), "Granting rights to the run-time role");
  }
  return {};
}

}  // namespace c360::store
