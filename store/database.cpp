#include "store/database.h"

#include <utility>

#include "store/connection.h"
#include "store/database_state.h"

namespace c360::store {
namespace {

PoolOptions pool_options(const DatabaseOptions& options, Pool pool) {
  return {.connection = {.url = options.url,
                         .password = options.password,
                         .statement_timeout = options.statement_timeout,
                         .lock_timeout = options.lock_timeout,
                         .idle_in_transaction_timeout = options.idle_in_transaction_timeout,
                         .silence_grace = options.silence_grace,
                         .application_name = options.application_name,
                         .pooled = options.pooled,
                         .renew_plans = pool == Pool::work},
          .size = pool == Pool::api ? options.api_connections : options.work_connections,
          .wait_timeout = options.wait_timeout};
}

}  // namespace

Database::State::State(const DatabaseOptions& options, const Observer& observer)
    : health(observer),
      api("api", pool_options(options, Pool::api), observer, health, stopping),
      work("work", pool_options(options, Pool::work), observer, health, stopping) {
  for (const ErrorTraits& row : kErrorTraits) {
    errors.push_back(observer.metrics().counter(Metric::database_errors_total, {row.name}));
  }
}

Error Database::State::failed(const PgFailure& failure) {
  Error error = failure.error;
  if (stopping && (failure.sqlstate == "57014" || failure.drop_connection)) {
    // Our own cancel, not a slow statement.
    const bool unknown = error.reason == kCommitUnknown;
    error = {.code = ErrorCode::unavailable,
             .detail = "The service is stopping.",
             .reason = unknown ? std::string(kCommitUnknown) : "shutting_down"};
  } else if (failure.drop_connection && error.reason != "stale_plan") {
    health.away(error);
  }
  count(error);
  return error;
}

void Database::State::count(const Error& error) const {
  errors[static_cast<std::size_t>(error.code)].add();
}

Database::Database(const DatabaseOptions& options, const Observer& observer)
    : state_(std::make_shared<State>(options, observer)) {}

Database::~Database() = default;

Result<Rows> Database::execute(Pool pool, const Sql& sql, Params params) {
  auto tx = begin(pool, TxMode::single);
  if (!tx) return std::unexpected(tx.error());
  const Ticket ticket = tx->queue(sql, std::move(params));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  return tx->take(ticket);
}

void Database::reconfigure(const DatabaseOptions& options) {
  state_->api.reconfigure(pool_options(options, Pool::api));
  state_->work.reconfigure(pool_options(options, Pool::work));
}

void Database::shut_down() {
  state_->stopping = true;
  state_->api.shut_down();
  state_->work.shut_down();
}

bool Database::healthy() const { return state_->health.healthy(); }

}  // namespace c360::store
