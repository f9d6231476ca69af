#include "store/kept_mail.h"

#include "daemon/base/text.h"
#include "store/mail_log_rows.h"

namespace c360::store {

namespace {

constexpr Sql kMail{"kept_mail", R"sql(
  SELECT m.id, m.uid, m.uidvalidity, m.folder, b.code, b.kind, b.target, m.state, m.outcome,
         m.raw_sha256, m.size_bytes, m.internal_date, m.fetched_at, m.sent_at, m.date_source,
         m.message_id, m.subject, m.from_name, m.from_address, m.error, m.outcome_record_id, r.kind,
         m.duplicate_of_id, m.rule_id, m.rule_set_version, encode(s.sha256, 'hex'), m.extracted,
         q.id, q.reason, q.details, q.status, q.resolution
  FROM ops.mail m
  JOIN ops.mailbox b ON b.id = m.mailbox_id
  LEFT JOIN ops.rule_set s ON s.version = m.rule_set_version
  LEFT JOIN ops.quarantine q ON q.mail_message_id = m.id
  LEFT JOIN crm.record r ON r.id = m.outcome_record_id
  WHERE m.id = $1::bigint)sql"};
// Through merges the mail comes to a record with the fields each of them filled in.
constexpr Sql kRecords{"kept_mail_records", R"sql(
  WITH RECURSIVE made AS (
    SELECT id, 'deal' AS kind, counterparty_id, NULL::bigint AS parent_id FROM crm.deal
    WHERE mail_message_id = $1::bigint AND deleted_at IS NULL
    UNION ALL
    SELECT id, 'lead', counterparty_id, NULL::bigint FROM crm.lead
    WHERE mail_message_id = $1::bigint AND deleted_at IS NULL
    UNION ALL
    SELECT id, 'activity', NULL::bigint, parent_record_id FROM crm.activity
    WHERE mail_message_id = $1::bigint AND deleted_at IS NULL
    UNION ALL
    SELECT id, 'support_request', counterparty_id, NULL::bigint FROM crm.support_request
    WHERE mail_message_id = $1::bigint AND deleted_at IS NULL
    UNION ALL
    SELECT id, 'comment', NULL::bigint, record_id FROM crm.comment
    WHERE mail_message_id = $1::bigint AND deleted_at IS NULL),
  way AS (
    SELECT m.id AS heir, g.source_id, 1 AS step,
           ARRAY(SELECT jsonb_object_keys(g.moved -> 'filled')) AS fields
    FROM made m JOIN crm.merge g ON g.target_id = m.id AND g.undone_at IS NULL
    WHERE m.kind IN ('deal', 'lead')
      AND g.moved #>> '{filled,mail_message_id,new}' = $1::bigint::text
    UNION ALL
    SELECT w.heir, g.source_id, w.step + 1,
           ARRAY(SELECT unnest(w.fields) INTERSECT SELECT jsonb_object_keys(g.moved -> 'filled'))
    FROM way w JOIN crm.merge g ON g.target_id = w.source_id AND g.undone_at IS NULL
    WHERE g.moved #>> '{filled,mail_message_id,new}' = $1::bigint::text)
  SELECT m.id, m.kind, m.counterparty_id, m.parent_id,
         (SELECT array_to_string(w.fields, ',') FROM way w WHERE w.heir = m.id
          ORDER BY w.step DESC LIMIT 1)
  FROM made m ORDER BY m.id)sql"};
constexpr Sql kRuleFiles{"kept_rule_files",
                         "SELECT files FROM ops.rule_set WHERE version = $1::bigint"};

// Columns of kMail in their order.
class RowReader {
 public:
  explicit RowReader(const Rows& rows) : rows_(rows) {}
  std::int64_t number() { return rows_.int64(0, next_++); }
  std::optional<std::int64_t> optional_number() { return rows_.optional_int64(0, next_++); }
  std::string text() { return std::string(rows_.text(0, next_++)); }
  std::optional<Instant> instant() { return rows_.instant(0, next_++); }
  std::optional<Sha256> digest() {
    const int column = next_++;
    if (rows_.is_null(0, column)) return std::nullopt;
    return sha256_of(rows_.bytes(0, column));
  }

 private:
  const Rows& rows_;
  int next_ = 0;
};

KeptMail mail_of(const Rows& rows) {
  RowReader row(rows);
  KeptMail mail;
  mail.id = row.number();
  mail.uid = row.number();
  mail.uidvalidity = row.number();
  for (std::string* text : {&mail.folder, &mail.mailbox, &mail.mailbox_kind, &mail.mailbox_target,
                            &mail.state, &mail.outcome})
    *text = row.text();
  mail.raw_sha256 = row.digest();
  mail.size_bytes = row.number();
  mail.internal_date = row.instant();
  mail.fetched_at = row.instant();
  mail.sent_at = row.instant();
  for (std::string* text : {&mail.date_source, &mail.message_id, &mail.subject, &mail.from_name,
                            &mail.from_address, &mail.error})
    *text = row.text();
  mail.record_id = row.optional_number();
  mail.record_kind = row.text();
  mail.duplicate_of_id = row.optional_number();
  mail.rule = row.text();
  mail.rule_set_version = row.optional_number();
  mail.rule_set_sha256 = row.text();
  mail.extracted_json = row.text();
  if (const auto quarantine = row.optional_number()) {
    mail.quarantine.emplace();
    mail.quarantine->id = *quarantine;
    for (std::string* text : {&mail.quarantine->reason, &mail.quarantine->details,
                              &mail.quarantine->status, &mail.quarantine->resolution})
      *text = row.text();
  }
  return mail;
}

KeptMail::Record record_of(const Rows& rows, int row) {
  KeptMail::Record record{.id = rows.int64(row, 0),
                          .kind = std::string(rows.text(row, 1)),
                          .counterparty_id = rows.optional_int64(row, 2),
                          .parent_id = rows.optional_int64(row, 3)};
  if (const auto fields = rows.optional_text(row, 4)) {
    record.taken_over.emplace();
    for (const std::string_view field : split(*fields, ',')) record.taken_over->emplace_back(field);
  }
  return record;
}

}  // namespace

Result<std::optional<KeptMail>> kept_mail(Database& database, std::int64_t id) {
  auto tx = database.begin(Pool::api, TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  const Ticket mail = tx->queue(kMail, std::move(Params{}.add(id)));
  const Ticket records = tx->queue(kRecords, std::move(Params{}.add(id)));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  if (tx->rows(mail).empty()) return std::nullopt;
  KeptMail kept = mail_of(tx->rows(mail));
  const Rows& made = tx->rows(records);
  for (int row = 0; row < made.size(); ++row) kept.records.push_back(record_of(made, row));
  return kept;
}

Result<std::string> kept_rule_files(Database& database, std::int64_t version) {
  auto rows = database.execute(Pool::api, kRuleFiles, std::move(Params{}.add(version)));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return fail(ErrorCode::not_found, "there is no rule set " + std::to_string(version));
  return std::string(rows->text(0, 0));
}

}  // namespace c360::store
