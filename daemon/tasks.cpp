#include "daemon/tasks.h"

#include <map>

#include "daemon/ledger_tasks.h"
#include "store/idempotency.h"
#include "store/search.h"

namespace c360::daemon {

namespace {

using store::Params;
using store::Pool;

constexpr store::Sql kEnsureSchedule{"task_ensure", R"sql(
INSERT INTO ops.schedule (name, kind, expression, next_run_at) VALUES ($1, $1, $2, now())
ON CONFLICT (name) DO NOTHING)sql"};

// One row or none. The new time counts from now: a downtime is followed by one run.
constexpr store::Sql kClaimRun{"task_claim", R"sql(
WITH due AS (
  UPDATE ops.schedule AS s
     SET last_planned_at = s.next_run_at, updated_at = now(),
         next_run_at = now() + $2::bigint * interval '1 second'
   WHERE s.name = $1 AND s.is_enabled AND s.next_run_at <= now()
  RETURNING s.last_planned_at)
INSERT INTO ops.job_run (job, trigger, planned_at, holder)
SELECT $1, 'schedule', last_planned_at, $3 FROM due
ON CONFLICT DO NOTHING
RETURNING id)sql"};

constexpr store::Sql kFinishRun{"task_finish", R"sql(
UPDATE ops.job_run SET finished_at = now(), result = $2, error = $3 WHERE id = $1)sql"};

constexpr store::Sql kEnsurePartitions{"task_partitions",
                                       "SELECT crm.ensure_history_partitions($1::integer)"};

constexpr store::Sql kForgetRuns{"task_forget_runs", R"sql(
DELETE FROM ops.job_run WHERE id IN (
  SELECT id FROM ops.job_run
   WHERE trigger = 'schedule' AND started_at < now() - interval '30 days'
   ORDER BY started_at LIMIT 10000))sql"};

constexpr store::Sql kQuarantine{"task_quarantine", R"sql(
SELECT reason, count(*) FROM ops.quarantine WHERE status = 'open' GROUP BY reason)sql"};

// A failed run is tried again before the next slot.
constexpr store::Sql kRetrySoon{"task_retry", R"sql(
UPDATE ops.schedule SET next_run_at = LEAST(next_run_at, now() + interval '1 minute')
 WHERE name = (SELECT job FROM ops.job_run WHERE id = $1))sql"};

// Expressions as ops.schedule spells them.
std::string_view expression_of(std::chrono::seconds period) {
  return period >= std::chrono::hours{24} ? "@daily" : "@hourly";
}

Result<void> purge_idempotency_keys(store::Database& database) {
  constexpr std::int64_t kPiece = 10'000;
  while (true) {
    auto removed = store::purge_idempotency(database, kPiece);
    if (!removed) return std::unexpected(removed.error());
    if (*removed < kPiece) return {};
  }
}

// The open quarantine by reason. A reason seen once stays as a series with 0.
class QuarantineGauge {
 public:
  QuarantineGauge(store::Database& database, Metrics& metrics)
      : database_(database), metrics_(metrics) {}

  Result<void> operator()() {
    auto rows = database_.execute(Pool::work, kQuarantine);
    if (!rows) return std::unexpected(rows.error());
    for (auto& [reason, count] : *counts_) count = 0;
    for (int row = 0; row < rows->size(); ++row)
      (*counts_)[std::string(rows->text(row, 0))] = rows->int64(row, 1);
    for (const auto& [reason, count] : *counts_)
      metrics_.gauge(Metric::quarantine_open, {reason}).set(static_cast<double>(count));
    return {};
  }

 private:
  store::Database& database_;
  Metrics& metrics_;
  // Shared, because std::function wants to copy.
  std::shared_ptr<std::map<std::string, std::int64_t>> counts_ =
      std::make_shared<std::map<std::string, std::int64_t>>();
};

}  // namespace

std::vector<PeriodicTask> periodic_tasks(store::Database& database,
                                         const RetentionConfig& retention,
                                         const Observer& observer) {
  using std::chrono::hours;
  using std::chrono::seconds;
  std::vector<PeriodicTask> tasks;
  tasks.push_back({"history_partitions", hours{24}, TaskScope::cluster,
                   [&database, months = retention.history_months_ahead]() -> Result<void> {
                     auto made =
                         database.execute(Pool::work, kEnsurePartitions, Params{}.add(months));
                     if (!made) return std::unexpected(made.error());
                     return {};
                   }});
  tasks.push_back({"purge_idempotency_keys", hours{1}, TaskScope::cluster,
                   [&database] { return purge_idempotency_keys(database); }});
  tasks.push_back({"purge_job_runs", hours{24}, TaskScope::cluster, [&database]() -> Result<void> {
                     auto gone = database.execute(Pool::work, kForgetRuns);
                     if (!gone) return std::unexpected(gone.error());
                     return {};
                   }});
  tasks.push_back({"quarantine_gauge", seconds{15}, TaskScope::daemon,
                   QuarantineGauge(database, observer.metrics())});
  // A bounded share of the database, however much was written: search may lag, writers may not.
  tasks.push_back({"search_index", seconds{2}, TaskScope::daemon,
                   [&database, registry = std::make_shared<const store::Registry>(
                                   store::Registry::standard())]() -> Result<void> {
                     auto done = store::index_changes(database, *registry);
                     if (!done) return std::unexpected(done.error());
                     return {};
                   }});
  for (PeriodicTask& task : ledger_tasks(database, observer.metrics()))
    tasks.push_back(std::move(task));
  return tasks;
}

Result<std::optional<std::int64_t>> claim_run(store::Database& database, const PeriodicTask& task,
                                              std::string_view holder) {
  auto tx = database.begin(Pool::work, store::TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  tx->queue(kEnsureSchedule, Params{}.add(task.name).add(expression_of(task.period)));
  const auto claimed = tx->queue(
      kClaimRun,
      Params{}.add(task.name).add(static_cast<std::int64_t>(task.period.count())).add(holder));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  const store::Rows& rows = tx->rows(claimed);
  if (rows.empty()) return std::nullopt;
  return rows.int64(0, 0);
}

Result<void> finish_run(store::Database& database, std::int64_t run, const Result<void>& outcome) {
  Params params;
  params.add(run).add(outcome ? "ok" : "failed");
  if (outcome) {
    params.add_null();
  } else {
    params.add(outcome.error().detail);
  }
  auto tx = database.begin(Pool::work, store::TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  tx->queue(kFinishRun, std::move(params));
  if (!outcome) tx->queue(kRetrySoon, Params{}.add(run));
  return tx->commit();
}

}  // namespace c360::daemon
