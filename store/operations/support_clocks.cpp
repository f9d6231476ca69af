#include "store/operations/support_clocks.h"

#include <utility>

namespace c360::store {
namespace {

// Locks the request before its alarm, as whoever changes a request does.
constexpr Sql kRing{"support_clocks.ring", R"sql(
WITH due AS MATERIALIZED (
  SELECT a.request_id, a.clock, a.kind, a.at
    FROM crm.support_request AS r JOIN crm.support_alarm AS a ON a.request_id = r.id
   WHERE a.rung_at IS NULL AND a.at <= now() AND a.kind IN ('executor', 'supervisor', 'breach')
   ORDER BY a.at LIMIT $1 FOR NO KEY UPDATE OF r, a SKIP LOCKED),
rung AS (
  UPDATE crm.support_alarm AS a SET rung_at = now() FROM due
   WHERE a.request_id = due.request_id AND a.clock = due.clock AND a.kind = due.kind
  RETURNING a.request_id, a.clock, a.kind, a.at),
breached AS (
  SELECT request_id, bool_or(clock = 1) AS reaction, bool_or(clock = 2) AS solution FROM rung
   WHERE kind = 'breach' GROUP BY request_id),
marked AS (
  UPDATE crm.support_request AS r
     SET sla1_state = CASE WHEN b.reaction AND r.sla1_state = 'running' THEN 'overdue'
                           ELSE r.sla1_state END,
         sla2_state = CASE WHEN b.solution AND r.sla2_state = 'running' THEN 'overdue'
                           ELSE r.sla2_state END
    FROM breached AS b WHERE r.id = b.request_id AND r.deleted_at IS NULL
  RETURNING r.id, r.row_version),
noted AS (
  INSERT INTO crm.history_event (record_id, record_kind, event, changes, version, origin)
  SELECT m.id, 'support_request', 'sla_breached',
         jsonb_build_array(jsonb_build_object('field', 'sla' || g.clock || '_state',
                                              'old', 'running', 'new', 'overdue')),
         m.row_version, 'job'
    FROM rung AS g JOIN marked AS m ON m.id = g.request_id WHERE g.kind = 'breach')
SELECT (SELECT count(*) FROM rung),
       (SELECT sum(crm.notify(CASE g.kind WHEN 'breach' THEN 'sla_breached' ELSE 'sla_warning' END,
                              r.id,
                              CASE WHEN g.kind = 'executor' THEN '{}'::bigint[]
                                   ELSE crm.members_of('support-lead') END
                              || CASE WHEN g.kind = 'supervisor' THEN '{}'::bigint[]
                                      WHEN r.assignee_user_id IS NULL
                                           THEN crm.members_of(r.assignee_group_id)
                                      ELSE ARRAY[r.assignee_user_id] END))
          FROM rung AS g
          JOIN crm.support_request AS r ON r.id = g.request_id AND r.deleted_at IS NULL
         WHERE g.at > now() - interval '7 days'
           AND (g.kind = 'breach'
                OR NOT EXISTS (SELECT FROM crm.support_alarm AS o
                                WHERE o.request_id = g.request_id AND o.clock = g.clock
                                  AND o.kind = 'breach' AND o.at <= now()))))sql"};

}  // namespace

Result<std::int64_t> ring_support_alarms(Transaction& tx, int limit) {
  auto rung = tx.query(kRing, std::move(Params{}.add(limit)));
  if (!rung) return std::unexpected(rung.error());
  return (*rung)->int64(0, 0);
}

}  // namespace c360::store
