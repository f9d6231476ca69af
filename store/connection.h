// One libpq connection in pipeline mode. For store only; everybody else has Database.
//
// An exchange sends any number of statements with one Sync and reads until PIPELINE_SYNC, whatever
// happens in between; sending and receiving overlap, so that neither side can fill the other's
// buffers and wait for ever. Not thread-safe, except Canceller.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/connection_options.h"
#include "store/database.h"
#include "store/pg_error.h"

struct pg_conn;
struct pg_cancel;

namespace c360::store {

struct Statement {
  Sql sql;
  Params params;
};

// What came of an exchange. rows[i] belongs to statements[i] up to the first failure.
struct Outcome {
  std::vector<Rows> rows;
  std::optional<PgFailure> failure;
  std::size_t failed_at = 0;  // index of the statement `failure` came from
};

// PQcancel from another thread.
class Canceller {
 public:
  explicit Canceller(pg_conn* connection);
  // Asks the server to stop what the session does now; it may be too late.
  void cancel() const;

 private:
  struct Free {
    void operator()(pg_cancel* cancel) const;
  };
  std::unique_ptr<pg_cancel, Free> cancel_;
};

class Connection {
 public:
  // Blocks up to connect_timeout (3 s) for each host. unavailable when no host lets us in.
  static Result<std::unique_ptr<Connection>> open(const ConnectionOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Without a BEGIN the statements are one implicit transaction, committed by the Sync:
  // `commit_at` is the index of the statement that commits, statements.size() for the Sync, and
  // kNoCommit in the midst of a transaction. It decides between connection_lost and commit_unknown.
  // When `stop` is raised the running statement is canceled.
  static constexpr std::size_t kNoCommit = static_cast<std::size_t>(-1);
  static constexpr int kPlanLife = 64;  // transactions
  Outcome exchange(std::span<const Statement> statements, std::size_t commit_at,
                   const std::atomic<bool>& stop);

  // Several statements in one text, by the simple protocol: for migrations.
  Result<void> script(std::string_view sql);

  bool in_transaction() const;  // also in a failed one
  bool idle() const;            // open, and in no transaction
  // Alive as far as one can see without asking: idle, and nothing unread. A server that went
  // away has left an error or an end of file to read.
  bool idle_and_quiet() const;
  // Counts a transaction that begins; true when it should drop the plans of the session: after 1,
  // 2, 4 … transactions, at last after every kPlanLife.
  bool plans_are_old();
  // Of no more use: broken, or told to be dropped by an error.
  bool broken() const { return broken_; }
  const std::shared_ptr<const Canceller>& canceller() const { return canceller_; }
  std::string server() const;  // "host:port", without user or password
  int server_version() const;  // 150008 for 15.8
  const ConnectionOptions& options() const { return options_; }

 private:
  struct Close {
    void operator()(pg_conn* connection) const;
  };
  struct Wire;   // one message we expect a result for
  struct Watch;  // deadline and stop of an exchange
  using Handle = std::unique_ptr<pg_conn, Close>;

  Connection(Handle connection, ConnectionOptions options);
  bool send(std::span<const Statement> statements, std::vector<Wire>& wires, Watch& watch);
  bool send_one(const Statement& statement, std::size_t index, std::vector<Wire>& wires);
  void receive(std::span<const Statement> statements, const std::vector<Wire>& wires,
               std::size_t commit_at, Watch& watch, Outcome& outcome);
  pg_result* next_result(Watch& watch);
  void take(pg_result* result, const Wire& wire, std::span<const Statement> statements,
            Outcome& outcome);
  bool move_bytes(bool writing, Watch& watch);
  void lost(std::size_t at, std::size_t commit_at, const Watch& watch, Outcome& outcome);

  Handle connection_;
  ConnectionOptions options_;
  std::shared_ptr<const Canceller> canceller_;
  std::set<std::string, std::less<>> prepared_;
  bool broken_ = false;
  int transactions_ = 0;  // begun since the plans were dropped
  int plan_life_ = 1;
};

}  // namespace c360::store
