#include <algorithm>
#include <deque>
#include <stdexcept>
#include <utility>

#include "store/connection.h"
#include "store/database.h"
#include "store/database_state.h"

namespace c360::store {
namespace {

constexpr Sql kBeginReadOnly{"c360_begin_read_only",
                             "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"};
constexpr Sql kBeginSnapshot{"c360_begin_snapshot",
                             "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
constexpr Sql kBeginReadWrite{"c360_begin_read_write",
                              "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"};
constexpr Sql kCommit{"c360_commit", "COMMIT"};
constexpr Sql kDiscardPlans{"discard_plans", "DISCARD PLANS"};
constexpr Sql kRollback{"c360_rollback", "ROLLBACK"};
constexpr Sql kSavepoint{"c360_savepoint", "SAVEPOINT c360"};
constexpr Sql kRollbackTo{"c360_rollback_to", "ROLLBACK TO SAVEPOINT c360"};
constexpr Sql kRelease{"c360_release", "RELEASE SAVEPOINT c360"};
// Behind a pooler a session is not ours: what every session has is set per transaction.
constexpr Sql kLocalSettings{"",
                             "SELECT pg_catalog.set_config(name, value, true)"
                             " FROM unnest($1::text[], $2::text[]) AS setting(name, value)"};

const Sql& begin_of(TxMode mode) {
  switch (mode) {
    case TxMode::read_only:
      return kBeginReadOnly;
    case TxMode::snapshot:
      return kBeginSnapshot;
    default:
      return kBeginReadWrite;
  }
}

enum class Kind : std::uint8_t { statement, savepoint, rollback_to, release, other };

struct Item {
  Kind kind = Kind::other;
  Ticket ticket = 0;  // of Kind::statement
};

Statement local_settings(const ConnectionOptions& options) {
  std::vector<std::string> names;
  std::vector<std::string> values;
  for (auto& [name, value] : session_settings(options)) {
    names.push_back(name);
    values.push_back(value);
  }
  return {kLocalSettings, std::move(Params{}.add_array(names).add_array(values))};
}

}  // namespace

struct Transaction::State {
  State(std::shared_ptr<Database::State> shared, ConnectionPool& from, TxMode with,
        std::unique_ptr<Connection> taken)
      : database(std::move(shared)), pool(from), mode(with), connection(std::move(taken)) {}
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void push(Kind kind, const Sql& sql, Params params = {}, Ticket ticket = 0) {
    items.push_back({kind, ticket});
    statements.push_back({sql, std::move(params)});
  }
  // Without an error, or about to go back to where there was none.
  bool usable() const {
    return !error || (!items.empty() && items.front().kind == Kind::rollback_to);
  }
  Result<void> send(bool committing);
  Result<void> refuse(Error reason);
  void begin_first(bool committing);
  void note_results(Outcome& outcome);
  void note_failure(const Outcome& outcome);

  std::shared_ptr<Database::State> database;
  ConnectionPool& pool;
  TxMode mode;
  std::unique_ptr<Connection> connection;  // null once given back

  std::vector<Item> items;  // what is queued; statements[i] is items[i]'s
  std::vector<Statement> statements;
  std::deque<std::optional<Rows>>
      results;  // by ticket; a caller may hold rows while more is queued
  bool begun = false;
  bool committed = false;
  bool implicit = false;  // one statement without BEGIN and COMMIT
  int savepoints = 0;     // on the server
  std::optional<Error> error;
  std::optional<Ticket> failed_ticket;
};

// Rolls back, in a round trip only where the server has a transaction.
Transaction::State::~State() {
  if (!connection) return;
  if (!connection->broken() && connection->in_transaction()) {
    const Statement rollback{kRollback, {}};
    connection->exchange({&rollback, 1}, Connection::kNoCommit, database->stopping);
  }
  pool.give_back(std::move(connection));
}

void Transaction::State::begin_first(bool committing) {
  if (begun) return;
  begun = true;
  const bool settings = connection->options().pooled;
  // One statement is a transaction by itself.
  implicit = mode == TxMode::single && committing && !settings && statements.size() == 1;
  if (implicit) return;
  std::vector<Item> all{{Kind::other, 0}};
  std::vector<Statement> texts;
  texts.push_back({begin_of(mode), {}});
  if (settings) {
    all.push_back({Kind::other, 0});
    texts.push_back(local_settings(connection->options()));
  }
  if (connection->plans_are_old()) {
    all.push_back({Kind::other, 0});
    texts.push_back({kDiscardPlans, {}});
  }
  all.insert(all.end(), items.begin(), items.end());
  std::ranges::move(statements, std::back_inserter(texts));
  items = std::move(all);
  statements = std::move(texts);
}

Result<void> Transaction::State::send(bool committing) {
  if (!usable()) return std::unexpected(*error);
  if (committed) throw std::logic_error("the transaction is committed already");
  if (database->stopping) {
    return refuse({.code = ErrorCode::unavailable,
                   .detail = "The service is stopping.",
                   .reason = "shutting_down"});
  }
  if (items.empty() && (!committing || !begun)) {
    committed = committing;
    if (committed) pool.give_back(std::move(connection));
    return {};
  }
  begin_first(committing);
  std::size_t commit_at = Connection::kNoCommit;
  if (committing) {
    commit_at = statements.size();
    if (!implicit) push(Kind::other, kCommit);
  }

  Outcome outcome = connection->exchange(statements, commit_at, database->stopping);
  note_results(outcome);
  if (outcome.failure) {
    note_failure(outcome);
  } else {
    error.reset();
    failed_ticket.reset();
    committed = committing;
    database->health.answered();
  }
  items.clear();
  statements.clear();
  // Others may have the connection while the caller still reads its rows.
  if (committed || connection->broken()) pool.give_back(std::move(connection));
  if (error) return std::unexpected(*error);
  return {};
}

Result<void> Transaction::State::refuse(Error reason) {
  database->count(reason);
  error = std::move(reason);
  return std::unexpected(*error);
}

void Transaction::State::note_results(Outcome& outcome) {
  const std::size_t done = outcome.failure ? outcome.failed_at : items.size();
  for (std::size_t i = 0; i < std::min(done, items.size()); ++i) {
    switch (items[i].kind) {
      case Kind::statement:
        results[items[i].ticket] = std::move(outcome.rows[i]);
        break;
      case Kind::savepoint:
        ++savepoints;
        break;
      case Kind::release:
        --savepoints;
        break;
      default:
        break;
    }
  }
}

void Transaction::State::note_failure(const Outcome& outcome) {
  failed_ticket.reset();
  if (outcome.failed_at < items.size() && items[outcome.failed_at].kind == Kind::statement) {
    failed_ticket = items[outcome.failed_at].ticket;
  }
  error = database->failed(*outcome.failure);
  const bool writing = mode == TxMode::read_write || mode == TxMode::single;
  if (outcome.failure->sqlstate == "25006" && !writing) {
    error->code = ErrorCode::internal;  // our own bug, not a failover
    error->reason = "write_in_read_only_transaction";
  }
}

Result<Transaction> Database::begin(Pool pool, TxMode mode) {
  ConnectionPool& from = state_->pool(pool);
  auto connection = from.take();
  if (!connection) {
    state_->count(connection.error());
    return std::unexpected(connection.error());
  }
  return Transaction(
      std::make_unique<Transaction::State>(state_, from, mode, std::move(*connection)));
}

Transaction::Transaction(std::unique_ptr<State> state) : state_(std::move(state)) {}
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&&) noexcept = default;
Transaction::~Transaction() = default;

Ticket Transaction::queue(const Sql& sql, Params params) {
  const Ticket ticket = state_->results.size();
  state_->results.emplace_back();
  state_->push(Kind::statement, sql, std::move(params), ticket);
  return ticket;
}

Result<void> Transaction::run() { return state_->send(/*committing=*/false); }
Result<void> Transaction::commit() { return state_->send(/*committing=*/true); }
std::optional<Ticket> Transaction::failed() const { return state_->failed_ticket; }

const Rows& Transaction::rows(Ticket ticket) const {
  const auto& rows = state_->results.at(ticket);
  if (!rows) throw std::logic_error("the rows of a statement that has not run");
  return *rows;
}

Rows Transaction::take(Ticket ticket) {
  Rows rows = std::move(state_->results.at(ticket).value());
  state_->results[ticket].reset();
  return rows;
}

Result<const Rows*> Transaction::query(const Sql& sql, Params params) {
  const Ticket ticket = queue(sql, std::move(params));
  if (auto done = run(); !done) return std::unexpected(done.error());
  return &rows(ticket);
}

Result<void> Transaction::savepoint() {
  if (!state_->usable()) return std::unexpected(*state_->error);
  state_->push(Kind::savepoint, kSavepoint);
  return {};
}

Result<void> Transaction::rollback_to_savepoint() {
  auto& items = state_->items;
  // A savepoint that was not sent yet goes back by forgetting what was queued behind it.
  const auto queued = std::ranges::find(items.rbegin(), items.rend(), Kind::savepoint, &Item::kind);
  if (queued != items.rend() && state_->usable()) {
    const auto keep = queued.base() - items.begin();
    items.resize(static_cast<std::size_t>(keep));
    state_->statements.resize(static_cast<std::size_t>(keep));
    return {};
  }
  if (state_->savepoints == 0 || !state_->connection) {
    if (state_->error) return std::unexpected(*state_->error);
    throw std::logic_error("rollback to a savepoint that was never set");
  }
  items.clear();
  state_->statements.clear();
  state_->push(Kind::rollback_to, kRollbackTo);
  return {};
}

Result<void> Transaction::release_savepoint() {
  if (!state_->usable()) return std::unexpected(*state_->error);
  state_->push(Kind::release, kRelease);
  return {};
}

}  // namespace c360::store
