#include "store/schedules.h"

#include <utility>
#include <vector>

namespace c360::store {

namespace {

constexpr Sql kElsewhere{"schedules.elsewhere", R"sql(
SELECT name, expression, clock_timestamp() FROM ops.schedule
 WHERE timezone <> $1 FOR NO KEY UPDATE SKIP LOCKED)sql"};
// What is due stays due.
constexpr Sql kMove{"schedules.move", R"sql(
UPDATE ops.schedule
   SET timezone = $2, next_run_at = CASE WHEN next_run_at <= now() THEN next_run_at ELSE $3 END
 WHERE name = $1)sql"};

constexpr Sql kDue{"schedules.due", R"sql(
SELECT name, expression, clock_timestamp() FROM ops.schedule
 WHERE is_enabled AND next_run_at <= now()
 ORDER BY next_run_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED)sql"};

// The slot is the time it was planned for; the next one counts from now. Where the job of an
// earlier slot is not finished there is a skipped run instead of a job.
constexpr Sql kFire{"schedules.fire", R"sql(
WITH slot AS (
  SELECT name, kind, payload, priority, next_run_at FROM ops.schedule WHERE name = $1),
moved AS (
  UPDATE ops.schedule SET last_planned_at = next_run_at, next_run_at = $2, updated_at = now()
   WHERE name = $1),
made AS (
  INSERT INTO ops.job (kind, payload, priority, dedupe_key, trigger, schedule, planned_at)
  SELECT kind, payload, priority, 'schedule ' || name, 'schedule', name, next_run_at FROM slot
  ON CONFLICT DO NOTHING
  RETURNING id),
skipped AS (
  INSERT INTO ops.job_run (job, trigger, planned_at, holder, finished_at, result, error, next_run_at)
  SELECT name, 'schedule', next_run_at, $3, now(), 'skipped',
         'the run before it is not finished', $2
    FROM slot WHERE NOT EXISTS (SELECT FROM made)
  ON CONFLICT DO NOTHING)
SELECT id FROM made)sql"};

// Somebody wrote past us what is no expression: it must not keep the others from their time.
constexpr Sql kPause{"schedules.pause", R"sql(
WITH paused AS (
  UPDATE ops.schedule SET is_enabled = false, timezone = $4, updated_at = now() WHERE name = $1)
INSERT INTO ops.job_run (job, trigger, holder, finished_at, result, error)
VALUES ($1, 'schedule', $2, now(), 'failed', $3))sql"};

constexpr Sql kFind{"schedules.find", R"sql(
SELECT expression, is_enabled, clock_timestamp(), kind, payload::text, priority
  FROM ops.schedule WHERE name = $1 FOR NO KEY UPDATE)sql"};
constexpr Sql kChange{"schedules.change", R"sql(
UPDATE ops.schedule
   SET expression = $2, is_enabled = $3, next_run_at = $4, timezone = $5, updated_at = now()
 WHERE name = $1)sql"};
constexpr Sql kRunNow{"schedules.run_now", R"sql(
INSERT INTO ops.job AS j (kind, payload, priority, dedupe_key, trigger, schedule, created_by)
SELECT kind, payload, priority, 'schedule ' || name, 'api', name, $2
  FROM ops.schedule WHERE name = $1
ON CONFLICT (kind, dedupe_key) WHERE status IN ('queued', 'running')
DO UPDATE SET priority = greatest(j.priority, excluded.priority),
              run_at = CASE j.status WHEN 'queued' THEN now() ELSE j.run_at END
RETURNING id, xmax = 0)sql"};

Seconds whole(const Rows& rows, int row, int column) {
  return std::chrono::floor<std::chrono::seconds>(*rows.instant(row, column));
}

std::unexpected<Error> no_schedule(std::string_view name) {
  return fail(ErrorCode::not_found, "There is no schedule '" + std::string(name) + "'.");
}

// The schedules a statement found (name, expression, now) with their next time; those without one
// are paused.
class Found {
 public:
  Found(Transaction& tx, const Rows& rows, const TimeZone& zone, std::string_view holder) {
    for (int row = 0; row < rows.size(); ++row) {
      const std::string name(rows.text(row, 0));
      if (const auto cron = Cron::parse(rows.text(row, 1))) {
        next_.emplace_back(name, Instant{cron->next(whole(rows, row, 2), zone)});
      } else {
        tx.queue(kPause, std::move(Params{}
                                       .add(name)
                                       .add(holder)
                                       .add("paused: " + cron.error().detail)
                                       .add(zone.name())));
      }
    }
  }
  const std::vector<std::pair<std::string, Instant>>& next() const { return next_; }

 private:
  std::vector<std::pair<std::string, Instant>> next_;
};

Result<void> move_schedules(Transaction& tx, const TimeZone& zone, std::string_view holder) {
  auto rows = tx.query(kElsewhere, std::move(Params{}.add(zone.name())));
  if (!rows) return std::unexpected(rows.error());
  const Found found(tx, **rows, zone, holder);
  for (const auto& [name, next] : found.next())
    tx.queue(kMove, std::move(Params{}.add(name).add(zone.name()).add(next)));
  return tx.run();
}

Result<std::int64_t> fire_due(Transaction& tx, const TimeZone& zone, std::string_view holder) {
  auto due = tx.query(kDue);
  if (!due) return std::unexpected(due.error());
  const Found found(tx, **due, zone, holder);
  std::vector<Ticket> fired;
  for (const auto& [name, next] : found.next())
    fired.push_back(tx.queue(kFire, std::move(Params{}.add(name).add(next).add(holder))));
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  std::int64_t made = 0;
  for (const Ticket ticket : fired) made += tx.rows(ticket).size();
  return made;
}

}  // namespace

Result<std::int64_t> fire_schedules(Database& database, const TimeZone& zone,
                                    std::string_view holder) {
  std::int64_t made = 0;
  auto done = in_transaction(database, Pool::work, [&](Transaction& tx) -> Result<void> {
    if (auto moved = move_schedules(tx, zone, holder); !moved) return moved;
    auto fired = fire_due(tx, zone, holder);
    if (!fired) return std::unexpected(fired.error());
    made = *fired;
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return made;
}

Result<void> change_schedule(Database& database, std::string_view name,
                             const ScheduleChange& change, const TimeZone& zone) {
  return in_transaction(database, Pool::api, [&](Transaction& tx) -> Result<void> {
    auto rows = tx.query(kFind, Params{}.add(name));
    if (!rows) return std::unexpected(rows.error());
    if ((*rows)->empty()) return no_schedule(name);
    auto cron = Cron::parse(change.cron.value_or(std::string((*rows)->text(0, 0))));
    if (!cron) {
      Error error = cron.error();
      for (FieldError& field : error.fields) field.pointer = "/cron";
      return std::unexpected(std::move(error));
    }
    const bool enabled = change.paused ? !*change.paused : (*rows)->boolean(0, 1);
    const Seconds next = cron->next(whole(**rows, 0, 2), zone);
    tx.queue(
        kChange,
        std::move(
            Params{}.add(name).add(cron->text()).add(enabled).add(Instant{next}).add(zone.name())));
    return {};
  });
}

Result<EnqueuedJob> run_schedule(Database& database, std::string_view name,
                                 std::optional<std::int64_t> user) {
  auto rows = database.execute(Pool::api, kRunNow, std::move(Params{}.add(name).add(user)));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return no_schedule(name);
  return enqueued(*rows);
}

}  // namespace c360::store
