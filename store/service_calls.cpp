#include "store/service_calls.h"

namespace c360::store {
namespace {

// A line of a journal: the caller does not wait until it is on the disk.
constexpr Sql kKeep{"service_call_keep", R"sql(
INSERT INTO ops.service_call (service, operation, subject, key_fingerprint, started_at, duration_ms,
                              http_status, outcome, reason, error, bytes_in, request_id, retry_at,
                              attempt)
VALUES ($1, $2, $3, $4, $5, $6, $7::integer, $8, $9, $10, $11, $12, $13, $14)
RETURNING set_config('synchronous_commit', 'off', true))sql"};
constexpr Sql kList{"service_call_list", R"sql(
SELECT id, json_build_object(
  'id', id, 'service', service, 'operation', operation, 'subject', nullif(subject, ''),
  'key_fingerprint', key_fingerprint, 'started_at', started_at, 'duration_ms', duration_ms,
  'attempt', attempt,
  'http_status', http_status, 'outcome', outcome, 'reason', nullif(reason, ''),
  'error', nullif(error, ''), 'bytes_in', bytes_in, 'request_id', nullif(request_id, ''),
  'retry_at', retry_at)::text
  FROM ops.service_call
 WHERE ($1 = '' OR service = $1) AND ($2 = '' OR outcome = $2)
   AND ($3::bigint IS NULL OR id < $3::bigint)
 ORDER BY id DESC LIMIT $4)sql"};
constexpr Sql kPurge{"service_call_purge", R"sql(
DELETE FROM ops.service_call WHERE id IN (
  SELECT id FROM ops.service_call WHERE started_at < now() - $1::bigint * interval '1 hour'
   ORDER BY started_at LIMIT $2))sql"};
// What is refused before it is sent says nothing new of the service.
constexpr Sql kRecords{"service_call_records", R"sql(
SELECT s.service, s.is_on, day.calls, day.failed, latest.started_at, coalesce(latest.outcome, ''),
       coalesce(nullif(failed.error, ''), failed.reason, ''), failed.started_at,
       s.is_configured, p.asked_at, coalesce(p.works, false), coalesce(p.told, '')
  FROM ops.service_switch AS s
  LEFT JOIN ops.service_probe AS p ON p.service = s.service
  LEFT JOIN LATERAL (
    SELECT count(*) AS calls,
           count(*) FILTER (WHERE outcome NOT IN ('found', 'not_found')) AS failed
      FROM ops.service_call AS c
     WHERE c.service = s.service AND (c.http_status IS NOT NULL OR c.outcome = 'retryable')
       AND c.started_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS day
    ON true
  LEFT JOIN LATERAL (
    SELECT c.started_at, c.outcome FROM ops.service_call AS c WHERE c.service = s.service
     ORDER BY c.started_at DESC LIMIT 1) AS latest ON true
  LEFT JOIN LATERAL (
    SELECT c.started_at, c.error, c.reason FROM ops.service_call AS c
     WHERE c.service = s.service AND c.outcome NOT IN ('found', 'not_found')
       AND c.started_at > now() - interval '24 hours'
     ORDER BY c.started_at DESC LIMIT 1) AS failed ON true
 ORDER BY s.service)sql"};

}  // namespace

Result<void> keep_service_call(Database& database, const ServiceCallEntry& call) {
  Params params;
  params.add(call.service).add(call.operation).add(call.subject).add(call.key_fingerprint);
  params.add(call.started_at).add(static_cast<std::int64_t>(call.duration.count()));
  params.add(call.http_status).add(call.outcome).add(call.reason).add(call.error);
  params.add(call.bytes_in).add(call.request_id).add(call.retry_at).add(call.attempt);
  auto rows = database.execute(Pool::work, kKeep, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::vector<JobListRow>> list_service_calls(Database& database,
                                                   const ServiceCallFilter& filter) {
  Params params;
  params.add(filter.service).add(filter.outcome).add(filter.before).add(filter.limit);
  auto rows = database.execute(Pool::api, kList, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  std::vector<JobListRow> list;
  for (int row = 0; row < rows->size(); ++row)
    list.push_back({rows->int64(row, 0), std::string(rows->text(row, 1))});
  return list;
}

Result<std::int64_t> purge_service_calls(Database& database, std::chrono::hours age,
                                         std::int64_t limit) {
  auto rows =
      database.execute(Pool::work, kPurge,
                       std::move(Params{}.add(static_cast<std::int64_t>(age.count())).add(limit)));
  if (!rows) return std::unexpected(rows.error());
  return rows->affected();
}

Result<std::vector<ServiceRecord>> service_records(Database& database) {
  auto rows = database.execute(Pool::work, kRecords);
  if (!rows) return std::unexpected(rows.error());
  std::vector<ServiceRecord> records;
  for (int row = 0; row < rows->size(); ++row) {
    records.push_back({.service = std::string(rows->text(row, 0)),
                       .is_on = rows->boolean(row, 1),
                       .calls_today = rows->int64(row, 2),
                       .failed_today = rows->int64(row, 3),
                       .last_call_at = rows->instant(row, 4),
                       .last_outcome = std::string(rows->text(row, 5)),
                       .last_error = std::string(rows->text(row, 6)),
                       .last_error_at = rows->instant(row, 7)});
    records.back().is_configured = rows->boolean(row, 8);
    records.back().probed_at = rows->instant(row, 9);
    records.back().probe_works = rows->boolean(row, 10);
    records.back().probe_told = rows->text(row, 11);
  }
  return records;
}

}  // namespace c360::store
