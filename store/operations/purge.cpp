#include "store/operations/purge.h"

#include <utility>
#include <vector>

namespace c360::store {
namespace {

constexpr Sql kPurgeRecords{"purge.records", "SELECT crm.purge_records($1::bigint[])"};

// $1 and $2 the place, $3 hours, $4 how many: how many there are, the last place, the blobs that
// are locked, as the text of an array.
constexpr Sql kLockRawMail{"purge.lock_raw_mail", R"sql(
WITH page AS MATERIALIZED (
  SELECT m.id, m.processed_at, m.raw_sha256, m.outcome FROM ops.mail_message AS m
   WHERE m.processed_at < now() - $3::bigint * interval '1 hour'
     AND (m.processed_at, m.id) > ($1::timestamptz, $2::bigint)
   ORDER BY m.processed_at, m.id LIMIT $4),
locked AS MATERIALIZED (
  SELECT b.sha256 FROM ops.blob AS b
   WHERE b.sha256 IN (SELECT p.raw_sha256 FROM page AS p WHERE p.outcome <> 'quarantined')
     AND EXISTS (SELECT FROM ops.blob_chunk AS c WHERE c.sha256 = b.sha256 AND c.seq = 0)
   FOR UPDATE OF b SKIP LOCKED)
SELECT count(*), (SELECT processed_at || ' ' || id FROM page ORDER BY processed_at DESC, id DESC
                   LIMIT 1),
       (SELECT array_agg(sha256)::text FROM locked)
  FROM page)sql"};

// $1 locked blobs, $2 hours. A statement of its own, so that it sees what was committed before the
// locks were had. Mails that share their bytes with one that is held, pending or younger keep them,
// and so does what became a document, an attachment, a report or a template.
constexpr Sql kRawMail{"purge.raw_mail", R"sql(
WITH locked AS MATERIALIZED (SELECT DISTINCT s.sha256 FROM unnest($1::bytea[]) AS s (sha256)),
held AS MATERIALIZED (
  SELECT m.raw_sha256 FROM ops.mail_message AS m
   WHERE m.outcome = 'quarantined' OR (m.flagged_at IS NULL AND m.outcome IS NULL)),
taken AS MATERIALIZED (
  SELECT l.sha256 FROM locked AS l
   WHERE l.sha256 NOT IN (SELECT raw_sha256 FROM held WHERE raw_sha256 IS NOT NULL)
     AND NOT EXISTS (SELECT FROM ops.mail_content AS c JOIN ops.mail_message AS o
                         ON o.id = c.mail_message_id
                      WHERE c.raw_sha256 = l.sha256
                        AND (o.processed_at IS NULL
                             OR o.processed_at >= now() - $2::bigint * interval '1 hour'))
     AND NOT EXISTS (SELECT FROM ops.mail_attachment AS a WHERE a.sha256 = l.sha256)
     AND NOT EXISTS (SELECT FROM crm.document_version AS v WHERE v.content_sha256 = l.sha256)
     AND NOT EXISTS (SELECT FROM crm.express_report AS r WHERE r.sha256 = l.sha256)
     AND NOT EXISTS (SELECT FROM crm.document_template AS t WHERE t.docx_sha256 = l.sha256)),
gone AS (
  DELETE FROM ops.blob_chunk AS c USING taken WHERE c.sha256 = taken.sha256 RETURNING c.sha256)
SELECT count(DISTINCT sha256) FROM gone)sql"};

constexpr Sql kNotifications{"purge.notifications", R"sql(
DELETE FROM crm.notification WHERE id IN (
  SELECT id FROM crm.notification WHERE created_at < now() - $1::bigint * interval '1 hour'
   ORDER BY created_at LIMIT $2))sql"};
constexpr Sql kParked{"purge.parked", R"sql(
DELETE FROM ops.webhook_delivery WHERE (webhook_id, event_id) IN (
  SELECT webhook_id, event_id FROM ops.webhook_delivery
   WHERE status = 'parked' AND queued_at < now() - $1::bigint * interval '1 hour' LIMIT $2))sql"};

Result<std::int64_t> remove_by(Transaction& tx, const Sql& sql, std::chrono::hours age, int limit) {
  auto rows =
      tx.query(sql, std::move(Params{}.add(static_cast<std::int64_t>(age.count())).add(limit)));
  if (!rows) return std::unexpected(rows.error());
  return (*rows)->affected();
}

}  // namespace

// What was merged stays: it shows the way to where it went, and can be taken apart again.
Result<PurgedPiece> purge_deleted(Transaction& tx, const Resource& resource, std::chrono::hours age,
                                  const std::string& place, int limit) {
  const std::string text =
      "SELECT id FROM " + std::string(resource.table) +
      " WHERE deleted_at < now() - $1::bigint * interval '1 hour'"
      " AND id > $2::bigint" +
      (resource.has_field("merged_into_id") ? " AND merged_into_id IS NULL" : "") +
      " ORDER BY id LIMIT $3::bigint"
      " FOR UPDATE SKIP LOCKED";
  auto rows = tx.query({"", text}, std::move(Params{}
                                                 .add(static_cast<std::int64_t>(age.count()))
                                                 .add(place.empty() ? std::string("0") : place)
                                                 .add(limit)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::int64_t> ids;
  for (int row = 0; row < (*rows)->size(); ++row) ids.push_back((*rows)->int64(row, 0));
  if (ids.empty()) return PurgedPiece{};
  PurgedPiece piece{.more = static_cast<int>(ids.size()) == limit,
                    .place = std::to_string(ids.back())};
  auto gone = tx.query(kPurgeRecords, Params{}.add_array(std::span<const std::int64_t>(ids)));
  if (!gone) return std::unexpected(gone.error());
  piece.gone = (*gone)->int64(0, 0);
  return piece;
}

Result<PurgedPiece> purge_raw_mail(Transaction& tx, std::chrono::hours age,
                                   const std::string& place, int limit) {
  const std::size_t blank = place.rfind(' ');
  Params params;
  params.add(place.empty() ? std::string("-infinity") : place.substr(0, blank));
  params.add(place.empty() ? std::string("0") : place.substr(blank + 1));
  params.add(static_cast<std::int64_t>(age.count())).add(limit);
  auto rows = tx.query(kLockRawMail, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  PurgedPiece piece{.more = (*rows)->int64(0, 0) == limit,
                    .place = std::string((*rows)->text(0, 1))};
  const auto locked = (*rows)->optional_text(0, 2);
  if (!locked) return piece;
  auto gone = tx.query(
      kRawMail, std::move(Params{}.add(*locked).add(static_cast<std::int64_t>(age.count()))));
  if (!gone) return std::unexpected(gone.error());
  piece.gone = (*gone)->int64(0, 0);
  return piece;
}

Result<std::int64_t> purge_notifications(Transaction& tx, std::chrono::hours age, int limit) {
  return remove_by(tx, kNotifications, age, limit);
}

Result<std::int64_t> purge_parked_deliveries(Transaction& tx, std::chrono::hours age, int limit) {
  return remove_by(tx, kParked, age, limit);
}

}  // namespace c360::store
