#include "store/job_lists.h"

#include <utility>

namespace c360::store {

namespace {

constexpr Sql kListJobs{"job_lists.jobs", R"sql(
SELECT id, json_build_object(
         'id', id, 'kind', kind, 'schedule', schedule, 'status', status, 'priority', priority,
         'run_at', run_at, 'attempts', attempts, 'max_attempts', max_attempts, 'trigger', trigger,
         'planned_at', planned_at, 'record_id', record_id, 'dedupe_key', dedupe_key,
         'payload', payload, 'progress_done', progress_done, 'progress_total', progress_total,
         'progress_failed', progress_failed, 'paused', is_paused,
         'cancel_requested', cancel_requested, 'error_code', error_code, 'error', last_error,
         'created_at', created_at, 'created_by', created_by, 'finished_at', finished_at)::text
  FROM ops.job
 WHERE ($1 = '' OR status = $1) AND ($2 = '' OR kind = $2)
   AND ($3::bigint IS NULL OR record_id = $3) AND ($4::bigint IS NULL OR id < $4)
   AND ($6::bigint IS NULL OR id = $6)
 ORDER BY id DESC LIMIT $5)sql"};

constexpr Sql kListRuns{"job_lists.runs", R"sql(
SELECT id, json_build_object(
         'id', id, 'job', job, 'job_id', job_id, 'trigger', trigger, 'planned_at', planned_at,
         'record_id', record_id, 'holder', holder, 'attempt', attempt, 'started_at', started_at,
         'finished_at', finished_at, 'result', result, 'processed', processed, 'failed', failed,
         'error', error, 'next_run_at', next_run_at)::text
  FROM ops.job_run
 WHERE ($1 = '' OR job = $1) AND ($2 = '' OR result = $2)
   AND ($3::bigint IS NULL OR job_id = $3) AND ($4::bigint IS NULL OR id < $4)
 ORDER BY id DESC LIMIT $5)sql"};

constexpr Sql kListSchedules{"job_lists.schedules", R"sql(
SELECT json_build_object(
         'name', s.name, 'kind', s.kind, 'cron', s.expression, 'timezone', s.timezone,
         'paused', NOT s.is_enabled, 'next_run_at', CASE WHEN s.is_enabled THEN s.next_run_at END,
         'last_planned_at', s.last_planned_at, 'last_started_at', r.started_at,
         'last_result', r.result)::text
  FROM ops.schedule AS s
  LEFT JOIN LATERAL (SELECT started_at, result FROM ops.job_run
                      WHERE job = s.name ORDER BY id DESC LIMIT 1) AS r ON true
 WHERE $1::text IS NULL OR s.name = $1
 ORDER BY s.name)sql"};

std::vector<JobListRow> read_rows(const Rows& rows) {
  std::vector<JobListRow> list;
  for (int row = 0; row < rows.size(); ++row)
    list.push_back({rows.int64(row, 0), std::string(rows.text(row, 1))});
  return list;
}

Result<Rows> jobs(Database& database, const JobFilter& filter, std::optional<std::int64_t> id) {
  return database.execute(Pool::api, kListJobs,
                          std::move(Params{}
                                        .add(filter.status)
                                        .add(filter.kind)
                                        .add(filter.record_id)
                                        .add(filter.before)
                                        .add(filter.limit)
                                        .add(id)));
}

}  // namespace

Result<std::vector<JobListRow>> list_jobs(Database& database, const JobFilter& filter) {
  auto rows = jobs(database, filter, std::nullopt);
  if (!rows) return std::unexpected(rows.error());
  return read_rows(*rows);
}

Result<std::string> job_json(Database& database, std::int64_t id) {
  auto rows = jobs(database, {}, id);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return fail(ErrorCode::not_found, "Job " + std::to_string(id) + " does not exist.");
  return std::string(rows->text(0, 1));
}

Result<std::vector<JobListRow>> list_job_runs(Database& database, const JobRunFilter& filter) {
  auto rows = database.execute(Pool::api, kListRuns,
                               std::move(Params{}
                                             .add(filter.job)
                                             .add(filter.result)
                                             .add(filter.job_id)
                                             .add(filter.before)
                                             .add(filter.limit)));
  if (!rows) return std::unexpected(rows.error());
  return read_rows(*rows);
}

Result<std::vector<std::string>> list_schedules(Database& database) {
  auto rows = database.execute(Pool::api, kListSchedules, std::move(Params{}.add_null()));
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> list;
  for (int row = 0; row < rows->size(); ++row) list.emplace_back(rows->text(row, 0));
  return list;
}

Result<std::string> schedule_json(Database& database, std::string_view name) {
  auto rows = database.execute(Pool::api, kListSchedules, std::move(Params{}.add(name)));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return fail(ErrorCode::not_found, "There is no schedule '" + std::string(name) + "'.");
  return std::string(rows->text(0, 0));
}

}  // namespace c360::store
