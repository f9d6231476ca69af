#include "store/operations/queue_autofill.h"

namespace c360::store {
namespace {

// $1 the kind of job, $2 how many. Whichever register spoke last, and whichever is on. A card whose
// job failed, or of whom nothing is known (of a division by its KPP too), has its turn in a week.
constexpr Sql kMissing{"autofill_queue_missing", R"sql(
WITH due AS (
  SELECT c.id, c.inn, row_number() OVER (ORDER BY f.obtained_at NULLS FIRST, c.id) AS place
    FROM crm.counterparty AS c
   CROSS JOIN LATERAL (SELECT max(k.obtained_at) AS obtained_at FROM crm.counterparty_fact AS k
                        WHERE k.counterparty_id = c.id) AS f
   WHERE c.inn IS NOT NULL AND c.deleted_at IS NULL AND NOT 'inn' = ANY (c.unverified_fields)
     AND (EXISTS (SELECT FROM ops.service_switch AS s WHERE s.service = 'dadata' AND s.is_on)
          OR crm.asks_service('kontur', c))
     AND (c.full_name IS NULL OR c.ogrn IS NULL OR c.juridical_address IS NULL
          OR c.registry_status IS NULL)
     AND (f.obtained_at IS NULL OR f.obtained_at < now() - interval '30 days')
     AND NOT EXISTS (SELECT FROM ops.service_answer AS a
                      WHERE a.service IN ('dadata', 'kontur')
                        AND a.method IN ('findById/party', 'req')
                        AND a.subject IN (c.inn, c.inn || '/' || c.kpp) AND a.is_negative
                        AND a.obtained_at > now() - interval '7 days')
     AND NOT EXISTS (SELECT FROM ops.job AS j
                      WHERE j.record_id = c.id AND j.kind = $1 AND j.status = 'failed'
                        AND j.finished_at > now() - interval '7 days')
   ORDER BY f.obtained_at NULLS FIRST, c.id LIMIT $2)
INSERT INTO ops.job (kind, dedupe_key, record_id, priority, trigger, run_at)
SELECT $1, id || ':' || inn, id, -20, 'schedule', now() + place * interval '2 hours' / $2::integer
  FROM due
ON CONFLICT (kind, dedupe_key) WHERE status IN ('queued', 'running') DO NOTHING)sql"};
constexpr Sql kDue{"autofill_queue_due", R"sql(
WITH due AS (
  SELECT c.id, c.inn, row_number() OVER (ORDER BY f.obtained_at, c.id) AS place
    FROM crm.counterparty_fact AS f
    JOIN crm.counterparty AS c ON c.id = f.counterparty_id
   WHERE c.inn IS NOT NULL AND c.deleted_at IS NULL
     AND (EXISTS (SELECT FROM ops.service_switch AS s WHERE s.service = 'dadata' AND s.is_on)
          OR crm.asks_service('kontur', c))
     AND NOT EXISTS (SELECT FROM crm.counterparty_fact AS later
                      WHERE later.counterparty_id = f.counterparty_id
                        AND (later.obtained_at, later.source) > (f.obtained_at, f.source))
     AND f.obtained_at < now() - CASE WHEN c.registry_status IN ('liquidating', 'bankrupt',
                                                                 'reorganizing')
                                      THEN interval '7 days' ELSE interval '30 days' END
     AND NOT (c.registry_status IS NOT DISTINCT FROM 'liquidated'
              AND coalesce(c.liquidated_on, f.obtained_at) < now() - interval '90 days')
     AND NOT EXISTS (SELECT FROM ops.service_answer AS a
                      WHERE a.service IN ('dadata', 'kontur')
                        AND a.method IN ('findById/party', 'req')
                        AND a.subject IN (c.inn, c.inn || '/' || c.kpp) AND a.is_negative
                        AND a.obtained_at > now() - interval '7 days')
     AND NOT EXISTS (SELECT FROM ops.job AS j
                      WHERE j.record_id = c.id AND j.kind = $1 AND j.status = 'failed'
                        AND j.finished_at > now() - interval '7 days')
   ORDER BY f.obtained_at, c.id LIMIT $2)
INSERT INTO ops.job (kind, dedupe_key, record_id, priority, trigger, run_at)
SELECT $1, id || ':' || inn, id, -20, 'schedule', now() + place * interval '4 hours' / $2::integer
  FROM due
ON CONFLICT (kind, dedupe_key) WHERE status IN ('queued', 'running') DO NOTHING)sql"};

constexpr Sql kMayAsk{"autofill_may_ask", R"sql(
SELECT EXISTS (SELECT FROM crm.counterparty AS c WHERE c.id = $2 AND crm.asks_service($1, c)))sql"};

Result<std::int64_t> queue_by(Database& database, const Sql& sql, std::string_view kind,
                              int limit) {
  auto rows = database.execute(Pool::work, sql, std::move(Params{}.add(kind).add(limit)));
  if (!rows) return std::unexpected(rows.error());
  return rows->affected();
}

}  // namespace

Result<std::int64_t> queue_missing_autofills(Database& database, int limit) {
  return queue_by(database, kMissing, kAutofillJob, limit);
}

Result<std::int64_t> queue_due_refreshes(Database& database, int limit) {
  return queue_by(database, kDue, kRefreshJob, limit);
}

Result<bool> may_ask_service(Database& database, std::string_view service, std::int64_t id) {
  auto rows = database.execute(Pool::work, kMayAsk, std::move(Params{}.add(service).add(id)));
  if (!rows) return std::unexpected(rows.error());
  return rows->boolean(0, 0);
}

}  // namespace c360::store
