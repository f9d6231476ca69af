#include "store/mail_log.h"

#include <algorithm>
#include <array>

#include "store/records.h"

namespace c360::store {

namespace {

constexpr std::array<std::string_view, 9> kOutcomes = {
    "deal_created", "lead_created", "activity_added", "support_created", "comment_added",
    "duplicate",    "ignored",      "quarantined",    "vanished"};

constexpr std::array<std::string_view, 13> kReasons = {
    "empty_body",     "no_rule",          "unknown_alias",     "target_not_found", "target_deleted",
    "unknown_sender", "ambiguous_target", "oversize",          "parse_error",      "charset_error",
    "loop_suspected", "too_many_retries", "attachment_blocked"};

// A statement's uid list travels as one array; more than this goes in several statements.
constexpr std::size_t kUidChunk = 50'000;

constexpr Sql kSyncMailbox{"mail_sync_mailbox", R"sql(
  INSERT INTO ops.mailbox AS m (code, kind, uri_masked, host, port, tls, username, secret_ref, folder,
                                target, delete_after, unseen_only, poll_ms, enabled)
  VALUES ($1, $2, $3, $4, $5::int, $6, $7, $8, $9, $10, $11::bool, $12::bool, $13::int, $14::bool)
  ON CONFLICT (code) DO UPDATE SET
    kind = excluded.kind, uri_masked = excluded.uri_masked, host = excluded.host,
    port = excluded.port, tls = excluded.tls, username = excluded.username,
    secret_ref = excluded.secret_ref, folder = excluded.folder, target = excluded.target,
    delete_after = excluded.delete_after, unseen_only = excluded.unseen_only,
    poll_ms = excluded.poll_ms, enabled = excluded.enabled, updated_at = now()
  RETURNING id)sql"};
constexpr Sql kDisableOthers{"mail_disable_others", R"sql(
  UPDATE ops.mailbox SET enabled = false, updated_at = now()
  WHERE enabled AND NOT code = ANY ($1::text[]))sql"};

constexpr Sql kFolder{"mail_folder", R"sql(
  SELECT uidvalidity, last_uid, compared_at,
         compared_at IS NULL OR compared_at <= now() - make_interval(secs => $3::bigint)
  FROM ops.mailbox_folder WHERE mailbox_id = $1::bigint AND folder = $2)sql"};
constexpr Sql kSetFolder{"mail_set_folder", R"sql(
  INSERT INTO ops.mailbox_folder (mailbox_id, folder, uidvalidity) VALUES ($1::bigint, $2, $3::bigint)
  ON CONFLICT (mailbox_id, folder) DO UPDATE
    SET uidvalidity = excluded.uidvalidity, last_uid = 0, compared_at = NULL)sql"};
constexpr Sql kVanishFormer{"mail_vanish_former", R"sql(
  UPDATE ops.mail_message SET state = 'done', outcome = 'vanished', processed_at = now(), flagged_at = now()
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity <> $3::bigint AND state = 'listed')sql"};
constexpr Sql kUnflagFormer{"mail_unflag_former", R"sql(
  UPDATE ops.mail_message SET flagged_at = now()
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity <> $3::bigint
    AND state = 'done' AND flagged_at IS NULL)sql"};

constexpr Sql kList{"mail_list", R"sql(
  INSERT INTO ops.mail_message (mailbox_id, folder, uidvalidity, uid)
  SELECT $1::bigint, $2, $3::bigint, u.uid FROM unnest($4::bigint[]) AS u (uid)
  WHERE NOT EXISTS (SELECT 1 FROM ops.mail_message m WHERE m.mailbox_id = $1::bigint AND m.folder = $2
                    AND m.uidvalidity = $3::bigint AND m.uid = u.uid)
  ON CONFLICT (mailbox_id, folder, uidvalidity, uid) DO NOTHING)sql"};
constexpr Sql kListIgnored{"mail_list_ignored", R"sql(
  INSERT INTO ops.mail_message (mailbox_id, folder, uidvalidity, uid, state, outcome, rule_id,
                                processed_at, flagged_at)
  SELECT $1::bigint, $2, $3::bigint, u.uid, 'done', 'ignored', $5, now(), now()
  FROM unnest($4::bigint[]) AS u (uid)
  WHERE NOT EXISTS (SELECT 1 FROM ops.mail_message m WHERE m.mailbox_id = $1::bigint AND m.folder = $2
                    AND m.uidvalidity = $3::bigint AND m.uid = u.uid)
  ON CONFLICT (mailbox_id, folder, uidvalidity, uid) DO NOTHING)sql"};
constexpr Sql kListedUids{"mail_listed_uids", R"sql(
  SELECT uid FROM ops.mail_message
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint AND state = 'listed'
  ORDER BY uid)sql"};
constexpr Sql kVanish{"mail_vanish", R"sql(
  UPDATE ops.mail_message SET state = 'done', outcome = 'vanished', processed_at = now(), flagged_at = now()
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint AND state = 'listed'
    AND uid = ANY ($4::bigint[]))sql"};
constexpr Sql kCompared{"mail_compared", R"sql(
  UPDATE ops.mailbox_folder SET compared_at = now()
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint)sql"};
constexpr Sql kLastUid{"mail_last_uid", R"sql(
  UPDATE ops.mailbox_folder SET last_uid = $4::bigint
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint AND last_uid < $4::bigint)sql"};

constexpr Sql kListedDue{"mail_listed_due", R"sql(
  SELECT id, uid, uidvalidity, folder, state = 'stored', attempts, raw_sha256, size_bytes,
         internal_date, fetched_at, error
  FROM ops.mail_message
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint AND uid > $4::bigint
    AND state = 'listed' AND (next_attempt_at IS NULL OR next_attempt_at <= now())
  ORDER BY uid LIMIT $5::bigint)sql"};
constexpr Sql kStoredDue{"mail_stored_due", R"sql(
  SELECT id, uid, uidvalidity, folder, state = 'stored', attempts, raw_sha256, size_bytes,
         internal_date, fetched_at, error
  FROM ops.mail_message
  WHERE mailbox_id = $1::bigint AND folder = $2 AND id > $3::bigint
    AND state = 'stored' AND (next_attempt_at IS NULL OR next_attempt_at <= now())
  ORDER BY id LIMIT $4::bigint)sql"};
constexpr Sql kPendingCount{"mail_pending_count", R"sql(
  SELECT count(*) FROM ops.mail_message WHERE mailbox_id = $1::bigint AND state <> 'done')sql"};
constexpr Sql kLock{"mail_lock", R"sql(
  SELECT id FROM ops.mail_message WHERE id = ANY ($1::bigint[]) AND state = 'stored'
  ORDER BY id FOR UPDATE)sql"};
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
  UPDATE ops.mail_message SET state = 'done', outcome = 'ignored', rule_id = $2, outcome_record_id = NULL,
                              processed_at = now(), flagged_at = NULL, error = NULL
  WHERE id = $1::bigint)sql"};
constexpr Sql kRelist{"mail_relist", R"sql(
  UPDATE ops.mail_message SET state = 'listed', outcome = NULL, attempts = 0, next_attempt_at = NULL,
                              processed_at = NULL, error = NULL, flagged_at = NULL
  WHERE id = $1::bigint)sql"};

// For what may be done once more when the server of the database crashes before it reaches the
// disk: a mail is fetched again, a flag set again. It reaches the disk no later than the next
// commit.
constexpr Sql kRelaxCommit{"relax_commit", "SELECT set_config('synchronous_commit', 'off', true)"};

constexpr Sql kStored{"mail_stored", R"sql(
  UPDATE ops.mail_message m
  SET state = 'stored', raw_sha256 = decode(u.sha, 'hex'), size_bytes = u.size::bigint,
      internal_date = u.internal::timestamptz, fetched_at = now(), attempts = m.attempts + 1, error = NULL
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS u (id, sha, size, internal)
  WHERE m.id = u.id AND m.state = 'listed')sql"};
constexpr Sql kCountAttempts{"mail_count_attempts", R"sql(
  UPDATE ops.mail_message SET attempts = attempts + 1 WHERE id = ANY ($1::bigint[]) AND state = 'stored')sql"};
constexpr Sql kDefer{"mail_defer", R"sql(
  UPDATE ops.mail_message
  SET error = $2, attempts = attempts + (state = 'listed')::int, next_attempt_at = now() + make_interval(secs => $3::bigint / 1000.0)
  WHERE id = ANY ($1::bigint[]) AND state <> 'done')sql"};

constexpr Sql kFinish{"mail_finish", R"sql(
  UPDATE ops.mail_message m SET
    state = 'done', outcome = u.outcome, outcome_record_id = u.record_id::bigint,
    duplicate_of_id = u.duplicate_of::bigint, rule_id = nullif(u.rule_id, ''),
    rule_set_version = u.rule_set::bigint, extracted = u.extracted::jsonb, error = nullif(u.error, ''),
    message_id = nullif(u.message_id, ''), in_reply_to = u.in_reply_to::text[],
    references_ids = u.refs::text[], from_name = nullif(u.from_name, ''),
    from_address = nullif(u.from_address, ''), from_domain = nullif(u.from_domain, ''),
    reply_to = nullif(u.reply_to, ''), to_addresses = u.to_json::jsonb, cc_addresses = u.cc_json::jsonb,
    subject = u.subject, sent_at = u.sent_at::timestamptz, date_source = nullif(u.date_source, ''),
    body_text = nullif(u.body_text, ''), body_html = nullif(u.body_html, ''),
    charset = nullif(u.charset, ''), is_auto_generated = f.auto::bool, is_bounce = f.bounce::bool,
    auth_results = u.auth_results::jsonb, next_attempt_at = NULL, processed_at = now(), flagged_at = NULL
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
              $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
              $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[],
              $21::text[], $22::text[], $23::text[], $24::text[], $25::text[])
    AS u (id, outcome, record_id, duplicate_of, rule_id, rule_set, extracted, error, message_id,
          in_reply_to, refs, from_name, from_address, from_domain, reply_to, to_json, cc_json,
          subject, sent_at, date_source, body_text, body_html, charset, flags, auth_results)
       , LATERAL (SELECT split_part(u.flags, ',', 1) AS auto, split_part(u.flags, ',', 2) AS bounce) f
  WHERE m.id = u.id)sql"};
// A person's task goes with each held mail; one left from before is closed by kCloseTasks first.
constexpr Sql kQuarantine{"mail_quarantine", R"sql(
  WITH held AS MATERIALIZED (
    SELECT u.id, u.reason, u.details, nextval('crm.task_id_seq') AS task_id
    FROM unnest($1::bigint[], $2::text[], $3::text[]) AS u (id, reason, details)
  ), task AS (
    INSERT INTO crm.task (id, kind, title_ru, title_en, assignee_group_id, outcomes)
    SELECT task_id, 'quarantine_review', 'Разобрать письмо ' || id || ': ' || reason,
           'Review mail ' || id || ': ' || reason, 'crm-administrators',
           '[{"id": "retried", "ru": "Повторить", "en": "Retry"},
             {"id": "released", "ru": "Пропустить", "en": "Release"},
             {"id": "rejected", "ru": "Отклонить", "en": "Discard"}]'
    FROM held
  )
  INSERT INTO ops.quarantine AS q (mail_message_id, reason, details, task_id)
  SELECT id, reason, details, task_id FROM held
  ON CONFLICT (mail_message_id) DO UPDATE SET
    reason = excluded.reason, details = excluded.details, task_id = excluded.task_id,
    status = 'open', resolved_at = NULL, resolved_by = NULL, resolution = NULL)sql"};
constexpr Sql kCloseTasks{"mail_close_tasks", R"sql(
  UPDATE crm.task t SET status = 'canceled', completed_at = now()
  FROM ops.quarantine q
  WHERE q.mail_message_id = ANY ($1::bigint[]) AND t.id = q.task_id AND t.status = 'active')sql"};
constexpr Sql kCloseQuarantine{"mail_close_quarantine", R"sql(
  UPDATE ops.quarantine SET status = 'retried', resolved_at = now()
  WHERE mail_message_id = ANY ($1::bigint[]) AND status = 'open')sql"};

constexpr Sql kOriginals{"mail_originals", R"sql(
  SELECT encode(raw_sha256, 'hex'), min(id) FROM ops.mail_message
  WHERE raw_sha256 = ANY ($2::bytea[]) AND mailbox_id = $1::bigint AND state = 'done'
    AND outcome NOT IN ('vanished', 'duplicate')
  GROUP BY raw_sha256)sql"};
constexpr Sql kThreads{"mail_threads", R"sql(
  SELECT DISTINCT ON (m.message_id) m.message_id, coalesce(a.parent_record_id, r.id),
         coalesce(p.kind, r.kind)
  FROM ops.mail_message m
  JOIN crm.record r ON r.id = m.outcome_record_id
  LEFT JOIN crm.activity a ON a.id = r.id AND r.kind = 'activity'
  LEFT JOIN crm.record p ON p.id = a.parent_record_id
  WHERE m.message_id = ANY ($1::text[])
  ORDER BY m.message_id, m.id)sql"};
constexpr Sql kAttachments{"mail_attachments", R"sql(
  INSERT INTO ops.mail_attachment (mail_message_id, part, file_name, mime_type, detected_type,
                                   size_bytes, sha256, content_id, is_inline, document_id)
  SELECT u.mail, u.part, u.name, u.type, nullif(u.detected, ''), u.size::bigint,
         decode(u.sha, 'hex'), nullif(u.cid, ''), u.inline::bool, u.document::bigint
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
              $8::text[], $9::text[], $10::text[])
    AS u (mail, part, name, type, detected, size, sha, cid, inline, document)
  ON CONFLICT (mail_message_id, part) DO UPDATE SET document_id = excluded.document_id)sql"};

constexpr Sql kFlagsDue{"mail_flags_due", R"sql(
  SELECT id, uid, outcome FROM ops.mail_message
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint AND uid > $4::bigint
    AND state = 'done' AND flagged_at IS NULL
  ORDER BY uid LIMIT $5::bigint)sql"};
constexpr Sql kFlagged{"mail_flagged", R"sql(
  UPDATE ops.mail_message SET flagged_at = now() WHERE id = ANY ($1::bigint[]) AND flagged_at IS NULL)sql"};
constexpr Sql kPassOk{"mail_pass_ok", R"sql(
  UPDATE ops.mailbox SET last_poll_at = now(), last_ok_at = now(), last_error = NULL, consecutive_failures = 0
  WHERE id = $1::bigint)sql"};
constexpr Sql kPassFailed{"mail_pass_failed", R"sql(
  UPDATE ops.mailbox SET last_poll_at = now(), last_error = $2,
                         consecutive_failures = consecutive_failures + 1
  WHERE id = $1::bigint)sql"};

constexpr Sql kAddRuleSet{"mail_add_rule_set", R"sql(
  INSERT INTO ops.rule_set (sha256, files) VALUES (decode($1, 'hex'), $2::jsonb)
  ON CONFLICT (sha256) DO NOTHING)sql"};
constexpr Sql kAddRules{"mail_add_rules", R"sql(
  INSERT INTO ops.parse_rule (rule_set_version, mailbox_kind, priority, name, action)
  SELECT s.version, u.kind, u.priority::int, u.name, u.action
  FROM ops.rule_set s, unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS u (kind, priority, name, action)
  WHERE s.sha256 = decode($1, 'hex')
  ON CONFLICT DO NOTHING)sql"};
constexpr Sql kRuleSetVersion{"mail_rule_set_version", R"sql(
  SELECT version FROM ops.rule_set WHERE sha256 = decode($1, 'hex'))sql"};

Params folder_params(const FolderKey& key) {
  Params params;
  params.add(key.mailbox_id).add(key.folder).add(key.uidvalidity);
  return params;
}

Sha256 sha256_of(const std::string& bytes) {
  Sha256 digest{};
  if (bytes.size() == digest.size()) std::ranges::copy(bytes, digest.begin());
  return digest;
}

PendingMail pending_at(const Rows& rows, int row) {
  return {.id = rows.int64(row, 0),
          .uid = rows.int64(row, 1),
          .uidvalidity = rows.int64(row, 2),
          .folder = std::string(rows.text(row, 3)),
          .stored = rows.boolean(row, 4),
          .attempts = static_cast<int>(rows.int64(row, 5)),
          .raw_sha256 = sha256_of(rows.bytes(row, 6)),
          .size_bytes = rows.int64(row, 7),
          .internal_date = rows.instant(row, 8),
          .fetched_at = rows.instant(row, 9),
          .error = std::string(rows.text(row, 10))};
}

std::vector<PendingMail> all_pending(const Rows& rows) {
  std::vector<PendingMail> mails;
  mails.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) mails.push_back(pending_at(rows, row));
  return mails;
}

std::optional<std::string> optional_text(const std::optional<std::int64_t>& value) {
  if (!value) return std::nullopt;
  return std::to_string(*value);
}

std::optional<std::string> optional_text(const std::optional<Instant>& value) {
  if (!value) return std::nullopt;
  return to_rfc3339(*value);
}

}  // namespace

std::string_view to_string(Outcome outcome) { return kOutcomes[static_cast<std::size_t>(outcome)]; }

std::string_view to_string(QuarantineReason reason) {
  return kReasons[static_cast<std::size_t>(reason)];
}

std::optional<QuarantineReason> quarantine_reason_from(std::string_view name) {
  const auto found = std::ranges::find(kReasons, name);
  if (found == kReasons.end()) return std::nullopt;
  return static_cast<QuarantineReason>(found - kReasons.begin());
}

Result<std::vector<std::pair<std::string, std::int64_t>>> MailLog::sync_mailboxes(
    std::span<const MailboxRow> mailboxes) {
  auto tx = database_.begin(Pool::work, TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  std::vector<std::string> codes;
  std::vector<Ticket> tickets;
  for (const MailboxRow& mailbox : mailboxes) {
    codes.push_back(mailbox.code);
    Params params;
    params.add(mailbox.code).add(mailbox.kind).add(mailbox.uri_masked).add(mailbox.host);
    params.add(mailbox.port).add(mailbox.tls).add(mailbox.username).add(mailbox.secret_ref);
    params.add(mailbox.folder).add(mailbox.target).add(mailbox.delete_after);
    params.add(mailbox.unseen_only).add(mailbox.poll_ms).add(mailbox.enabled);
    tickets.push_back(tx->queue(kSyncMailbox, std::move(params)));
  }
  tx->queue(kDisableOthers, std::move(Params{}.add_array(std::span<const std::string>(codes))));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  std::vector<std::pair<std::string, std::int64_t>> ids;
  for (std::size_t i = 0; i < codes.size(); ++i)
    ids.emplace_back(codes[i], tx->rows(tickets[i]).int64(0, 0));
  return ids;
}

Result<MailLog::Folder> MailLog::folder(std::int64_t mailbox_id, std::string_view folder,
                                        std::chrono::seconds compare_interval) {
  Params params;
  params.add(mailbox_id).add(folder).add(static_cast<std::int64_t>(compare_interval.count()));
  auto rows = database_.execute(Pool::work, kFolder, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return Folder{};
  return Folder{.uidvalidity = rows->int64(0, 0),
                .last_uid = rows->int64(0, 1),
                .compared_at = rows->instant(0, 2),
                .compare_due = rows->boolean(0, 3)};
}

Result<std::int64_t> MailLog::change_uidvalidity(const FolderKey& now) {
  auto tx = database_.begin(Pool::work, TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  tx->queue(kSetFolder, folder_params(now));
  const Ticket vanished = tx->queue(kVanishFormer, folder_params(now));
  tx->queue(kUnflagFormer, folder_params(now));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  return tx->rows(vanished).affected();
}

namespace {

// Runs a statement of (folder key, uid array) over the UIDs in bounded pieces; sums what it did.
Result<std::int64_t> over_uids(Database& database, const Sql& sql, const FolderKey& key,
                               std::span<const std::int64_t> uids,
                               std::optional<std::string_view> rule = std::nullopt) {
  std::int64_t affected = 0;
  while (!uids.empty()) {
    const auto piece = uids.first(std::min(uids.size(), kUidChunk));
    Params params = folder_params(key);
    params.add_array(piece);
    if (rule) params.add(*rule);
    auto rows = database.execute(Pool::work, sql, std::move(params));
    if (!rows) return std::unexpected(rows.error());
    affected += rows->affected();
    uids = uids.subspan(piece.size());
  }
  return affected;
}

}  // namespace

Result<std::int64_t> MailLog::list(const FolderKey& key, std::span<const std::int64_t> uids) {
  return over_uids(database_, kList, key, uids);
}
Result<std::int64_t> MailLog::list_ignored(const FolderKey& key, std::span<const std::int64_t> uids,
                                           std::string_view rule) {
  return over_uids(database_, kListIgnored, key, uids, rule);
}
Result<std::int64_t> MailLog::vanish(const FolderKey& key, std::span<const std::int64_t> uids) {
  return over_uids(database_, kVanish, key, uids);
}

Result<std::vector<std::int64_t>> MailLog::listed_uids(const FolderKey& key) {
  auto rows = database_.execute(Pool::work, kListedUids, folder_params(key));
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::int64_t> uids;
  for (int row = 0; row < rows->size(); ++row) uids.push_back(rows->int64(row, 0));
  return uids;
}

Result<void> MailLog::note_compared(const FolderKey& key) {
  auto rows = database_.execute(Pool::work, kCompared, folder_params(key));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<void> MailLog::note_last_uid(const FolderKey& key, std::int64_t last_uid) {
  auto rows = database_.execute(Pool::work, kLastUid, std::move(folder_params(key).add(last_uid)));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::vector<PendingMail>> MailLog::listed_due(const FolderKey& key, std::int64_t above,
                                                     std::size_t limit) {
  Params params = folder_params(key);
  params.add(above).add(static_cast<std::int64_t>(limit));
  auto rows = database_.execute(Pool::work, kListedDue, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return all_pending(*rows);
}

Result<std::vector<PendingMail>> MailLog::stored_due(std::int64_t mailbox_id,
                                                     std::string_view folder, std::int64_t above_id,
                                                     std::size_t limit) {
  Params params;
  params.add(mailbox_id).add(folder).add(above_id).add(static_cast<std::int64_t>(limit));
  auto rows = database_.execute(Pool::work, kStoredDue, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return all_pending(*rows);
}

Result<std::int64_t> MailLog::pending_count(std::int64_t mailbox_id) {
  auto rows = database_.execute(Pool::work, kPendingCount, std::move(Params{}.add(mailbox_id)));
  if (!rows) return std::unexpected(rows.error());
  return rows->int64(0, 0);
}

Ticket MailLog::queue_lock(Transaction& tx, std::span<const std::int64_t> ids) {
  return tx.queue(kLock, std::move(Params{}.add_array(ids)));
}

std::vector<std::int64_t> MailLog::locked(const Transaction& tx, Ticket ticket) {
  const Rows& rows = tx.rows(ticket);
  std::vector<std::int64_t> ids;
  for (int row = 0; row < rows.size(); ++row) ids.push_back(rows.int64(row, 0));
  return ids;
}

Ticket MailLog::queue_originals(Transaction& tx, std::int64_t mailbox_id,
                                std::span<const Sha256> digests) {
  std::vector<std::string> literals;
  for (const Sha256& digest : digests) literals.push_back("\\x" + to_hex(digest));
  return tx.queue(
      kOriginals,
      std::move(Params{}.add(mailbox_id).add_array(std::span<const std::string>(literals))));
}

std::vector<std::pair<Sha256, std::int64_t>> MailLog::originals(const Transaction& tx,
                                                                Ticket ticket) {
  const Rows& rows = tx.rows(ticket);
  std::vector<std::pair<Sha256, std::int64_t>> found;
  for (int row = 0; row < rows.size(); ++row)
    found.emplace_back(sha256_of(from_hex(rows.text(row, 0)).value_or("")), rows.int64(row, 1));
  return found;
}

Ticket MailLog::queue_threads(Transaction& tx, std::span<const std::string> message_ids) {
  return tx.queue(kThreads, std::move(Params{}.add_array(message_ids)));
}

std::vector<MailLog::Thread> MailLog::threads(const Transaction& tx, Ticket ticket) {
  const Rows& rows = tx.rows(ticket);
  std::vector<Thread> found;
  for (int row = 0; row < rows.size(); ++row)
    found.push_back({.message_id = std::string(rows.text(row, 0)),
                     .record_id = rows.int64(row, 1),
                     .kind = std::string(rows.text(row, 2))});
  return found;
}

void MailLog::queue_attachments(Transaction& tx, std::span<const AttachmentRow> attachments) {
  if (attachments.empty()) return;
  std::vector<std::int64_t> mails;
  std::array<std::vector<std::optional<std::string>>, 9> columns;
  for (const AttachmentRow& row : attachments) {
    mails.push_back(row.mail_id);
    std::size_t next = 0;
    const auto put = [&](std::optional<std::string> value) {
      columns[next++].push_back(std::move(value));
    };
    put(row.part);
    put(row.file_name);
    put(row.mime_type);
    put(row.detected_type);
    put(std::to_string(row.size_bytes));
    put(to_hex(row.sha256));
    put(row.content_id);
    put(row.is_inline ? "t" : "f");
    put(optional_text(row.document_id));
  }
  Params params;
  params.add_array(std::span<const std::int64_t>(mails));
  for (const auto& column : columns)
    params.add_array(std::span<const std::optional<std::string>>(column));
  tx.queue(kAttachments, std::move(params));
}

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

void MailLog::queue_relist(Transaction& tx, std::int64_t id) {
  tx.queue(kRelist, std::move(Params{}.add(id)));
}

void MailLog::queue_stored(Transaction& tx, std::span<const StoredRaw> mails) {
  std::vector<std::int64_t> ids;
  std::vector<std::string> digests;
  std::vector<std::string> sizes;
  std::vector<std::optional<std::string>> internal_dates;
  for (const StoredRaw& mail : mails) {
    ids.push_back(mail.id);
    digests.push_back(to_hex(mail.sha256));
    sizes.push_back(std::to_string(mail.size_bytes));
    internal_dates.push_back(optional_text(mail.internal_date));
  }
  Params params;
  params.add_array(std::span<const std::int64_t>(ids));
  params.add_array(std::span<const std::string>(digests));
  params.add_array(std::span<const std::string>(sizes));
  params.add_array(std::span<const std::optional<std::string>>(internal_dates));
  tx.queue(kRelaxCommit);
  tx.queue(kStored, std::move(params));
}

Result<void> MailLog::count_attempts(std::span<const std::int64_t> ids) {
  auto rows = database_.execute(Pool::work, kCountAttempts, std::move(Params{}.add_array(ids)));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<void> MailLog::defer(std::span<const std::int64_t> ids, std::string_view error,
                            std::chrono::milliseconds delay) {
  Params params;
  params.add_array(ids).add(error).add(static_cast<std::int64_t>(delay.count()));
  auto rows = database_.execute(Pool::work, kDefer, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::vector<FlagDue>> MailLog::flags_due(const FolderKey& key, std::int64_t above,
                                                std::size_t limit) {
  Params params = folder_params(key);
  params.add(above).add(static_cast<std::int64_t>(limit));
  auto rows = database_.execute(Pool::work, kFlagsDue, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  std::vector<FlagDue> due;
  for (int row = 0; row < rows->size(); ++row) {
    const auto outcome = std::ranges::find(kOutcomes, rows->text(row, 2));
    due.push_back({.id = rows->int64(row, 0),
                   .uid = rows->int64(row, 1),
                   .outcome = static_cast<Outcome>(outcome - kOutcomes.begin())});
  }
  return due;
}

Result<void> MailLog::note_flagged(std::span<const std::int64_t> ids) {
  return in_transaction(database_, Pool::work, [&](Transaction& tx) -> Result<void> {
    tx.queue(kRelaxCommit);
    tx.queue(kFlagged, std::move(Params{}.add_array(ids)));
    return {};
  });
}

Result<void> MailLog::note_pass(std::int64_t mailbox_id, std::string_view error) {
  Params params;
  params.add(mailbox_id);
  if (!error.empty()) params.add(error);
  auto rows =
      database_.execute(Pool::work, error.empty() ? kPassOk : kPassFailed, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::int64_t> MailLog::register_rule_set(const Sha256& sha256, std::string_view files_json,
                                                std::span<const RuleRow> rules) {
  auto tx = database_.begin(Pool::work, TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  std::vector<std::string> kinds;
  std::vector<std::string> names;
  std::vector<std::string> actions;
  std::vector<std::string> priorities;
  for (const RuleRow& rule : rules) {
    kinds.push_back(rule.mailbox_kind);
    names.push_back(rule.name);
    actions.push_back(rule.action);
    priorities.push_back(std::to_string(rule.priority));
  }
  const std::string digest = to_hex(sha256);
  tx->queue(kAddRuleSet, std::move(Params{}.add(std::string_view(digest)).add(files_json)));
  Params params;
  params.add(std::string_view(digest));
  params.add_array(std::span<const std::string>(kinds));
  params.add_array(std::span<const std::string>(priorities));
  params.add_array(std::span<const std::string>(names));
  params.add_array(std::span<const std::string>(actions));
  tx->queue(kAddRules, std::move(params));
  const Ticket version =
      tx->queue(kRuleSetVersion, std::move(Params{}.add(std::string_view(digest))));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  return tx->rows(version).int64(0, 0);
}

void MailLog::queue_finished(Transaction& tx, std::span<const MailResult> results) {
  if (results.empty()) return;
  std::vector<std::int64_t> ids;
  using Column = std::vector<std::optional<std::string>>;
  std::array<Column, 24> columns;
  std::vector<std::int64_t> settled;
  std::vector<std::int64_t> held;
  std::vector<std::string> reasons;
  std::vector<std::string> details;
  for (const MailResult& mail : results) {
    ids.push_back(mail.id);
    std::size_t next = 0;
    const auto put = [&](std::optional<std::string> value) {
      columns[next++].push_back(std::move(value));
    };
    put(std::string(to_string(mail.outcome)));
    put(optional_text(mail.record_id));
    put(optional_text(mail.duplicate_of_id));
    put(mail.rule_id);
    put(optional_text(mail.rule_set_version));
    put(mail.extracted_json);
    put(mail.error);
    put(mail.message_id);
    put(array_literal(mail.in_reply_to));
    put(array_literal(mail.references));
    put(mail.from_name);
    put(mail.from_address);
    put(mail.from_domain);
    put(mail.reply_to);
    put(mail.to_json);
    put(mail.cc_json);
    put(mail.subject);
    put(optional_text(mail.sent_at));
    put(mail.date_source);
    put(mail.body_text);
    put(mail.body_html);
    put(mail.charset);
    put(std::string(mail.is_auto_generated ? "t" : "f") + (mail.is_bounce ? ",t" : ",f"));
    put(mail.auth_results_json);
    if (mail.quarantine_reason) {
      held.push_back(mail.id);
      reasons.emplace_back(to_string(*mail.quarantine_reason));
      details.push_back(mail.quarantine_details);
    } else {
      settled.push_back(mail.id);
    }
  }
  Params params;
  params.add_array(std::span<const std::int64_t>(ids));
  for (const Column& column : columns)
    params.add_array(std::span<const std::optional<std::string>>(column));
  tx.queue(kFinish, std::move(params));
  tx.queue(kCloseTasks, std::move(Params{}.add_array(std::span<const std::int64_t>(ids))));
  if (!held.empty()) {
    Params quarantine;
    quarantine.add_array(std::span<const std::int64_t>(held));
    quarantine.add_array(std::span<const std::string>(reasons));
    quarantine.add_array(std::span<const std::string>(details));
    tx.queue(kQuarantine, std::move(quarantine));
  }
  if (!settled.empty())
    tx.queue(kCloseQuarantine,
             std::move(Params{}.add_array(std::span<const std::int64_t>(settled))));
}

}  // namespace c360::store
