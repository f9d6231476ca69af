// PostgreSQL as the rest of the program sees it: pools of connections, and transactions whose
// statements travel in one pipeline.
//
// A Transaction queues statements and sends them with COMMIT in as few round trips as the caller's
// logic allows: `queue` several, then `run` (one round trip) or `commit` (the same, committed).
// Values are always parameters, in text format; numbers and arrays through the Params encoders.
//
//   auto tx = database.begin(Pool::api, TxMode::read_only);        // no round trip yet
//   if (!tx) return std::unexpected(tx.error());
//   const Ticket deal = tx->queue(kSelectDeal, Params{}.add(id));
//   if (auto done = tx->commit(); !done) return std::unexpected(done.error());  // one round trip
//   const Rows& rows = tx->rows(deal);
//
// Errors carry the ErrorCode of their SQLSTATE (pg_error.h). A transaction that ends without commit
// rolls back. A connection that broke, or whose transaction is not idle when it comes back, is
// thrown away, never repaired. libpq is included by store/*.cpp only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/event.h"
#include "daemon/base/secret.h"

struct pg_result;

namespace c360::store {

// A statement prepared once per connection, under `name`, when `name` is not empty; otherwise sent
// unnamed. The views must outlive the program (constants) or the Database (generated SQL, which
// store/query keeps for ever).
struct Sql {
  std::string_view name;
  std::string_view text;
  // The rows come in PostgreSQL's binary format: for statements whose columns are all bytea, read
  // by Rows::bytes() alone (half the size on the wire).
  bool binary_rows = false;
};

// Parameters $1, $2, … of one statement, in text form. A text with a NUL byte or
// other bytes that are not UTF-8 cannot be stored: its statement fails with validation_failed,
// reason text_encoding.
class Params {
 public:
  Params& add(std::string_view text);
  Params& add(const char* text) { return add(std::string_view(text)); }
  Params& add(std::string&& text);
  Params& add(std::int64_t value);
  Params& add(int value) { return add(static_cast<std::int64_t>(value)); }
  Params& add(bool value);
  Params& add(Instant instant);
  Params& add_null();
  Params& add_bytes(std::string_view bytes);  // bytea, sent in binary: cast as $n::bytea
  template <typename T>
  Params& add(const std::optional<T>& value) {
    return value ? add(*value) : add_null();
  }
  Params& add_array(std::span<const std::int64_t> values);  // bigint[]
  Params& add_array(std::span<const std::string> values);   // text[]
  Params& add_array(std::span<const std::string_view> values);
  // text[] with NULL elements.
  Params& add_array(std::span<const std::optional<std::string>> values);
  // bytea[], sent in binary: cast as $n::bytea[].
  Params& add_bytes_array(std::span<const std::string_view> values);

  std::size_t size() const { return values_.size(); }

 private:
  friend class Connection;
  struct Value {
    std::string bytes;
    bool null = false;
    bool binary = false;
  };
  std::vector<Value> values_;
};

// The rows of one statement. Move-only; views into it live as long as it does.
class Rows {
 public:
  Rows() = default;
  int size() const;
  bool empty() const { return size() == 0; }
  int columns() const;
  std::string_view column_name(int column) const;
  bool is_null(int row, int column) const;
  std::string_view text(int row, int column) const;  // empty for NULL
  std::optional<std::string_view> optional_text(int row, int column) const;
  std::int64_t int64(int row, int column) const;  // 0 for NULL; throws on anything but an integer
  std::optional<std::int64_t> optional_int64(int row, int column) const;
  bool boolean(int row, int column) const;       // false for NULL
  std::string bytes(int row, int column) const;  // bytea
  // timestamptz; sessions run in UTC with ISO dates. ±infinity are the ends of Instant.
  std::optional<Instant> instant(int row, int column) const;
  std::vector<std::string> text_array(int row, int column) const;  // text[]; NULLs become empty
  std::int64_t affected() const;                                   // INSERT, UPDATE, DELETE

 private:
  friend class Connection;
  explicit Rows(pg_result* result);
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

enum class TxMode : std::uint8_t {
  read_only,   // READ ONLY, READ COMMITTED
  snapshot,    // READ ONLY, REPEATABLE READ: several reads that agree
  read_write,  // READ COMMITTED
  single,      // one statement, committed by itself, read or write: Database::execute
};

// Two pools, so that jobs and mail cannot starve readers.
enum class Pool : std::uint8_t { api, work };

using Ticket = std::size_t;

class Connection;  // one libpq connection; store/connection.h, for store only

class Transaction {
 public:
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) noexcept;
  ~Transaction();  // rolls back unless committed

  // Queues a statement; nothing is sent yet. The ticket names its rows after run() or commit().
  Ticket queue(const Sql& sql, Params params = {});
  // Sends what is queued and waits: one round trip. After an error the transaction is aborted, and
  // every later call but the destructor fails with the same error.
  Result<void> run();
  // run() and COMMIT in the same round trip. ErrorCode::unavailable with reason "commit_unknown"
  // when the connection broke after COMMIT was sent: the caller settles it by a unique key.
  Result<void> commit();
  // The statement the last failed run() or commit() stopped at, when it was one of the caller's.
  std::optional<Ticket> failed() const;
  // The rows of a ticket that has run; they live as long as the transaction.
  const Rows& rows(Ticket ticket) const;
  // The rows of a ticket that has run, given away: what streams does not pile up in the
  // transaction.
  Rows take(Ticket ticket);
  // queue + run + rows.
  Result<const Rows*> query(const Sql& sql, Params params = {});

  // SAVEPOINT / ROLLBACK TO / RELEASE, for one bad item among good ones; they nest. No round trip
  // of their own: they travel with the next run(). Rolling back forgets what was queued since the
  // savepoint, and makes a transaction usable again that failed after it (not when the connection
  // broke).
  Result<void> savepoint();
  Result<void> rollback_to_savepoint();
  Result<void> release_savepoint();

 private:
  friend class Database;
  struct State;
  explicit Transaction(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct DatabaseOptions {
  std::string url;  // libpq URI or keyword string, several hosts allowed; without the password
  Secret password;  // empty: none, or in a passfile
  std::size_t api_connections = 8;
  std::size_t work_connections = 6;
  std::chrono::milliseconds wait_timeout{2'000};  // for a free connection, then unavailable
  std::chrono::milliseconds statement_timeout{30'000};
  std::chrono::milliseconds lock_timeout{5'000};
  bool pooled = false;  // behind pgBouncer in transaction mode: unnamed statements
  std::chrono::milliseconds idle_in_transaction_timeout{60'000};
  // A server that says nothing for statement_timeout and this is given up: the connection is
  // dropped, unavailable. Not watched where statement_timeout is 0.
  std::chrono::milliseconds silence_grace{5'000};
  std::string application_name = "client360d";
};

// The pools. Any thread. Constructing opens nothing: the first use does, so a daemon starts while
// the database is away.
class Database {
 public:
  Database(const DatabaseOptions& options, const Observer& observer);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Takes a connection of the pool (waiting up to wait_timeout) and begins lazily: BEGIN travels
  // with the first statements. unavailable when none is free or the server is away.
  Result<Transaction> begin(Pool pool, TxMode mode);
  // One statement in its own transaction and round trip.
  Result<Rows> execute(Pool pool, const Sql& sql, Params params = {});

  // New sizes, address or password: connections made with other options are closed as they come
  // back.
  void reconfigure(const DatabaseOptions& options);
  // Cancels running statements and refuses new work: part of stopping. Any thread.
  void shut_down();
  bool healthy() const;  // the last attempt to connect or to run did not find the server away

 private:
  friend class Transaction;
  struct State;
  std::shared_ptr<State> state_;
};

// Runs `body(Transaction&) -> Result<void>` and commits; again, up to three times, after SQLSTATE
// 40001 and 40P01, after a connection lost before COMMIT was sent and after a prepared statement
// that a migration made stale.
template <typename Body>
Result<void> in_transaction(Database& database, Pool pool, Body body) {
  for (int attempt = 1;; ++attempt) {
    auto tx = database.begin(pool, TxMode::read_write);
    Result<void> done = tx ? Result<void>{} : std::unexpected(tx.error());
    if (done) done = body(*tx);
    if (done) done = tx->commit();
    if (done || attempt == 3) return done;
    const bool again = done.error().reason == "serialization_failure" ||
                       done.error().reason == "deadlock" ||
                       done.error().reason == "connection_lost" ||
                       done.error().reason == "stale_plan";  // a migration changed a table
    if (!again) return done;
  }
}

}  // namespace c360::store
