// The way of one mail through the ledger: due, stored, read and applied, flagged.
#include <algorithm>
#include <array>
#include <deque>

#include "store/array.h"
#include "store/mail_log.h"
#include "store/mail_log_rows.h"
#include "store/records.h"

namespace c360::store {

namespace {

constexpr Sql kStoredDue{"mail_stored_due", R"sql(
  SELECT id, uid, uidvalidity, folder, raw_sha256 IS NOT NULL, attempts, raw_sha256, size_bytes,
         internal_date, fetched_at, error
  FROM ops.mail_message
  WHERE mailbox_id = $1::bigint AND folder = $2 AND id > $3::bigint
    AND flagged_at IS NULL AND outcome IS NULL
    AND raw_sha256 IS NOT NULL AND (next_attempt_at IS NULL OR next_attempt_at <= now())
  ORDER BY id LIMIT $4::bigint)sql"};
constexpr Sql kListedDue{"mail_listed_due", R"sql(
  SELECT id, uid, uidvalidity, folder, raw_sha256 IS NOT NULL, attempts, raw_sha256, size_bytes,
         internal_date, fetched_at, error
  FROM ops.mail_message
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint AND uid > $4::bigint
    AND flagged_at IS NULL AND outcome IS NULL
    AND raw_sha256 IS NULL AND (next_attempt_at IS NULL OR next_attempt_at <= now())
    AND (attempts > 0) = $6::bool
  ORDER BY uid LIMIT $5::bigint)sql"};
constexpr Sql kListedBelow{"mail_listed_below", R"sql(
  SELECT id, uid, uidvalidity, folder, raw_sha256 IS NOT NULL, attempts, raw_sha256, size_bytes,
         internal_date, fetched_at, error
  FROM ops.mail_message
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint AND uid < $4::bigint
    AND flagged_at IS NULL AND outcome IS NULL
    AND raw_sha256 IS NULL AND (next_attempt_at IS NULL OR next_attempt_at <= now()) AND attempts = 0
  ORDER BY uid DESC LIMIT $5::bigint)sql"};
constexpr Sql kLock{"mail_lock", R"sql(
  SELECT id FROM ops.mail_message WHERE id = ANY ($1::bigint[]) AND outcome IS NULL AND raw_sha256 IS NOT NULL
  ORDER BY id FOR UPDATE)sql"};
// For what may be done once more when the server of the database crashes before it reaches the
// disk: a mail is fetched again, a flag set again. It reaches the disk no later than the next
// commit.
constexpr Sql kRelaxCommit{"relax_commit", "SELECT set_config('synchronous_commit', 'off', true)"};
// Where the database is set to let commits be lost: not this one, the server is told next.
constexpr Sql kFullCommit{"full_commit", R"sql(
  SELECT set_config('synchronous_commit', 'on', true)
  WHERE current_setting('synchronous_commit') = 'off')sql"};
// A CASE, of which the planner supposes that it lets half the rows pass: of two IS NULL it expects
// one row and reads the whole ledger for it.
constexpr Sql kStored{"mail_stored", R"sql(
  UPDATE ops.mail_message m
  SET raw_sha256 = decode(u.sha, 'hex'), size_bytes = u.size::bigint,
      internal_date = u.internal::timestamptz, fetched_at = now(), attempts = 1, error = NULL
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS u (id, sha, size, internal)
  WHERE m.id = u.id AND CASE WHEN m.outcome IS NULL THEN m.raw_sha256 IS NULL ELSE false END)sql"};
constexpr Sql kCountAttempts{"mail_count_attempts", R"sql(
  UPDATE ops.mail_message SET attempts = attempts + 1 WHERE id = ANY ($1::bigint[]) AND outcome IS NULL AND raw_sha256 IS NOT NULL)sql"};
constexpr Sql kDefer{"mail_defer", R"sql(
  UPDATE ops.mail_message
  SET error = $2, next_attempt_at = now() + make_interval(secs => $3::bigint / 1000.0),
      attempts = attempts + (raw_sha256 IS NULL)::int
  WHERE id = ANY ($1::bigint[]) AND outcome IS NULL)sql"};
constexpr Sql kFinish{"mail_finish", R"sql(
  UPDATE ops.mail_message m SET
    outcome = u.outcome, outcome_record_id = nullif(u.record_id, '')::bigint,
    duplicate_of_id = nullif(u.duplicate_of, '')::bigint, rule_id = nullif(u.rule_id, ''),
    rule_set_version = nullif(u.rule_set, '')::bigint, error = nullif(u.error, ''),
    next_attempt_at = NULL, processed_at = now(), flagged_at = NULL
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS u (id, outcome, record_id, duplicate_of, rule_id, rule_set, error)
  WHERE m.id = u.id)sql"};
// Read once more after a person's retry: the later reading stands.
constexpr Sql kForgetContent{"mail_forget_content", R"sql(
  DELETE FROM ops.mail_content WHERE mail_message_id = ANY ($1::bigint[]))sql"};
// After kFinish.
constexpr Sql kContent{"mail_content", R"sql(
  INSERT INTO ops.mail_content (
    mail_message_id, mailbox_id, raw_sha256, has_effect, extracted, message_id, in_reply_to,
    references_ids, from_name, from_address, from_domain, reply_to, to_addresses, cc_addresses,
    subject, sent_at, date_source, body_text, body_html, charset, is_auto_generated, is_bounce,
    auth_results, link_grade, bounced_message_id, special_formats)
  SELECT m.id, m.mailbox_id, m.raw_sha256, m.outcome IN ('deal_created', 'lead_created',
           'activity_added', 'support_created', 'comment_added'), u.extracted::json,
         nullif(u.message_id, ''), u.in_reply_to::text[], u.refs::text[], nullif(u.from_name, ''),
         nullif(u.from_address, ''), nullif(u.from_domain, ''), nullif(u.reply_to, ''),
         u.to_json::jsonb, u.cc_json::jsonb, u.subject, nullif(u.sent_at, '')::timestamptz,
         nullif(u.date_source, ''), nullif(u.body_text, ''), nullif(u.body_html, ''),
         nullif(u.charset, ''), u.auto::bool, u.bounce::bool, u.auth_results::jsonb,
         nullif(u.grade, ''), nullif(u.bounced, ''), u.formats::text[]
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
              $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
              $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[],
              $21::text[], $22::text[], $23::text[])
    AS u (id, extracted, message_id, in_reply_to, refs, from_name, from_address, from_domain,
          reply_to, to_json, cc_json, subject, sent_at, date_source, body_text, body_html, charset,
          auto, bounce, auth_results, grade, bounced, formats)
  JOIN ops.mail_message m ON m.id = u.id)sql"};
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
  SELECT encode(c.raw_sha256, 'hex'), min(c.mail_message_id) FROM ops.mail_content c
  WHERE c.raw_sha256 = ANY ($2::bytea[]) AND c.mailbox_id = $1::bigint
    AND (SELECT m.outcome NOT IN ('vanished', 'duplicate') FROM ops.mail_message m
         WHERE m.id = c.mail_message_id)
  GROUP BY c.raw_sha256)sql"};
// Bytes that are new, nearly always all, cost the lookup among the blobs alone. The aggregate keeps
// the planner from reading all mails instead.
constexpr Sql kKnownBytes{"mail_known_bytes", R"sql(
  SELECT encode(b.sha256, 'hex') FROM ops.blob b CROSS JOIN LATERAL (
    SELECT bool_or(m.mailbox_id = $1::bigint AND m.folder = $2 AND m.uidvalidity = $3::bigint) AS here
    FROM ops.mail_content c JOIN ops.mail_message m ON m.id = c.mail_message_id
    WHERE c.raw_sha256 = b.sha256) AS read
  WHERE b.sha256 = ANY ($4::bytea[]) AND coalesce(read.here, true))sql"};
// The first half by the bytes of what was read, the second by what is still to be.
constexpr Sql kReadBefore{"mail_read_before", R"sql(
  SELECT m.id, m.uid, m.raw_sha256
  FROM ops.mail_content c JOIN ops.mail_message m ON m.id = c.mail_message_id
  WHERE c.raw_sha256 = ANY ($4::bytea[]) AND m.raw_sha256 = c.raw_sha256
    AND m.mailbox_id = $1::bigint AND m.folder = $2 AND m.uidvalidity = $3::bigint
    AND m.outcome IS DISTINCT FROM 'duplicate'
  UNION
  SELECT m.id, m.uid, m.raw_sha256 FROM ops.mail_message m
  WHERE m.mailbox_id = $1::bigint AND m.folder = $2 AND m.uidvalidity = $3::bigint
    AND m.flagged_at IS NULL AND m.outcome IS NULL AND m.raw_sha256 = ANY ($4::bytea[])
  ORDER BY 2)sql"};
constexpr Sql kExchange{"mail_exchange", "SELECT ops.exchange_mails($1::bigint, $2::bigint)"};
constexpr Sql kThreads{"mail_threads", R"sql(
  SELECT DISTINCT ON (c.message_id) c.message_id, coalesce(a.parent_record_id, r.id),
         coalesce(p.kind, r.kind)
  FROM ops.mail_content c
  JOIN ops.mail_message m ON m.id = c.mail_message_id
  JOIN crm.record r ON r.id = m.outcome_record_id
  LEFT JOIN crm.activity a ON a.id = r.id AND r.kind = 'activity'
  LEFT JOIN crm.record p ON p.id = a.parent_record_id
  WHERE c.message_id = ANY ($1::text[])
  ORDER BY c.message_id, m.id)sql"};
constexpr Sql kAttachments{"mail_attachments", R"sql(
  INSERT INTO ops.mail_attachment (mail_message_id, part, file_name, mime_type, detected_type,
                                   size_bytes, sha256, content_id, is_inline, document_id)
  SELECT u.mail, u.part, u.name, u.type, nullif(u.detected, ''), u.size::bigint,
         decode(u.sha, 'hex'), nullif(u.cid, ''), u.inline::bool, u.document::bigint
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
              $8::text[], $9::text[], $10::text[])
    AS u (mail, part, name, type, detected, size, sha, cid, inline, document)
  ON CONFLICT (mail_message_id, part) DO UPDATE SET document_id = excluded.document_id)sql"};
// Not its own fault: the attempt does not count.
constexpr Sql kPostpone{"mail_postpone", R"sql(
  UPDATE ops.mail_message
  SET error = $2, attempts = greatest(attempts - (raw_sha256 IS NOT NULL)::int, 0),
      next_attempt_at = now() + make_interval(secs => $3::bigint / 1000.0)
  WHERE id = ANY ($1::bigint[]) AND outcome IS NULL)sql"};
constexpr Sql kFlagsDue{"mail_flags_due", R"sql(
  SELECT id, uid, outcome FROM ops.mail_message
  WHERE mailbox_id = $1::bigint AND folder = $2 AND uidvalidity = $3::bigint AND uid > $4::bigint
    AND flagged_at IS NULL AND outcome IS NOT NULL
  ORDER BY uid LIMIT $5::bigint)sql"};
// A CASE as in kStored: for IS NULL the planner would go through all of a backlog each time.
constexpr Sql kFlagged{"mail_flagged", R"sql(
  UPDATE ops.mail_message SET flagged_at = now(), told_to_leave = $2::bool
  WHERE id = ANY ($1::bigint[]) AND CASE WHEN flagged_at IS NULL THEN true ELSE false END)sql"};

}  // namespace

Result<std::vector<PendingMail>> MailLog::listed_due(const FolderKey& key, bool tried_before,
                                                     std::int64_t above, std::size_t limit) {
  Params params = folder_params(key);
  params.add(above).add(static_cast<std::int64_t>(limit)).add(tried_before);
  auto rows = database_.execute(Pool::work, kListedDue, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return all_pending(*rows);
}

Result<std::vector<PendingMail>> MailLog::listed_below(const FolderKey& key, std::int64_t below,
                                                       std::size_t limit) {
  Params params = folder_params(key);
  params.add(below).add(static_cast<std::int64_t>(limit));
  auto rows = database_.execute(Pool::work, kListedBelow, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  auto mails = all_pending(*rows);
  std::ranges::reverse(mails);
  return mails;
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

Ticket MailLog::queue_lock(Transaction& tx, std::span<const std::int64_t> ids) {
  return tx.queue(kLock, std::move(Params{}.add_array(ids)));
}

std::vector<std::int64_t> MailLog::locked(const Transaction& tx, Ticket ticket) {
  const Rows& rows = tx.rows(ticket);
  std::vector<std::int64_t> ids;
  for (int row = 0; row < rows.size(); ++row) ids.push_back(rows.int64(row, 0));
  return ids;
}

namespace {

std::vector<std::string_view> views_of(std::span<const Sha256> digests) {
  std::vector<std::string_view> bytes;
  for (const Sha256& digest : digests) bytes.push_back(as_bytes_view(digest));
  return bytes;
}

}  // namespace

Result<std::set<Sha256>> MailLog::known_bytes(const FolderKey& key,
                                              std::span<const Sha256> digests) {
  const auto bytes = views_of(digests);
  auto rows = database_.execute(Pool::work, kKnownBytes,
                                std::move(folder_params(key).add_bytes_array(bytes)));
  if (!rows) return std::unexpected(rows.error());
  std::set<Sha256> known;
  for (int row = 0; row < rows->size(); ++row)
    known.insert(sha256_of(from_hex(rows->text(row, 0)).value_or("")));
  return known;
}

Result<std::vector<MailBytes>> MailLog::read_before(const FolderKey& key,
                                                    std::span<const Sha256> digests) {
  const auto bytes = views_of(digests);
  auto rows = database_.execute(Pool::work, kReadBefore,
                                std::move(folder_params(key).add_bytes_array(bytes)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<MailBytes> mails;
  for (int row = 0; row < rows->size(); ++row)
    mails.push_back({.id = rows->int64(row, 0),
                     .uid = rows->int64(row, 1),
                     .sha256 = sha256_of(rows->bytes(row, 2))});
  return mails;
}

Result<void> MailLog::exchange(std::int64_t taken, std::int64_t unread) {
  auto done = write(kExchange, Params{}.add(taken).add(unread));
  if (!done) return std::unexpected(done.error());
  return {};
}

Ticket MailLog::queue_originals(Transaction& tx, std::int64_t mailbox_id,
                                std::span<const Sha256> digests) {
  const auto bytes = views_of(digests);
  return tx.queue(kOriginals, std::move(Params{}.add(mailbox_id).add_bytes_array(bytes)));
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
  auto done = write(kCountAttempts, Params{}.add_array(ids));
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> MailLog::defer(std::span<const std::int64_t> ids, std::string_view error,
                            std::chrono::milliseconds delay) {
  Params params;
  params.add_array(ids).add(error).add(static_cast<std::int64_t>(delay.count()));
  if (auto done = write(kDefer, params); !done) return std::unexpected(done.error());
  return {};
}

Result<void> MailLog::postpone(std::span<const std::int64_t> ids, std::string_view error,
                               std::chrono::milliseconds delay) {
  Params params;
  params.add_array(ids).add(error).add(static_cast<std::int64_t>(delay.count()));
  if (auto done = write(kPostpone, params); !done) return std::unexpected(done.error());
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
    const auto outcome = std::ranges::find(kOutcomeNames, rows->text(row, 2));
    due.push_back({.id = rows->int64(row, 0),
                   .uid = rows->int64(row, 1),
                   .outcome = static_cast<Outcome>(outcome - kOutcomeNames.begin())});
  }
  return due;
}

Result<void> MailLog::note_flagged(std::span<const std::int64_t> ids, bool told_to_leave) {
  return in_transaction(database_, Pool::work, [&](Transaction& tx) -> Result<void> {
    if (lease_) queue_fence_check(tx, *lease_);
    tx.queue(kRelaxCommit);
    tx.queue(kFlagged, std::move(Params{}.add_array(ids).add(told_to_leave)));
    return {};
  });
}

namespace {

// The columns of a set-wise statement: one array each, filled row by row. Of what is put as a view
// the text outlives the params; a missing value is an empty text.
template <std::size_t kColumns>
class ColumnArrays {
 public:
  void begin(std::int64_t id) {
    ids_.push_back(id);
    next_ = 0;
  }
  ColumnArrays& put(std::string_view value) {
    columns_[next_++].push_back(value);
    return *this;
  }
  ColumnArrays& put_made(std::string value) { return put(made_.emplace_back(std::move(value))); }
  ColumnArrays& put_made(std::optional<std::string> value) {
    return value ? put_made(std::move(*value)) : put(std::string_view());
  }
  bool empty() const { return ids_.empty(); }
  std::span<const std::int64_t> ids() const { return ids_; }
  Params params() const {
    Params params;
    params.add_array(std::span<const std::int64_t>(ids_));
    for (const auto& column : columns_) params.add_array(std::span<const std::string_view>(column));
    return params;
  }

 private:
  std::vector<std::int64_t> ids_;
  std::array<std::vector<std::string_view>, kColumns> columns_;
  std::deque<std::string> made_;  // what was made for a column
  std::size_t next_ = 0;
};
using EndColumns = ColumnArrays<6>;       // of kFinish, behind the id
using ContentColumns = ColumnArrays<22>;  // of kContent, behind the id

void add_end(EndColumns& ends, const MailResult& mail) {
  ends.begin(mail.id);
  ends.put(to_string(mail.outcome)).put_made(optional_text(mail.record_id));
  ends.put_made(optional_text(mail.duplicate_of_id)).put(mail.rule_id);
  ends.put_made(optional_text(mail.rule_set_version)).put(mail.error);
}

void add_content(ContentColumns& contents, const MailResult& mail) {
  contents.begin(mail.id);
  contents.put(mail.extracted_json).put(mail.message_id).put_made(array_literal(mail.in_reply_to));
  contents.put_made(array_literal(mail.references)).put(mail.from_name).put(mail.from_address);
  contents.put(mail.from_domain).put(mail.reply_to).put(mail.to_json).put(mail.cc_json);
  contents.put(mail.subject).put_made(optional_text(mail.sent_at)).put(mail.date_source);
  contents.put(mail.body_text).put(mail.body_html).put(mail.charset);
  contents.put(mail.is_auto_generated ? "t" : "f").put(mail.is_bounce ? "t" : "f");
  contents.put(mail.auth_results_json).put(mail.link_grade).put(mail.bounced_message_id);
  contents.put_made(array_literal(mail.special_formats));
}

}  // namespace

void MailLog::queue_finished(Transaction& tx, std::span<const MailResult> results) {
  if (results.empty()) return;
  EndColumns ends;
  ContentColumns contents;
  ColumnArrays<2> held;
  std::vector<std::int64_t> settled;
  for (const MailResult& mail : results) {
    add_end(ends, mail);
    if (mail.was_read()) add_content(contents, mail);
    if (!mail.quarantine_reason) {
      settled.push_back(mail.id);
      continue;
    }
    held.begin(mail.id);
    held.put(to_string(*mail.quarantine_reason)).put(mail.quarantine_details);
  }
  tx.queue(kFullCommit);
  tx.queue(kFinish, ends.params());
  if (!contents.empty()) {
    tx.queue(kForgetContent, std::move(Params{}.add_array(contents.ids())));
    tx.queue(kContent, contents.params());
  }
  tx.queue(kCloseTasks, std::move(Params{}.add_array(ends.ids())));
  if (!held.empty()) tx.queue(kQuarantine, held.params());
  if (!settled.empty())
    tx.queue(kCloseQuarantine,
             std::move(Params{}.add_array(std::span<const std::int64_t>(settled))));
}

}  // namespace c360::store
