#include "store/mail_log.h"

#include <algorithm>
#include <array>

#include "store/mail_log_rows.h"

namespace c360::store {

namespace {

constexpr std::array<std::string_view, 13> kReasons = {
    "empty_body",     "no_rule",          "unknown_alias",     "target_not_found", "target_deleted",
    "unknown_sender", "ambiguous_target", "oversize",          "parse_error",      "charset_error",
    "loop_suspected", "too_many_retries", "attachment_blocked"};

// A statement's uid list travels as one array; more than this goes in several statements.
constexpr std::size_t kUidChunk = 50'000;

constexpr Sql kSyncMailbox{"mail_sync_mailbox", R"sql(
  INSERT INTO ops.mailbox AS m (code, kind, uri_masked, host, port, tls, username, secret_ref, folder,
                                target, delete_after, unseen_only, poll_ms, enabled, rules, responsible)
  VALUES ($1, $2, $3, $4, $5::int, $6, $7, $8, $9, $10, $11::bool, $12::bool, $13::int, $14::bool,
          $15, $16)
  ON CONFLICT (code) DO UPDATE SET
    kind = excluded.kind, uri_masked = excluded.uri_masked, host = excluded.host,
    port = excluded.port, tls = excluded.tls, username = excluded.username,
    secret_ref = excluded.secret_ref, folder = excluded.folder, target = excluded.target,
    delete_after = excluded.delete_after, unseen_only = excluded.unseen_only,
    poll_ms = excluded.poll_ms, enabled = excluded.enabled, rules = excluded.rules,
    responsible = excluded.responsible, updated_at = now()
  RETURNING id)sql"};
constexpr Sql kDisableOthers{"mail_disable_others", R"sql(
  UPDATE ops.mailbox SET enabled = false, updated_at = now()
  WHERE enabled AND NOT code = ANY ($1::text[]))sql"};

constexpr Sql kMailboxId{"mail_mailbox_id", "SELECT id FROM ops.mailbox WHERE code = $1"};
constexpr Sql kAnyPending{"mail_any_pending", R"sql(
  SELECT EXISTS (SELECT FROM ops.mail_message
                 WHERE mailbox_id = $1::bigint AND folder = $2 AND flagged_at IS NULL AND outcome IS NULL))sql"};

constexpr Sql kFolder{"mail_folder", R"sql(
  SELECT f.uidvalidity, f.last_uid, f.compared_at,
         f.compared_at IS NULL OR f.compared_at <= now() - make_interval(secs => $3::bigint)
           OR coalesce(f.compared_at < b.compare_requested_at, false),
         f.sync_uid, f.sync_total, f.renumbered, now()
  FROM ops.mailbox_folder f JOIN ops.mailbox b ON b.id = f.mailbox_id
  WHERE f.mailbox_id = $1::bigint AND f.folder = $2)sql"};
constexpr Sql kSetFolder{"mail_set_folder", R"sql(
  INSERT INTO ops.mailbox_folder (mailbox_id, folder, uidvalidity) VALUES ($1::bigint, $2, $3::bigint)
  ON CONFLICT (mailbox_id, folder) DO UPDATE
    SET uidvalidity = excluded.uidvalidity, last_uid = 0, compared_at = NULL, compared_server = NULL,
        compared_missed = NULL, compared_gone = NULL, compared_difference = NULL, sync_uid = NULL,
        sync_total = 0, renumbered = true)sql"};
constexpr Sql kVanishFormer{"mail_vanish_former", R"sql(
  UPDATE ops.mail_message SET outcome = 'vanished', processed_at = now(), flagged_at = now()
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity <> $3::bigint
    AND flagged_at IS NULL AND outcome IS NULL AND raw_sha256 IS NULL)sql"};
constexpr Sql kUnflagFormer{"mail_unflag_former", R"sql(
  UPDATE ops.mail_message SET flagged_at = now()
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity <> $3::bigint
    AND flagged_at IS NULL AND outcome IS NOT NULL)sql"};

// A server that lists a vanished mail again had it all the time (RFC 9051, 2.3.1.1: no uid comes
// back), and mail that somebody had read before us and marks as unread is to be taken in, as is one
// that was marked to be deleted and no more is, or one that a later `since` had left out.
constexpr Sql kList{"mail_list", R"sql(
  INSERT INTO ops.mail_message AS mail_message (mailbox_id, folder, uidvalidity, uid)
  SELECT $1::bigint, $2, $3::bigint, u.uid FROM unnest($4::bigint[]) AS u (uid)
  WHERE NOT EXISTS (SELECT 1 FROM ops.mail_message m WHERE m.mailbox_id = $1::bigint AND m.folder = $2
                    AND m.uidvalidity = $3::bigint AND m.uid = u.uid
                    AND m.outcome IS DISTINCT FROM 'vanished'
                    AND (m.outcome IS DISTINCT FROM 'ignored'
                         OR m.rule_id NOT IN ('already-seen', 'already-deleted', 'before-since',
                                         'outside-search')))
  ON CONFLICT (mailbox_id, folder, uidvalidity, uid) DO UPDATE
    SET outcome = NULL, processed_at = NULL, flagged_at = NULL, attempts = 0,
        next_attempt_at = NULL, error = NULL, rule_id = NULL
    WHERE (mail_message.outcome = 'vanished'
           OR mail_message.outcome = 'ignored'
              AND mail_message.rule_id IN ('already-seen', 'already-deleted', 'before-since',
                                         'outside-search'))
      AND mail_message.raw_sha256 IS NULL)sql"};
constexpr Sql kListIgnored{"mail_list_ignored", R"sql(
  INSERT INTO ops.mail_message (mailbox_id, folder, uidvalidity, uid, outcome, rule_id,
                                processed_at, flagged_at)
  SELECT $1::bigint, $2, $3::bigint, u.uid, 'ignored', $5, now(), now()
  FROM unnest($4::bigint[]) AS u (uid)
  WHERE NOT EXISTS (SELECT 1 FROM ops.mail_message m WHERE m.mailbox_id = $1::bigint AND m.folder = $2
                    AND m.uidvalidity = $3::bigint AND m.uid = u.uid)
  ON CONFLICT (mailbox_id, folder, uidvalidity, uid) DO NOTHING)sql"};
constexpr Sql kListedUids{"mail_listed_uids", R"sql(
  SELECT uid FROM ops.mail_message
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint
    AND flagged_at IS NULL AND outcome IS NULL AND raw_sha256 IS NULL
  ORDER BY uid)sql"};
constexpr Sql kAnyListed{"mail_any_listed", R"sql(
  SELECT EXISTS (
    SELECT 1 FROM unnest($4::bigint[], $5::bigint[]) AS r (first, last)
    JOIN ops.mail_message m ON m.uid BETWEEN r.first AND r.last
    WHERE m.mailbox_id = $1::bigint AND m.folder = $2 AND m.uidvalidity = $3::bigint
      AND m.flagged_at IS NULL AND m.outcome IS NULL AND m.raw_sha256 IS NULL))sql"};
constexpr Sql kVanish{"mail_vanish", R"sql(
  UPDATE ops.mail_message SET outcome = 'vanished', processed_at = now(), flagged_at = now()
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint
    AND flagged_at IS NULL AND outcome IS NULL AND raw_sha256 IS NULL AND uid = ANY ($4::bigint[]))sql"};
constexpr Sql kCountKnown{"mail_count_known", R"sql(
  SELECT count(*) FROM ops.mail_message
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint
    AND uid = ANY ($4::bigint[]))sql"};
constexpr Sql kCountTold{"mail_count_told", R"sql(
  SELECT count(*) FROM ops.mail_message
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint
    AND uid = ANY ($4::bigint[]) AND flagged_at IS NOT NULL AND raw_sha256 IS NOT NULL
    AND outcome <> 'quarantined' AND (told_to_leave OR NOT $5::bool))sql"};
constexpr Sql kCompared{"mail_compared", R"sql(
  UPDATE ops.mailbox_folder
  SET compared_at = $4::timestamptz, compared_server = $5::bigint, compared_missed = $6::bigint,
      compared_gone = $7::bigint, compared_difference = $8::bigint
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint)sql"};
constexpr Sql kComparisonsWanted{"mail_comparisons_wanted", R"sql(
  SELECT b.code, b.compare_requested_at FROM ops.mailbox b
  WHERE b.enabled AND b.compare_requested_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM ops.mailbox_folder f WHERE f.mailbox_id = b.id
                AND coalesce(f.compared_at < b.compare_requested_at, true)))sql"};
constexpr Sql kLastUid{"mail_last_uid", R"sql(
  UPDATE ops.mailbox_folder SET last_uid = $4::bigint
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint AND last_uid < $4::bigint)sql"};
constexpr Sql kFreeLeases{"mail_free_leases", R"sql(
  SELECT mailbox, folder FROM ops.mailbox_lease WHERE expires_at <= clock_timestamp())sql"};

constexpr Sql kBeginSync{"mail_begin_sync", R"sql(
  UPDATE ops.mailbox_folder SET sync_uid = $4::bigint, sync_total = (
    SELECT count(*) FROM ops.mail_message m
    WHERE m.mailbox_id = $1::bigint AND m.folder = $2 AND m.uidvalidity = $3::bigint
      AND m.uid <= $4::bigint AND m.flagged_at IS NULL AND m.outcome IS NULL)
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint
  RETURNING sync_total)sql"};
// least(): a mail released from quarantine is pending a second time.
constexpr Sql kNoteSync{"mail_note_sync", R"sql(
  UPDATE ops.mailbox b
  SET sync_total = s.total, sync_done = s.total - s.left, sync_per_minute = $2::bigint,
      sync_left_seconds = CASE WHEN $2::bigint > 0 AND s.left > 0
                               THEN ceil(s.left * 60.0 / $2::bigint)::bigint END
  FROM (SELECT coalesce(sum(f.sync_total), 0)::bigint AS total,
               coalesce(sum(least(f.sync_total, (
                 SELECT count(*) FROM ops.mail_message m
                 WHERE m.mailbox_id = f.mailbox_id AND m.folder = f.folder
                   AND m.uidvalidity = f.uidvalidity AND m.uid <= f.sync_uid
                   AND m.flagged_at IS NULL AND m.outcome IS NULL))), 0)::bigint AS left
        FROM ops.mailbox_folder f WHERE f.mailbox_id = $1::bigint AND f.sync_uid IS NOT NULL) s
  WHERE b.id = $1::bigint
  RETURNING b.sync_total, b.sync_done)sql"};

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
  INSERT INTO ops.parse_rule (rule_set_version, mailbox_kind, priority, name, action, rules)
  SELECT s.version, u.kind, u.priority::int, u.name, u.action, u.rules
  FROM ops.rule_set s, unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
       AS u (kind, priority, name, action, rules)
  WHERE s.sha256 = decode($1, 'hex')
  ON CONFLICT DO NOTHING)sql"};
constexpr Sql kRuleSetVersion{"mail_rule_set_version", R"sql(
  SELECT version FROM ops.rule_set WHERE sha256 = decode($1, 'hex'))sql"};

}  // namespace

std::string_view to_string(Outcome outcome) {
  return kOutcomeNames[static_cast<std::size_t>(outcome)];
}

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
    params.add(mailbox.rules).add(mailbox.responsible);
    tickets.push_back(tx->queue(kSyncMailbox, std::move(params)));
  }
  tx->queue(kDisableOthers, std::move(Params{}.add_array(std::span<const std::string>(codes))));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  std::vector<std::pair<std::string, std::int64_t>> ids;
  for (std::size_t i = 0; i < codes.size(); ++i)
    ids.emplace_back(codes[i], tx->rows(tickets[i]).int64(0, 0));
  return ids;
}

Result<std::int64_t> MailLog::mailbox_id(std::string_view code) {
  auto rows = database_.execute(Pool::work, kMailboxId, std::move(Params{}.add(code)));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return fail(ErrorCode::not_found, "there is no mailbox " + std::string(code), "no_mailbox");
  return rows->int64(0, 0);
}

Result<bool> MailLog::any_pending(std::int64_t mailbox_id, std::string_view folder) {
  auto rows =
      database_.execute(Pool::work, kAnyPending, std::move(Params{}.add(mailbox_id).add(folder)));
  if (!rows) return std::unexpected(rows.error());
  return rows->boolean(0, 0);
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
                .compare_due = rows->boolean(0, 3),
                .sync_uid = rows->optional_int64(0, 4),
                .sync_total = rows->int64(0, 5),
                .renumbered = rows->boolean(0, 6),
                .asked_at = rows->instant(0, 7).value_or(Instant{})};
}

Result<std::int64_t> MailLog::change_uidvalidity(const FolderKey& now) {
  auto tx = database_.begin(Pool::work, TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  if (lease_) queue_fence_check(*tx, *lease_);
  tx->queue(kSetFolder, folder_params(now));
  const Ticket vanished = tx->queue(kVanishFormer, folder_params(now));
  tx->queue(kUnflagFormer, folder_params(now));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  return tx->rows(vanished).affected();
}

Result<std::int64_t> MailLog::write(const Sql& sql, const Params& params) {
  std::int64_t affected = 0;
  auto done = in_transaction(database_, Pool::work, [&](Transaction& tx) -> Result<void> {
    if (lease_) queue_fence_check(tx, *lease_);
    const Ticket written = tx.queue(sql, params);
    if (auto ran = tx.run(); !ran) return ran;
    affected = tx.rows(written).affected();
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return affected;
}

// Runs a statement of (folder key, uid array) over the UIDs in bounded pieces; sums what it did.
Result<std::int64_t> MailLog::over_uids(const Sql& sql, const FolderKey& key,
                                        std::span<const std::int64_t> uids,
                                        std::optional<std::string_view> rule) {
  std::int64_t affected = 0;
  while (!uids.empty()) {
    const auto piece = uids.first(std::min(uids.size(), kUidChunk));
    Params params = folder_params(key);
    params.add_array(piece);
    if (rule) params.add(*rule);
    auto done = write(sql, params);
    if (!done) return std::unexpected(done.error());
    affected += *done;
    uids = uids.subspan(piece.size());
  }
  return affected;
}

Result<std::int64_t> MailLog::list(const FolderKey& key, std::span<const std::int64_t> uids) {
  return over_uids(kList, key, uids);
}
Result<std::int64_t> MailLog::list_ignored(const FolderKey& key, std::span<const std::int64_t> uids,
                                           std::string_view rule) {
  return over_uids(kListIgnored, key, uids, rule);
}
Result<std::int64_t> MailLog::vanish(const FolderKey& key, std::span<const std::int64_t> uids) {
  return over_uids(kVanish, key, uids);
}

Result<std::vector<std::int64_t>> MailLog::listed_uids(const FolderKey& key) {
  auto rows = database_.execute(Pool::work, kListedUids, folder_params(key));
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::int64_t> uids;
  for (int row = 0; row < rows->size(); ++row) uids.push_back(rows->int64(row, 0));
  return uids;
}

Result<bool> MailLog::any_listed(const FolderKey& key, std::span<const std::int64_t> firsts,
                                 std::span<const std::int64_t> lasts) {
  while (!firsts.empty()) {
    const std::size_t piece = std::min(firsts.size(), kUidChunk);
    Params params = folder_params(key);
    params.add_array(firsts.first(piece)).add_array(lasts.first(piece));
    auto rows = database_.execute(Pool::work, kAnyListed, params);
    if (!rows) return std::unexpected(rows.error());
    if (rows->boolean(0, 0)) return true;
    firsts = firsts.subspan(piece);
    lasts = lasts.subspan(piece);
  }
  return false;
}

Result<std::int64_t> MailLog::count_known(const FolderKey& key,
                                          std::span<const std::int64_t> uids) {
  std::int64_t known = 0;
  while (!uids.empty()) {
    const auto piece = uids.first(std::min(uids.size(), kUidChunk));
    auto rows =
        database_.execute(Pool::work, kCountKnown, std::move(folder_params(key).add_array(piece)));
    if (!rows) return std::unexpected(rows.error());
    known += rows->int64(0, 0);
    uids = uids.subspan(piece.size());
  }
  return known;
}
Result<std::int64_t> MailLog::count_told(const FolderKey& key, std::span<const std::int64_t> uids,
                                         bool to_leave) {
  std::int64_t known = 0;
  while (!uids.empty()) {
    const auto piece = uids.first(std::min(uids.size(), kUidChunk));
    auto rows = database_.execute(Pool::work, kCountTold,
                                  std::move(folder_params(key).add_array(piece).add(to_leave)));
    if (!rows) return std::unexpected(rows.error());
    known += rows->int64(0, 0);
    uids = uids.subspan(piece.size());
  }
  return known;
}

Result<void> MailLog::note_compared(const FolderKey& key, const Comparison& comparison) {
  Params params = folder_params(key);
  params.add(comparison.begun).add(comparison.server).add(comparison.missed);
  params.add(comparison.gone).add(comparison.difference);
  if (auto done = write(kCompared, params); !done) return std::unexpected(done.error());
  return {};
}

Result<MailLog::Calls> MailLog::calls() {
  auto tx = database_.begin(Pool::work, TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  const Ticket wanted = tx->queue(kComparisonsWanted);
  const Ticket free = tx->queue(kFreeLeases);
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  Calls calls;
  const Rows& comparisons = tx->rows(wanted);
  for (int row = 0; row < comparisons.size(); ++row)
    calls.comparisons.emplace_back(comparisons.text(row, 0),
                                   comparisons.instant(row, 1).value_or(Instant{}));
  for (int row = 0; row < tx->rows(free).size(); ++row)
    calls.free.emplace_back(tx->rows(free).text(row, 0), tx->rows(free).text(row, 1));
  return calls;
}

Result<void> MailLog::note_last_uid(const FolderKey& key, std::int64_t last_uid) {
  auto done = write(kLastUid, folder_params(key).add(last_uid));
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<std::int64_t> MailLog::begin_sync(const FolderKey& key, std::int64_t newest) {
  auto rows = database_.execute(Pool::work, kBeginSync, std::move(folder_params(key).add(newest)));
  if (!rows) return std::unexpected(rows.error());
  return rows->empty() ? 0 : rows->int64(0, 0);
}

Result<MailLog::Sync> MailLog::note_sync(std::int64_t mailbox_id, std::int64_t per_minute) {
  auto rows =
      database_.execute(Pool::work, kNoteSync, std::move(Params{}.add(mailbox_id).add(per_minute)));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return Sync{};
  return Sync{.total = rows->int64(0, 0), .done = rows->int64(0, 1)};
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
  std::vector<std::string> files;
  for (const RuleRow& rule : rules) {
    files.push_back(rule.rules);
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
  params.add_array(std::span<const std::string>(files));
  tx->queue(kAddRules, std::move(params));
  const Ticket version =
      tx->queue(kRuleSetVersion, std::move(Params{}.add(std::string_view(digest))));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  return tx->rows(version).int64(0, 0);
}

}  // namespace c360::store
