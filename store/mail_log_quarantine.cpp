// What a person decided about a mail in quarantine.
#include "store/mail_log.h"
#include "store/mail_log_rows.h"

namespace c360::store {

namespace {

constexpr Sql kLockQuarantined{"mail_lock_quarantined", R"sql(
  SELECT m.id, m.uid, m.uidvalidity, m.folder, m.raw_sha256 IS NOT NULL, m.attempts, m.raw_sha256,
         m.size_bytes, m.internal_date, m.fetched_at, m.error,
         b.id, b.code, b.kind, b.target, q.reason, q.status = 'open'
  FROM ops.quarantine q JOIN ops.mail_message m ON m.id = q.mail_message_id
  JOIN ops.mailbox b ON b.id = m.mailbox_id
  WHERE q.id = $1::bigint FOR UPDATE OF m, q)sql"};
constexpr Sql kResolve{"mail_resolve", R"sql(
  UPDATE ops.quarantine SET status = $2, resolved_by = $3::bigint, resolution = nullif($4, ''),
                            resolved_at = now()
  WHERE id = $1::bigint)sql"};
constexpr Sql kResolveTask{"mail_resolve_task", R"sql(
  UPDATE crm.task t SET status = 'completed', outcome = $2, completed_by = $3::bigint,
                        comment = nullif($4, ''), completed_at = now()
  FROM ops.quarantine q WHERE q.id = $1::bigint AND t.id = q.task_id AND t.status <> 'completed')sql"};
constexpr Sql kIgnore{"mail_ignore", R"sql(
  UPDATE ops.mail_message SET outcome = 'ignored', rule_id = $2, outcome_record_id = NULL,
                              processed_at = now(), flagged_at = NULL, error = NULL
  WHERE id = $1::bigint)sql"};
// Of a UIDVALIDITY the folder has no more it cannot be fetched. The share lock lets no other one
// come in before the row is pending, and what is pending then is ended by the change.
constexpr Sql kRelist{"mail_relist", R"sql(
  WITH folder AS MATERIALIZED (
    SELECT f.uidvalidity FROM ops.mailbox_folder f
    JOIN ops.mail_message m ON m.mailbox_id = f.mailbox_id AND m.folder = f.folder
    WHERE m.id = $1::bigint FOR SHARE OF f)
  UPDATE ops.mail_message m
  SET outcome = CASE WHEN gone THEN 'vanished' END, processed_at = CASE WHEN gone THEN now() END,
      flagged_at = CASE WHEN gone THEN now() END,
      attempts = 0, next_attempt_at = NULL, error = NULL, rule_id = NULL
  FROM (SELECT NOT EXISTS (SELECT FROM folder JOIN ops.mail_message o USING (uidvalidity)
                           WHERE o.id = $1::bigint) AS gone) AS here
  WHERE m.id = $1::bigint RETURNING gone)sql"};

// $2: the folder of no server. A UIDVALIDITY that is gone took its messages with it.
constexpr Sql kNobodyToTell{"mail_nobody_to_tell", R"sql(
  UPDATE ops.mail_message m SET flagged_at = now()
  WHERE m.id = $1::bigint AND m.outcome IS NOT NULL AND m.flagged_at IS NULL
    AND (m.folder = $2 OR NOT EXISTS (
      SELECT FROM ops.mailbox_folder f WHERE f.mailbox_id = m.mailbox_id AND f.folder = m.folder
                                         AND f.uidvalidity = m.uidvalidity)))sql"};

}  // namespace

Result<std::optional<MailLog::Quarantined>> MailLog::lock_quarantined(Transaction& tx,
                                                                      std::int64_t quarantine_id) {
  auto found = tx.query(kLockQuarantined, std::move(Params{}.add(quarantine_id)));
  if (!found) return std::unexpected(found.error());
  const Rows& rows = **found;
  if (rows.empty()) return std::nullopt;
  return Quarantined{
      .mail = pending_at(rows, 0),
      .mailbox_id = rows.int64(0, 11),
      .mailbox_code = std::string(rows.text(0, 12)),
      .mailbox_kind = std::string(rows.text(0, 13)),
      .mailbox_target = std::string(rows.text(0, 14)),
      .reason = quarantine_reason_from(rows.text(0, 15)).value_or(QuarantineReason::no_rule),
      .open = rows.boolean(0, 16)};
}

void MailLog::queue_resolution(Transaction& tx, std::int64_t quarantine_id, std::string_view status,
                               std::optional<std::int64_t> user_id, std::string_view resolution) {
  for (const Sql& sql : {kResolve, kResolveTask})
    tx.queue(sql, std::move(Params{}.add(quarantine_id).add(status).add(user_id).add(resolution)));
}

void MailLog::queue_ignored(Transaction& tx, std::int64_t id, std::string_view rule) {
  tx.queue(kIgnore, std::move(Params{}.add(id).add(rule)));
}

void MailLog::queue_nobody_to_tell(Transaction& tx, std::int64_t id,
                                   std::string_view import_folder) {
  tx.queue(kNobodyToTell, std::move(Params{}.add(id).add(import_folder)));
}

Result<bool> MailLog::relist(Transaction& tx, std::int64_t id) {
  auto rows = tx.query(kRelist, std::move(Params{}.add(id)));
  if (!rows) return std::unexpected(rows.error());
  return !(*rows)->boolean(0, 0);
}

}  // namespace c360::store
