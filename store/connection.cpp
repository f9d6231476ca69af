#include "store/connection.h"

#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace c360::store {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How often a waiting exchange looks at `stop`; shut_down() cancels at once, this catches a
// statement that was sent in the very moment.
constexpr milliseconds kStopSlice{250};
// For the server to answer a cancel before the connection is dropped.
constexpr milliseconds kStopGrace{2'000};
// libpq gathers this much before it writes by itself (OUTBUFFER_THRESHOLD).
constexpr std::size_t kFlushBytes = 65'536;
// The protocol counts parameters in 16 bits.
constexpr std::size_t kMaxParams = 65'535;

std::string without(std::string text, std::string_view secret) {
  for (std::size_t at = text.find(secret); !secret.empty() && at != std::string::npos;
       at = text.find(secret, at + kMasked.size())) {
    text.replace(at, secret.size(), kMasked);
  }
  return text;
}

std::string connection_message(const PGconn* connection) {
  std::string message = PQerrorMessage(connection);
  std::ranges::replace(message, '\n', ' ');
  while (!message.empty() && message.back() == ' ') message.pop_back();
  return message;
}

void ignore_notice(void* /*unused*/, const char* /*message*/) {}

}  // namespace

struct Connection::Wire {
  std::size_t statement;
  bool prepare;
};

struct Connection::Watch {
  const std::atomic<bool>& stop;
  milliseconds silence;  // 0: not watched
  steady_clock::time_point deadline;
  bool canceled = false;
  bool silent = false;

  void heard() {
    if (silence.count() > 0 && !canceled) deadline = steady_clock::now() + silence;
  }
};

Canceller::Canceller(pg_conn* connection) : cancel_(PQgetCancel(connection)) {}
void Canceller::Free::operator()(pg_cancel* cancel) const { PQfreeCancel(cancel); }
void Canceller::cancel() const {
  char message[256];
  if (cancel_) PQcancel(cancel_.get(), message, sizeof message);
}

void Connection::Close::operator()(pg_conn* connection) const { PQfinish(connection); }

Connection::Connection(Handle connection, ConnectionOptions options)
    : connection_(std::move(connection)),
      options_(std::move(options)),
      canceller_(std::make_shared<Canceller>(connection_.get())) {}

Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::open(const ConnectionOptions& options) {
  auto keywords = connection_keywords(options);
  if (!keywords) return std::unexpected(keywords.error());
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : *keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);

  Handle handle(PQconnectdbParams(names.data(), values.data(), /*expand_dbname=*/0));
  if (!handle) throw std::bad_alloc();
  for (auto& [name, value] : *keywords) {
    if (name == "password") explicit_bzero(value.data(), value.size());
  }
  if (PQstatus(handle.get()) != CONNECTION_OK) {
    const char* used = PQpass(handle.get());
    return fail(ErrorCode::unavailable,
                "The database does not let us in: " +
                    without(connection_message(handle.get()), used != nullptr ? used : ""),
                "connect_failed");
  }
  PQsetNoticeProcessor(handle.get(), ignore_notice, nullptr);
  if (PQsetnonblocking(handle.get(), 1) != 0 || PQenterPipelineMode(handle.get()) != 1) {
    return fail(ErrorCode::unavailable,
                "The connection to the database was lost: " + connection_message(handle.get()),
                "connect_failed");
  }
  return std::unique_ptr<Connection>(new Connection(std::move(handle), options));
}

bool Connection::in_transaction() const {
  const auto status = PQtransactionStatus(connection_.get());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

bool Connection::plans_are_old() {
  if (!options_.renew_plans || transactions_++ < plan_life_) return false;
  transactions_ = 0;
  plan_life_ = std::min(plan_life_ * 2, kPlanLife);
  return true;
}

bool Connection::idle() const {
  return !broken_ && PQstatus(connection_.get()) == CONNECTION_OK &&
         PQtransactionStatus(connection_.get()) == PQTRANS_IDLE;
}

bool Connection::idle_and_quiet() const {
  if (!idle()) return false;
  pollfd descriptor{PQsocket(connection_.get()), POLLIN, 0};
  return poll(&descriptor, 1, 0) == 0;
}

std::string Connection::server() const {
  const char* host = PQhost(connection_.get());
  const char* port = PQport(connection_.get());
  return std::string(host != nullptr ? host : "") + ":" + (port != nullptr ? port : "");
}

int Connection::server_version() const { return PQserverVersion(connection_.get()); }

Outcome Connection::exchange(std::span<const Statement> statements, std::size_t commit_at,
                             const std::atomic<bool>& stop) {
  Outcome outcome;
  outcome.rows.resize(statements.size());
  const bool watched = options_.statement_timeout.count() > 0;
  Watch watch{stop, watched ? options_.statement_timeout + options_.silence_grace : milliseconds(0),
              steady_clock::time_point::max()};
  watch.heard();
  std::vector<Wire> wires;
  const bool sent = send(statements, wires, watch);
  // What could not be sent was not committed; the reasons are still to be read.
  const bool commit_sent =
      sent ? commit_at != kNoCommit : std::ranges::any_of(wires, [&](const Wire& wire) {
        return !wire.prepare && wire.statement == commit_at;
      });
  receive(statements, wires, commit_sent ? commit_at : kNoCommit, watch, outcome);
  if (!sent) broken_ = true;
  return outcome;
}

bool Connection::send(std::span<const Statement> statements, std::vector<Wire>& wires,
                      Watch& watch) {
  wires.reserve(statements.size());
  std::size_t unflushed = 0;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    if (!send_one(statements[i], i, wires)) return false;
    for (const auto& value : statements[i].params.values_) unflushed += value.bytes.size() + 64;
    if (unflushed < kFlushBytes) continue;
    unflushed = 0;
    for (int left = PQflush(connection_.get()); left != 0; left = PQflush(connection_.get())) {
      if (left < 0 || !move_bytes(/*writing=*/true, watch)) return false;
    }
  }
  if (PQpipelineSync(connection_.get()) != 1) return false;
  wires.push_back({statements.size(), false});
  return true;
}

bool Connection::send_one(const Statement& statement, std::size_t index, std::vector<Wire>& wires) {
  if (statement.params.size() > kMaxParams) {
    throw std::logic_error("a statement with more than 65535 parameters");
  }
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
  values.reserve(statement.params.size());
  lengths.reserve(statement.params.size());
  formats.reserve(statement.params.size());
  for (const auto& value : statement.params.values_) {
    values.push_back(value.null ? nullptr : value.bytes.c_str());
    lengths.push_back(static_cast<int>(value.bytes.size()));
    formats.push_back(value.binary ? 1 : 0);
  }
  const int count = static_cast<int>(values.size());
  const int result_format = statement.sql.binary_rows ? 1 : 0;
  const std::string text(statement.sql.text);
  if (statement.sql.name.empty() || options_.pooled) {
    wires.push_back({index, false});
    return PQsendQueryParams(connection_.get(), text.c_str(), count, nullptr, values.data(),
                             lengths.data(), formats.data(), result_format) == 1;
  }
  const std::string name(statement.sql.name);
  if (prepared_.insert(name).second) {
    wires.push_back({index, true});
    if (PQsendPrepare(connection_.get(), name.c_str(), text.c_str(), 0, nullptr) != 1) return false;
  }
  wires.push_back({index, false});
  return PQsendQueryPrepared(connection_.get(), name.c_str(), count, values.data(), lengths.data(),
                             formats.data(), result_format) == 1;
}

// Waits until the socket is ready and moves what it can. False: lost, or silent for too long.
bool Connection::move_bytes(bool writing, Watch& watch) {
  for (;;) {
    const auto now = steady_clock::now();
    if (watch.stop && !watch.canceled) {
      watch.canceled = true;
      watch.deadline = now + kStopGrace;
      canceller_->cancel();
    }
    if (now >= watch.deadline) {
      watch.silent = true;
      broken_ = true;
      return false;
    }
    const auto left = std::chrono::ceil<milliseconds>(watch.deadline - now);
    pollfd descriptor{PQsocket(connection_.get()),
                      static_cast<short>(POLLIN | (writing ? POLLOUT : 0)), 0};
    const int ready = poll(&descriptor, 1, static_cast<int>(std::min(left, kStopSlice).count()));
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    if (ready < 0) return false;
    watch.heard();
    // Reading also while writing: a server whose answers nobody takes stops reading our statements.
    const bool readable = (descriptor.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    return !readable || PQconsumeInput(connection_.get()) == 1;
  }
}

// nullptr: the end of one statement's results, or nothing more to come from a lost connection.
pg_result* Connection::next_result(Watch& watch) {
  while (PQstatus(connection_.get()) == CONNECTION_OK && PQisBusy(connection_.get()) == 1) {
    const int unsent = PQflush(connection_.get());
    // After a failure PQgetResult still gives what had arrived, such as the server's reason.
    if (unsent < 0 || !move_bytes(unsent == 1, watch)) break;
  }
  if (watch.silent) return nullptr;
  return PQgetResult(connection_.get());
}

void Connection::receive(std::span<const Statement> statements, const std::vector<Wire>& wires,
                         std::size_t commit_at, Watch& watch, Outcome& outcome) {
  for (const Wire& wire : wires) {
    pg_result* result = next_result(watch);
    // Results of one statement end with a null; a lost connection gives nothing else.
    if (result == nullptr && !watch.silent) result = next_result(watch);
    if (result == nullptr) return lost(wire.statement, commit_at, watch, outcome);
    const bool sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    if (sync != (wire.statement == statements.size())) {
      const bool own_loss = PQresultStatus(result) == PGRES_FATAL_ERROR;
      if (own_loss) take(result, wire, statements, outcome);
      if (!own_loss) PQclear(result);
      return lost(wire.statement, commit_at, watch, outcome);
    }
    if (sync) {
      PQclear(result);
      return;
    }
    take(result, wire, statements, outcome);
    if (broken_) return lost(wire.statement, commit_at, watch, outcome);
  }
  // Sending stopped half way: there is no Sync to wait for, and COMMIT is not among the wires.
  lost(statements.size(), commit_at, watch, outcome);
}

void Connection::take(pg_result* result, const Wire& wire, std::span<const Statement> statements,
                      Outcome& outcome) {
  Rows rows(result);
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
      if (!wire.prepare) outcome.rows[wire.statement] = std::move(rows);
      return;
    case PGRES_PIPELINE_ABORTED:
      if (wire.prepare) prepared_.erase(std::string(statements[wire.statement].sql.name));
      return;
    default:
      break;
  }
  const bool at_sync = wire.statement == statements.size();
  const Sql none;
  const Sql& sql = at_sync ? none : statements[wire.statement].sql;
  if (wire.prepare) prepared_.erase(std::string(sql.name));
  PgFailure failure = failure_of(result, sql.name);
  if (failure.drop_connection) broken_ = true;
  if (outcome.failure) return;
  outcome.failure = std::move(failure);
  outcome.failed_at = wire.statement;
}

// The connection is gone, or of no use. An error of the server explains it best; for a statement
// before COMMIT it also says that COMMIT did not run, since results come in order.
void Connection::lost(std::size_t at, std::size_t commit_at, const Watch& watch, Outcome& outcome) {
  broken_ = true;
  if (outcome.failure && !outcome.failure->sqlstate.empty()) {
    if (outcome.failure->fatal && outcome.failed_at >= commit_at) {
      outcome.failure->error.reason = kCommitUnknown;
    }
    return;
  }
  if (commit_at < at) {  // COMMIT was answered; only the Sync was not
    outcome.failure.reset();
    return;
  }
  if (!outcome.failure) {
    outcome.failure.emplace();
    outcome.failure->error = {
        .code = ErrorCode::unavailable,
        .detail = watch.silent ? "The database was silent for too long; the connection was dropped."
                               : "The connection to the database was lost: " +
                                     connection_message(connection_.get()),
        .reason = watch.silent ? "server_silent" : std::string(kConnectionLost)};
  }
  outcome.failure->drop_connection = true;
  outcome.failed_at = at;
  if (commit_at != kNoCommit) outcome.failure->error.reason = kCommitUnknown;
}

Result<void> Connection::script(std::string_view sql) {
  if (PQexitPipelineMode(connection_.get()) != 1) {
    broken_ = true;
    return fail(ErrorCode::unavailable, connection_message(connection_.get()),
                std::string(kConnectionLost));
  }
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  const std::string text(sql);
  const std::unique_ptr<PGresult, Clear> result(PQexec(connection_.get(), text.c_str()));
  const auto status = PQresultStatus(result.get());
  Result<void> done;
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
    PgFailure failure = failure_of(result.get(), "a script");
    if (failure.drop_connection) broken_ = true;
    done = std::unexpected(std::move(failure.error));
  }
  if (PQenterPipelineMode(connection_.get()) != 1) broken_ = true;
  return done;
}

}  // namespace c360::store
