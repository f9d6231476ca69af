#include "store/jobs.h"

#include "store/job_rest.h"

#include <algorithm>
#include <utility>

#include "daemon/base/text.h"

namespace c360::store {

namespace {

// DO UPDATE and not DO NOTHING: it waits for whoever is just making the same job, and has a row.
// What somebody asks for by hand waits neither for the clock that made it nor in a pause.
constexpr Sql kEnqueue{"jobs.enqueue", R"sql(
INSERT INTO ops.job AS j (kind, payload, dedupe_key, record_id, run_at, priority, max_attempts,
                          created_by, trigger)
VALUES ($1, $2::jsonb, $3, $4, coalesce($5::timestamptz, now()), $6, $7, $8, $9)
ON CONFLICT (kind, dedupe_key) WHERE status IN ('queued', 'running')
DO UPDATE SET priority = greatest(j.priority, excluded.priority),
              trigger = CASE excluded.trigger WHEN 'api' THEN 'api' ELSE j.trigger END,
              run_at = CASE WHEN excluded.trigger = 'api' AND j.status = 'queued'
                            THEN least(j.run_at, excluded.run_at) ELSE j.run_at END,
              is_paused = j.is_paused AND excluded.trigger <> 'api'
RETURNING id, xmax = 0)sql"};

// A run that was left open belongs to a holder that went away. Priority by priority: what is put
// off to a later time stands in the index before all that is due of the lesser ones.
constexpr Sql kTake{"jobs.take", R"sql(
WITH RECURSIVE level (priority) AS (
  (SELECT priority FROM ops.job WHERE status = 'queued' ORDER BY priority DESC LIMIT 1)
  UNION ALL
  SELECT (SELECT j.priority FROM ops.job AS j
           WHERE j.status = 'queued' AND j.priority < level.priority
           ORDER BY j.priority DESC LIMIT 1)
    FROM level WHERE level.priority IS NOT NULL),
due AS (
  SELECT j.id FROM level
   CROSS JOIN LATERAL (
     SELECT id FROM ops.job
      WHERE status = 'queued' AND priority = level.priority AND run_at <= now()
        AND kind = ANY ($1::text[]) AND NOT is_paused
      ORDER BY run_at, id LIMIT $3 FOR UPDATE SKIP LOCKED) AS j
   LIMIT $3),
taken AS (
  UPDATE ops.job AS j
     SET status = 'running', holder = $2, fence = fence + 1, attempts = attempts + 1,
         locked_until = clock_timestamp() + $4::bigint * interval '1 millisecond'
    FROM due WHERE j.id = due.id
  RETURNING j.*),
runs AS (
  INSERT INTO ops.job_run (job, job_id, trigger, planned_at, record_id, holder, started_at, attempt)
  SELECT coalesce(schedule, kind), id, trigger, planned_at, record_id, holder, clock_timestamp(),
         attempts
    FROM taken
  RETURNING id, job_id)
SELECT t.id, t.kind, t.payload::text, coalesce(t.schedule, t.kind), t.record_id, t.planned_at,
       t.attempts, t.max_attempts, r.id, t.holder, t.fence
  FROM taken t JOIN runs r ON r.job_id = t.id
 ORDER BY t.priority DESC, t.run_at, t.id)sql"};

constexpr Sql kRenew{"jobs.renew", R"sql(
UPDATE ops.job AS j
   SET locked_until = clock_timestamp() + $4::bigint * interval '1 millisecond'
  FROM unnest($1::bigint[], $2::bigint[]) AS ours (id, fence)
 WHERE j.id = ours.id AND j.fence = ours.fence AND j.holder = $3 AND j.status = 'running'
RETURNING j.id, j.cancel_requested)sql"};

// $4 the status it gets, $5 after how long, $6 attempts that do not count, $13 whether it stands
// alone. Then nobody waits until it is on the disk: of the last second a server that loses its
// power may forget that a job has ended, and it is done again when its lease is over, as after any
// crash between its effect and this.
constexpr Sql kSettle{"jobs.settle", R"sql(
WITH ours AS (
  SELECT id, CASE WHEN $4 = 'queued' AND cancel_requested THEN 'canceled' ELSE $4 END AS status
    FROM ops.job
   WHERE id = $1 AND holder = $2 AND fence = $3 AND status = 'running' FOR NO KEY UPDATE),
settled AS (
  UPDATE ops.job AS j
     SET status = ours.status, holder = NULL, locked_until = NULL, attempts = attempts - $6::integer,
         last_error = $7, error_code = $8,
         run_at = CASE WHEN ours.status = 'queued'
                       THEN clock_timestamp() + $5::bigint * interval '1 millisecond'
                       ELSE j.run_at END,
         finished_at = CASE WHEN ours.status = 'queued' THEN NULL ELSE clock_timestamp() END
    FROM ours WHERE j.id = ours.id
  RETURNING j.status, j.run_at),
run AS (
  UPDATE ops.job_run
     SET finished_at = clock_timestamp(), result = $10, error = $7, processed = $11::integer,
         failed = $12::integer,
         next_run_at = CASE WHEN settled.status = 'queued' THEN settled.run_at END
    FROM settled WHERE job_run.id = $9)
SELECT CASE WHEN $13::boolean THEN set_config('synchronous_commit', 'off', true) END
  FROM settled)sql"};

constexpr Sql kPutOff{"jobs.put_off", R"sql(
WITH alike AS (
  SELECT j.id, j.priority, j.run_at FROM ops.job AS j JOIN ops.job AS ours ON ours.id = $1
   WHERE j.kind = ours.kind AND j.status = 'queued'
     AND (j.trigger = 'schedule') = (ours.trigger = 'schedule')
     AND j.run_at < clock_timestamp() + $2::bigint * interval '1 millisecond'
     FOR NO KEY UPDATE OF j SKIP LOCKED),
placed AS (
  SELECT id, row_number() OVER (ORDER BY priority DESC, run_at, id) AS place FROM alike)
UPDATE ops.job AS j
   SET run_at = clock_timestamp() + $2::bigint * interval '1 millisecond'
                + placed.place * interval '50 milliseconds',
       last_error = $3, error_code = $4
  FROM placed WHERE j.id = placed.id)sql"};

constexpr Sql kCheck{"jobs.check", "SELECT ops.check_job($1, $2, $3)"};

constexpr Sql kProgress{"jobs.progress", R"sql(
UPDATE ops.job SET progress_done = $4, progress_total = $5
 WHERE id = $1 AND holder = $2 AND fence = $3 AND status = 'running'
RETURNING cancel_requested)sql"};

// A transaction under the lease keeps its row locked, so it is passed over.
constexpr Sql kReclaim{"jobs.reclaim", R"sql(
WITH expired AS (
  SELECT id FROM ops.job WHERE status = 'running' AND locked_until <= clock_timestamp()
   ORDER BY locked_until LIMIT 1000 FOR UPDATE SKIP LOCKED),
back AS (
  UPDATE ops.job AS j
     SET status = CASE WHEN cancel_requested THEN 'canceled'
                       WHEN attempts >= max_attempts THEN 'failed' ELSE 'queued' END,
         finished_at = CASE WHEN cancel_requested OR attempts >= max_attempts
                            THEN clock_timestamp() END,
         holder = NULL, locked_until = NULL, error_code = 'lease_lost',
         last_error = 'the process that ran it went away without a word'
    FROM expired WHERE j.id = expired.id
  RETURNING j.id),
run AS (
  UPDATE ops.job_run AS r
     SET finished_at = clock_timestamp(), result = 'failed',
         error = 'the process that ran it went away without a word'
    FROM back WHERE r.job_id = back.id AND r.finished_at IS NULL)
SELECT count(*) FROM back)sql"};

constexpr Sql kCancel{"jobs.cancel", R"sql(
UPDATE ops.job
   SET cancel_requested = true,
       status = CASE status WHEN 'queued' THEN 'canceled' ELSE status END,
       finished_at = CASE status WHEN 'queued' THEN clock_timestamp() ELSE finished_at END
 WHERE id = $1 AND status IN ('queued', 'running')
RETURNING status)sql"};
constexpr Sql kPause{"jobs.pause", R"sql(
UPDATE ops.job SET is_paused = true WHERE id = $1 AND status IN ('queued', 'running')
RETURNING id)sql"};
constexpr Sql kResume{"jobs.resume", R"sql(
UPDATE ops.job
   SET is_paused = false,
       run_at = CASE status WHEN 'queued' THEN least(run_at, now()) ELSE run_at END
 WHERE id = $1 AND status IN ('queued', 'running')
RETURNING id, pg_notify('c360_job', ''))sql"};
constexpr Sql kStatus{"jobs.status", "SELECT status FROM ops.job WHERE id = $1"};

constexpr Sql kRetry{"jobs.retry", R"sql(
WITH back AS (
  UPDATE ops.job SET status = 'queued', attempts = 0, run_at = now(), finished_at = NULL,
         cancel_requested = false, is_paused = false
   WHERE id = $1 AND status IN ('failed', 'canceled')
  RETURNING id)
SELECT pg_notify('c360_job', '') FROM back)sql"};
constexpr Sql kRetryFailed{"jobs.retry_failed", R"sql(
WITH dead AS (
  SELECT DISTINCT ON (kind, coalesce(dedupe_key, id::text)) id FROM ops.job AS j
   WHERE status = 'failed' AND ($1 = '' OR kind = $1)
     AND NOT EXISTS (SELECT FROM ops.job AS other
                      WHERE other.kind = j.kind AND other.dedupe_key = j.dedupe_key
                        AND other.status IN ('queued', 'running'))
   ORDER BY kind, coalesce(dedupe_key, id::text), id LIMIT $2),
back AS (
  UPDATE ops.job AS j SET status = 'queued', attempts = 0, run_at = now(), finished_at = NULL,
         cancel_requested = false, is_paused = false
    FROM dead WHERE j.id = dead.id AND j.status = 'failed'
  RETURNING j.id)
SELECT count(*), pg_notify('c360_job', '') FROM back)sql"};

constexpr Sql kUntilNext{"jobs.until_next", R"sql(
SELECT (extract(epoch FROM least(
  (SELECT min(run_at) FROM ops.job
    WHERE status = 'queued' AND run_at > now() AND kind = ANY ($1::text[]) AND NOT is_paused),
  (SELECT min(locked_until) FROM ops.job WHERE status = 'running' AND locked_until > now()),
  (SELECT min(next_run_at) FROM ops.schedule WHERE is_enabled)
) - clock_timestamp()) * 1000)::bigint)sql"};

constexpr Sql kPurgeJobs{"jobs.purge", R"sql(
DELETE FROM ops.job WHERE id IN (
  SELECT id FROM ops.job
   WHERE finished_at < now() - $1::bigint * interval '1 hour' AND status IN ('done', 'canceled')
   ORDER BY finished_at LIMIT $2))sql"};
constexpr Sql kPurgeRuns{"jobs.purge_runs", R"sql(
DELETE FROM ops.job_run WHERE id IN (
  SELECT id FROM ops.job_run
   WHERE started_at < now() - $1::bigint * interval '1 hour' AND finished_at IS NOT NULL
   ORDER BY started_at LIMIT $2))sql"};

constexpr Sql kDepths{"jobs.depths", R"sql(
SELECT kind, count(*) FILTER (WHERE status = 'queued'), count(*) FILTER (WHERE status = 'running'),
       count(*) FILTER (WHERE status = 'failed'),
       (extract(epoch FROM coalesce(max(now() - run_at)
          FILTER (WHERE status = 'queued' AND run_at <= now() AND NOT is_paused),
          interval '0')) * 1000)::bigint
  FROM ops.job WHERE status IN ('queued', 'running', 'failed') GROUP BY kind)sql"};

std::unexpected<Error> lease_lost(const Job& job) {
  return fail(
      ErrorCode::conflict,
      "Job " + std::to_string(job.id) + " (" + job.kind + ") is not held by this process any more.",
      "lease_lost");
}

Params identity(const Job& job) {
  return std::move(Params{}.add(job.id).add(job.holder).add(job.fence));
}

std::string_view status_after(JobEnd end) {
  switch (end) {
    case JobEnd::done:
      return "done";
    case JobEnd::failed:
      return "failed";
    case JobEnd::canceled:
      return "canceled";
    case JobEnd::retry:
    case JobEnd::given_back:
    case JobEnd::goes_on:
      break;
  }
  return "queued";
}

std::string_view result_of(const JobSettlement& settlement) {
  switch (settlement.end) {
    case JobEnd::done:
    case JobEnd::goes_on:
      return settlement.failed > 0 ? "partial" : "ok";
    case JobEnd::canceled:
    case JobEnd::given_back:
      return "skipped";
    case JobEnd::retry:
    case JobEnd::failed:
      break;
  }
  return "failed";
}

// Attempts that do not count: what gets on begins anew with them.
int forgiven(const Job& job, JobEnd end) {
  if (end == JobEnd::goes_on) return job.attempts;
  return end == JobEnd::given_back ? 1 : 0;
}

Params settlement_params(const Job& job, const JobSettlement& settlement, bool alone) {
  Params params = identity(job);
  params.add(status_after(settlement.end))
      .add(static_cast<std::int64_t>(settlement.delay.count()))
      .add(forgiven(job, settlement.end));
  if (settlement.error) {
    params.add(utf8_prefix(settlement.error->detail, kMaxJobErrorBytes));
    params.add(to_string(settlement.error->code));
  } else {
    params.add_null().add_null();
  }
  params.add(job.run_id)
      .add(result_of(settlement))
      .add(settlement.processed)
      .add(settlement.failed)
      .add(alone);
  return params;
}

Job read_job(const Rows& rows, int row) {
  Job job;
  job.id = rows.int64(row, 0);
  job.kind = rows.text(row, 1);
  job.payload = rows.text(row, 2);
  job.name = rows.text(row, 3);
  job.record_id = rows.optional_int64(row, 4);
  job.planned_at = rows.instant(row, 5);
  job.attempts = static_cast<int>(rows.int64(row, 6));
  job.max_attempts = static_cast<int>(rows.int64(row, 7));
  job.run_id = rows.int64(row, 8);
  job.holder = rows.text(row, 9);
  job.fence = rows.int64(row, 10);
  return job;
}

// Nothing was changed: it is not there, or not in the state it should be in.
std::unexpected<Error> not_so(Database& database, std::int64_t id, std::string_view reason,
                              std::string_view why) {
  auto rows = database.execute(Pool::api, kStatus, Params{}.add(id));
  if (!rows) return std::unexpected(rows.error());
  const std::string name = "Job " + std::to_string(id);
  if (rows->empty()) return fail(ErrorCode::not_found, name + " does not exist.");
  return fail(ErrorCode::conflict,
              name + " is " + std::string(rows->text(0, 0)) + ". " + std::string(why),
              std::string(reason));
}

}  // namespace

Ticket queue_job(Transaction& tx, const JobRequest& request) {
  Params params;
  params.add(request.kind).add(request.payload);
  request.dedupe_key.empty() ? params.add_null() : params.add(request.dedupe_key);
  params.add(request.record_id)
      .add(request.run_at)
      .add(request.priority)
      .add(request.max_attempts)
      .add(request.created_by)
      .add(request.trigger);
  return tx.queue(kEnqueue, std::move(params));
}

EnqueuedJob enqueued(const Rows& rows) { return {rows.int64(0, 0), rows.boolean(0, 1)}; }

Result<EnqueuedJob> enqueue_job(Database& database, const JobRequest& request) {
  auto tx = database.begin(Pool::work, TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  const Ticket job = queue_job(*tx, request);
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  return enqueued(tx->rows(job));
}

Result<std::vector<Job>> take_jobs(Database& database, const std::vector<std::string>& kinds,
                                   std::string_view holder, int limit,
                                   std::chrono::milliseconds lease) {
  auto rows = database.execute(Pool::work, kTake,
                               std::move(Params{}.add_array(kinds).add(holder).add(limit).add(
                                   static_cast<std::int64_t>(lease.count()))));
  if (!rows) return std::unexpected(rows.error());
  std::vector<Job> jobs;
  for (int row = 0; row < rows->size(); ++row) jobs.push_back(read_job(*rows, row));
  return jobs;
}

Result<JobRenewal> renew_jobs(Database& database, const std::vector<Job>& jobs,
                              std::chrono::milliseconds lease) {
  JobRenewal renewal;
  if (jobs.empty()) return renewal;
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> fences;
  for (const Job& job : jobs) {
    ids.push_back(job.id);
    fences.push_back(job.fence);
  }
  auto rows = database.execute(Pool::work, kRenew,
                               std::move(Params{}
                                             .add_array(ids)
                                             .add_array(fences)
                                             .add(jobs.front().holder)
                                             .add(static_cast<std::int64_t>(lease.count()))));
  if (!rows) return std::unexpected(rows.error());
  renewal.lost = std::move(ids);
  for (int row = 0; row < rows->size(); ++row) {
    std::erase(renewal.lost, rows->int64(row, 0));
    if (rows->boolean(row, 1)) renewal.canceled.push_back(rows->int64(row, 0));
  }
  return renewal;
}

Result<void> settle_job(Database& database, const Job& job, const JobSettlement& settlement) {
  auto rows =
      database.execute(Pool::work, kSettle, settlement_params(job, settlement, /*alone=*/true));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return lease_lost(job);
  return {};
}

Result<std::int64_t> put_off_jobs_like(Database& database, const Job& job,
                                       const JobSettlement& settlement) {
  Params params;
  params.add(job.id).add(static_cast<std::int64_t>(settlement.delay.count()));
  params.add(settlement.error->detail).add(to_string(settlement.error->code));
  auto rows = database.execute(Pool::work, kPutOff, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return rows->affected();
}

void queue_job_check(Transaction& tx, const Job& job) { tx.queue(kCheck, identity(job)); }

void queue_job_done(Transaction& tx, const Job& job, std::int64_t processed) {
  queue_job_check(tx, job);
  tx.queue(kSettle, settlement_params(job, {.processed = processed}, /*alone=*/false));
}

Result<bool> note_progress(Database& database, const Job& job, std::int64_t done,
                           std::optional<std::int64_t> total) {
  auto rows =
      database.execute(Pool::work, kProgress, std::move(identity(job).add(done).add(total)));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return lease_lost(job);
  return rows->boolean(0, 0);
}

Result<std::int64_t> reclaim_jobs(Database& database) {
  auto rows = database.execute(Pool::work, kReclaim);
  if (!rows) return std::unexpected(rows.error());
  return rows->int64(0, 0);
}

Result<bool> cancel_job(Database& database, std::int64_t id) {
  auto rows = database.execute(Pool::api, kCancel, Params{}.add(id));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return not_so(database, id, "job_finished", "Only what is queued or running can be canceled.");
  return rows->text(0, 0) == "canceled";
}

Result<void> pause_job(Database& database, std::int64_t id) {
  auto rows = database.execute(Pool::api, kPause, Params{}.add(id));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return not_so(database, id, "job_finished", "Only what is queued or running can rest.");
  return {};
}

Result<void> resume_job(Database& database, std::int64_t id) {
  auto rows = database.execute(Pool::api, kResume, Params{}.add(id));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return not_so(database, id, "job_finished", "Only what is queued or running can go on.");
  return {};
}

Result<void> retry_job(Database& database, std::int64_t id) {
  auto rows = database.execute(Pool::api, kRetry, Params{}.add(id));
  if (!rows && rows.error().reason == "job_dedupe_key")
    return fail(ErrorCode::conflict, "Another job that is not finished does the same.",
                "job_dedupe_key");
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return not_so(database, id, "job_not_finished", "Only failed and canceled ones run again.");
  return {};
}

Result<std::int64_t> retry_failed_jobs(Database& database, std::string_view kind, int limit) {
  auto rows = database.execute(Pool::api, kRetryFailed, std::move(Params{}.add(kind).add(limit)));
  if (!rows) return std::unexpected(rows.error());
  return rows->int64(0, 0);
}

Result<std::optional<std::chrono::milliseconds>> until_next_job(
    Database& database, const std::vector<std::string>& kinds) {
  auto rows = database.execute(Pool::work, kUntilNext, std::move(Params{}.add_array(kinds)));
  if (!rows) return std::unexpected(rows.error());
  const auto wait = rows->optional_int64(0, 0);
  if (!wait) return std::nullopt;
  return std::chrono::milliseconds{std::max<std::int64_t>(*wait, 0)};
}

Result<std::int64_t> purge_jobs(Database& database, std::chrono::hours age, std::int64_t limit) {
  std::int64_t gone = 0;
  for (const Sql& sql : {kPurgeRuns, kPurgeJobs}) {
    auto rows = database.execute(
        Pool::work, sql,
        std::move(Params{}.add(static_cast<std::int64_t>(age.count())).add(limit)));
    if (!rows) return std::unexpected(rows.error());
    gone += rows->affected();
  }
  return gone;
}

Result<std::vector<JobDepth>> job_depths(Database& database) {
  auto rows = database.execute(Pool::work, kDepths);
  if (!rows) return std::unexpected(rows.error());
  std::vector<JobDepth> depths;
  for (int row = 0; row < rows->size(); ++row)
    depths.push_back({std::string(rows->text(row, 0)), rows->int64(row, 1), rows->int64(row, 2),
                      rows->int64(row, 3), std::chrono::milliseconds{rows->int64(row, 4)}});
  return depths;
}

}  // namespace c360::store
