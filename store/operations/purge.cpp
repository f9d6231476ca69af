#include "store/operations/purge.h"

#include <utility>
#include <vector>

namespace c360::store {
namespace {

constexpr Sql kPurgeRecords{"purge.records", "SELECT crm.purge_records($1::bigint[])"};

// $1 and $2 the place, $3 hours, $4 how many. Mails that share their bytes with one that is held,
// pending or younger keep them, and so does what became a document or an attachment.
constexpr Sql kRawMail{"purge.raw_mail", R"sql(
WITH page AS MATERIALIZED (
  SELECT m.id, m.processed_at, m.raw_sha256, m.outcome FROM ops.mail_message AS m
   WHERE m.processed_at < now() - $3::bigint * interval '1 hour'
     AND (m.processed_at, m.id) > ($1::timestamptz, $2::bigint)
   ORDER BY m.processed_at, m.id LIMIT $4),
old AS MATERIALIZED (
  SELECT DISTINCT p.raw_sha256 FROM page AS p
   WHERE p.raw_sha256 IS NOT NULL AND p.outcome <> 'quarantined'
     AND EXISTS (SELECT FROM ops.blob_chunk AS c WHERE c.sha256 = p.raw_sha256 AND c.seq = 0)
     AND NOT EXISTS (SELECT FROM ops.mail_content AS c JOIN ops.mail_message AS o
                         ON o.id = c.mail_message_id
                      WHERE c.raw_sha256 = p.raw_sha256
                        AND (o.processed_at IS NULL
                             OR o.processed_at >= now() - $3::bigint * interval '1 hour'))),
held AS MATERIALIZED (
  SELECT m.raw_sha256 FROM ops.mail_message AS m
   WHERE m.outcome = 'quarantined' OR (m.flagged_at IS NULL AND m.outcome IS NULL)),
taken AS MATERIALIZED (
  SELECT b.sha256 FROM ops.blob AS b
   WHERE b.sha256 IN (SELECT raw_sha256 FROM old)
     AND b.sha256 NOT IN (SELECT raw_sha256 FROM held WHERE raw_sha256 IS NOT NULL)
     AND NOT EXISTS (SELECT FROM ops.mail_attachment AS a WHERE a.sha256 = b.sha256)
     AND NOT EXISTS (SELECT FROM crm.document_version AS v WHERE v.content_sha256 = b.sha256)
   FOR UPDATE OF b SKIP LOCKED),
gone AS (
  DELETE FROM ops.blob_chunk AS c USING taken WHERE c.sha256 = taken.sha256 RETURNING c.sha256)
SELECT count(*), (SELECT processed_at || ' ' || id FROM page ORDER BY processed_at DESC, id DESC
                   LIMIT 1),
       (SELECT count(DISTINCT sha256) FROM gone)
  FROM page)sql"};

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

Result<PurgedPiece> purge_deleted(Transaction& tx, const Resource& resource, std::chrono::hours age,
                                  const std::string& place, int limit) {
  const std::string text = "SELECT id FROM " + std::string(resource.table) +
                           " WHERE deleted_at < now() - $1::bigint * interval '1 hour'"
                           " AND id > $2::bigint ORDER BY id LIMIT $3::bigint"
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
  auto rows = tx.query(kRawMail, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return PurgedPiece{.more = (*rows)->int64(0, 0) == limit,
                     .place = std::string((*rows)->text(0, 1)),
                     .gone = (*rows)->int64(0, 2)};
}

Result<std::int64_t> purge_notifications(Transaction& tx, std::chrono::hours age, int limit) {
  return remove_by(tx, kNotifications, age, limit);
}

Result<std::int64_t> purge_parked_deliveries(Transaction& tx, std::chrono::hours age, int limit) {
  return remove_by(tx, kParked, age, limit);
}

}  // namespace c360::store
