#include "store/import_log.h"

#include "daemon/base/json.h"

namespace c360::store {

namespace {

constexpr std::int64_t kKept = 1'000;  // of a mailbox

constexpr Sql kBegin{"import_begin", R"sql(
  WITH broken AS (
    UPDATE ops.mail_import SET status = 'broken_off', finished_at = updated_at, left_seconds = NULL
    WHERE mailbox_id = $1::bigint AND status = 'running'),
  old AS (
    DELETE FROM ops.mail_import WHERE status <> 'running' AND id IN (
      SELECT id FROM ops.mail_import WHERE mailbox_id = $1::bigint ORDER BY id DESC
      OFFSET $3::bigint - 1))
  INSERT INTO ops.mail_import (mailbox_id, file_bytes) VALUES ($1::bigint, $2::bigint)
  RETURNING id)sql"};
constexpr Sql kNote{"import_note", R"sql(
  UPDATE ops.mail_import
  SET read_bytes = $2::bigint, mails = $3::bigint, pending = $4::bigint, outcomes = $5::jsonb,
      status = $6, error = $7, updated_at = t.now,
      finished_at = CASE WHEN $6 <> 'running' THEN t.now END,
      mails_per_minute = round($3::bigint * 60 / t.seconds)::bigint,
      left_seconds = CASE WHEN $6 = 'running' AND $2::bigint > 0 THEN
        ceil(greatest(file_bytes - $2::bigint, 0) * t.seconds / $2::bigint)::bigint END
  FROM (SELECT clock_timestamp() AS now,
               greatest(extract(epoch FROM clock_timestamp() - started_at), 0.001) AS seconds
        FROM ops.mail_import WHERE id = $1::bigint) AS t
  WHERE id = $1::bigint)sql"};

Result<void> note(Database& database, std::int64_t id, const ImportProgress& progress,
                  std::string_view status, const std::optional<std::string>& error) {
  JsonWriter outcomes;
  outcomes.begin_object();
  for (const auto& [outcome, count] : progress.outcomes) outcomes.member(outcome, count);
  outcomes.end_object();
  Params params;
  params.add(id).add(progress.read_bytes).add(progress.mails).add(progress.pending);
  params.add(outcomes.view()).add(status).add(error);
  auto rows = database.execute(Pool::work, kNote, params);
  if (!rows) return std::unexpected(rows.error());
  return {};
}

}  // namespace

Result<std::int64_t> begin_import(Database& database, std::int64_t mailbox_id,
                                  std::optional<std::int64_t> file_bytes) {
  Params params;
  params.add(mailbox_id).add(file_bytes).add(kKept);
  auto rows = database.execute(Pool::work, kBegin, params);
  if (!rows) return std::unexpected(rows.error());
  return rows->int64(0, 0);
}

Result<void> note_import(Database& database, std::int64_t id, const ImportProgress& progress) {
  return note(database, id, progress, "running", std::nullopt);
}

Result<void> end_import(Database& database, std::int64_t id, const ImportProgress& progress,
                        const std::optional<std::string>& error) {
  return note(database, id, progress, error ? "failed" : "done", error);
}

}  // namespace c360::store
