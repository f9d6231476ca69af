#include "daemon/jobs/housekeeping.h"

#include "store/idempotency.h"
#include "store/service_answers.h"
#include "store/service_gates.h"
#include "store/webhook_queue.h"

namespace c360::daemon {

namespace {

using store::Pool;

constexpr std::int64_t kPiece = 10'000;  // rows of one statement, so that none takes long

constexpr store::Sql kEnsurePartitions{"job_partitions",
                                       "SELECT crm.ensure_history_partitions($1::integer)"};
constexpr store::Sql kScanInvariants{"job_invariant_scan", R"sql(
INSERT INTO ops.invariant_scanned (invariant, violations, scanned_at)
SELECT invariant, violations, now() FROM ops.invariant_scan
ON CONFLICT (invariant) DO UPDATE
  SET violations = excluded.violations, scanned_at = excluded.scanned_at)sql"};

// Piece by piece until one is not full.
template <typename Purge>
Result<JobYield> purge_all(JobRun& run, Purge purge) {
  JobYield yield;
  for (std::int64_t gone = kPiece; gone >= kPiece;) {
    if (run.stopping()) return fail(ErrorCode::unavailable, "the daemon stops");
    auto removed = purge();
    if (!removed) return std::unexpected(removed.error());
    gone = *removed;
    yield.processed += gone;
    if (auto shown = run.progress(yield.processed); !shown) return std::unexpected(shown.error());
  }
  return yield;
}

Result<JobYield> execute(store::Database& database, const store::Sql& sql,
                         store::Params params = {}) {
  auto done = database.execute(Pool::work, sql, std::move(params));
  if (!done) return std::unexpected(done.error());
  return JobYield{.processed = done->affected()};
}

}  // namespace

void add_housekeeping_jobs(JobHandlers& handlers, store::Database& database,
                           const RetentionConfig& retention) {
  handlers["history_partitions"] = [&database, months = retention.history_months_ahead](JobRun&) {
    return execute(database, kEnsurePartitions, std::move(store::Params{}.add(months)));
  };
  handlers["purge_idempotency_keys"] = [&database](JobRun& run) {
    return purge_all(run, [&] { return store::purge_idempotency(database, kPiece); });
  };
  // With the answers of outside services that nobody may use any more, the gates of chats nobody
  // has written to for a day, and the log of webhooks.
  handlers["purge_jobs"] = [&database, age = retention.jobs](JobRun& run) {
    auto jobs = purge_all(run, [&] { return store::purge_jobs(database, age, kPiece); });
    if (!jobs) return jobs;
    auto told = purge_all(run, [&] { return store::purge_deliveries(database, age, kPiece); });
    if (!told) return told;
    auto answers = purge_all(run, [&] { return store::purge_answers(database, age, kPiece); });
    if (!answers) return answers;
    return purge_all(run, [&] {
      return store::purge_recipient_gates(database, std::chrono::hours{24}, kPiece);
    });
  };
  handlers["invariant_scan"] = [&database](JobRun&) { return execute(database, kScanInvariants); };
}

}  // namespace c360::daemon
