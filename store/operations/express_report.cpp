#include "store/operations/express_report.h"

#include <functional>
#include <span>

#include "store/draft.h"
#include "store/operations/attach_documents.h"
#include "store/operations/document_versions.h"

namespace c360::store {
namespace {

constexpr Sql kBegin{"express_begin", R"sql(
UPDATE crm.express_report AS r SET status = 'running', reason = NULL, detail = NULL
  FROM crm.counterparty AS c
 WHERE r.counterparty_id = $1 AND c.id = r.counterparty_id AND c.inn = r.inn
   AND c.deleted_at IS NULL AND r.status IN ('queued', 'running', 'failed')
RETURNING r.inn, c.ogrn, CASE WHEN r.wants_fresh THEN r.requested_at END)sql"};
// Nobody else finishes it meanwhile, and the card still has that INN.
constexpr Sql kLock{"express_lock", R"sql(
SELECT c.check_status, d.id
  FROM crm.express_report AS r
  JOIN crm.counterparty AS c ON c.id = r.counterparty_id
  LEFT JOIN crm.document AS d ON d.id = c.express_report_document_id AND d.deleted_at IS NULL
 WHERE r.counterparty_id = $1 AND c.inn = r.inn AND ($2 = '' OR c.inn = $2)
   AND c.deleted_at IS NULL
   FOR UPDATE OF c, r)sql"};
constexpr Sql kLevel{"express_level", R"sql(
UPDATE crm.express_report
   SET is_green = $2, is_yellow = $3, is_red = $4, risk_level = $5, level_at = $6
 WHERE counterparty_id = $1)sql"};
constexpr Sql kReady{"express_ready", R"sql(
UPDATE crm.express_report
   SET status = 'ready', document_id = $2, sha256 = $3::bytea, size_bytes = $4, obtained_at = $5,
       wants_fresh = false
 WHERE counterparty_id = $1)sql"};
constexpr Sql kEnd{"express_end", R"sql(
UPDATE crm.express_report
   SET status = $2, reason = nullif($3, ''), detail = nullif($4, ''), wants_fresh = false
 WHERE counterparty_id = $1)sql"};
constexpr Sql kSameContent{"express_same", R"sql(
SELECT EXISTS (SELECT FROM crm.document AS d JOIN crm.document_version AS v
                 ON v.id = d.current_version_id
                WHERE d.id = $1 AND v.content_sha256 = $2::bytea))sql"};
// Those that came to nothing too, and cards that got their INN while the service was off.
constexpr Sql kQueueStale{"express_stale", R"sql(
WITH room AS (
  SELECT least($1::bigint, min(greatest(0, floor(q.remaining - coalesce(q.total, 0) * 0.05))))::bigint
         AS jobs
    FROM ops.service_quota AS q
   WHERE q.service = 'kontur' AND q.name ~ '(^|[ ,&/])briefReport($|[ ,&])' AND q.remaining IS NOT NULL
     AND q.told_at > now() - interval '1 day'),
stale AS (
  SELECT r.counterparty_id, r.inn FROM crm.express_report AS r
    JOIN crm.counterparty AS c ON c.id = r.counterparty_id AND c.inn = r.inn
   WHERE r.status IN ('ready', 'failed', 'not_found')
     AND CASE r.status WHEN 'not_found' THEN r.requested_at
                       ELSE coalesce(r.obtained_at, r.requested_at) END
           < (SELECT now() - s.report_days * interval '1 day' FROM ops.service_switch AS s
               WHERE s.service = 'kontur' AND s.is_on)
     AND c.deleted_at IS NULL AND c.registry_status IS DISTINCT FROM 'liquidated'
   ORDER BY CASE r.status WHEN 'not_found' THEN r.requested_at
                          ELSE coalesce(r.obtained_at, r.requested_at) END
   LIMIT (SELECT jobs FROM room)
   FOR UPDATE OF r SKIP LOCKED),
asked AS (
  UPDATE crm.express_report AS r
     SET status = 'queued', wants_fresh = true, requested_at = now(), requested_by = NULL
    FROM stale WHERE r.counterparty_id = stale.counterparty_id),
unasked AS (
  SELECT c.id AS counterparty_id, c.inn FROM crm.counterparty AS c
   WHERE NOT EXISTS (SELECT FROM crm.express_report AS r WHERE r.counterparty_id = c.id)
     AND c.inn IS NOT NULL AND c.deleted_at IS NULL AND c.merged_into_id IS NULL
     AND NOT 'inn' = ANY (c.unverified_fields)
     AND c.origin = ANY (SELECT unnest(CASE WHEN s.on_import THEN ARRAY['import'] END
                                       || ARRAY['api', 'mail', 'job', 'portal', 'system'])
                           FROM ops.service_switch AS s WHERE s.service = 'kontur' AND s.is_on)
     AND c.registry_status IS DISTINCT FROM 'liquidated'
   ORDER BY c.id LIMIT (SELECT jobs FROM room) - (SELECT count(*) FROM stale)),
begun AS (
  INSERT INTO crm.express_report (counterparty_id, inn) SELECT counterparty_id, inn FROM unasked
  ON CONFLICT DO NOTHING)
INSERT INTO ops.job (kind, dedupe_key, record_id, priority, trigger)
SELECT $2, counterparty_id || ':' || inn, counterparty_id, -10, 'schedule'
  FROM (SELECT counterparty_id, inn FROM stale UNION ALL SELECT counterparty_id, inn FROM unasked)
    AS due
ON CONFLICT (kind, dedupe_key) WHERE status IN ('queued', 'running') DO NOTHING
RETURNING id)sql"};
constexpr Sql kShow{"express_show", R"sql(
SELECT json_build_object(
  'counterparty_id', c.id, 'check_status', c.check_status,
  'status', CASE WHEN r.status = 'ready' AND r.obtained_at < now() - s.report_days * interval '1 day'
                 THEN 'stale' ELSE coalesce(r.status, 'none') END,
  'risk_level', r.risk_level,
  'flags', array_remove(ARRAY[CASE WHEN r.is_green THEN 'green' END,
                              CASE WHEN r.is_yellow THEN 'yellow' END,
                              CASE WHEN r.is_red THEN 'red' END], NULL),
  'requested_at', r.requested_at, 'level_at', r.level_at, 'obtained_at', r.obtained_at,
  'reason', r.reason, 'detail', r.detail, 'document_id', d.id, 'file_name', v.file_name,
  'size_bytes', CASE WHEN d.id IS NOT NULL THEN r.size_bytes END,
  'sha256', CASE WHEN d.id IS NOT NULL THEN encode(r.sha256, 'hex') END,
  'job_id', (SELECT max(j.id) FROM ops.job AS j
              WHERE j.record_id = c.id AND j.kind = $2 AND j.status IN ('queued', 'running')))::text
  FROM crm.counterparty AS c
  JOIN ops.service_switch AS s ON s.service = 'kontur'
  LEFT JOIN crm.express_report AS r ON r.counterparty_id = c.id AND r.inn = c.inn
  LEFT JOIN crm.document AS d ON d.id = r.document_id AND d.deleted_at IS NULL
  LEFT JOIN crm.document_version AS v ON v.id = d.current_version_id
 WHERE c.id = $1)sql"};

// The card as the transaction holds it.
struct Held {
  std::string check_status;
  std::optional<std::int64_t> document_id;
};

// None: the card has another INN by now, or is gone.
Result<std::optional<Held>> hold(Transaction& tx, std::int64_t id, std::string_view inn) {
  const auto rows = tx.query(kLock, std::move(Params{}.add(id).add(inn)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return std::nullopt;
  Held held{.check_status = std::string((*rows)->text(0, 0)), .document_id = {}};
  if ((*rows)->optional_text(0, 1)) held.document_id = (*rows)->int64(0, 1);
  return held;
}

std::string check_status_of(std::string_view level) {
  if (level == "green") return "reliable";
  if (level == "yellow") return "needs_check";
  return level == "red" ? "risky" : "no_facts";
}

// The time of the check changes even where its result is the old one.
Result<void> write_card(Records& records, Transaction& tx, std::int64_t id, const Actor& actor,
                        bool is_checked, const std::function<void(Draft& draft)>& set) {
  WriteOptions write{.finish = Finish::run};
  write.also = [&](Draft& draft) {
    set(draft);
    if (is_checked) draft.set_now("check_status_at");
  };
  auto done = records.update(tx, records.registry().get("counterparty"), std::to_string(id),
                             Json(Json::Object{}), actor, write);
  if (!done) return std::unexpected(std::move(done).error());
  return {};
}

void queue_level(Transaction& tx, std::int64_t id, const ReportLevel& level) {
  tx.queue(kLevel, std::move(Params{}
                                 .add(id)
                                 .add(level.green)
                                 .add(level.yellow)
                                 .add(level.red)
                                 .add(level.level)
                                 .add(level.obtained_at)));
}

// The document of the card; a content it has already makes no other version.
Result<std::int64_t> keep_file(Records& records, Transaction& tx, std::int64_t id, const Held& held,
                               std::string_view inn, const ReportFile& file, const Actor& actor) {
  if (held.document_id) {
    const auto same =
        tx.query(kSameContent,
                 std::move(Params{}.add(*held.document_id).add_bytes(as_bytes_view(file.sha256))));
    if (!same) return std::unexpected(same.error());
    if ((*same)->boolean(0, 0)) return *held.document_id;
    auto added = add_document_version(tx, *held.document_id,
                                      {.sha256 = file.sha256,
                                       .size_bytes = file.size_bytes,
                                       .media_type = "application/pdf",
                                       .file_name = file.file_name,
                                       .comment = {}},
                                      actor);
    if (!added) return std::unexpected(added.error());
    return *held.document_id;
  }
  const Allocation allocation = records.allocate(tx, records.registry().get("document"), 1);
  if (auto run = tx.run(); !run) return std::unexpected(run.error());
  const NewDocument document{.id = Records::allocated(tx, allocation).front().id,
                             .parent_record_id = id,
                             .type_code = "express_report",
                             .name = "Экспресс-отчет " + std::string(inn) + ".pdf",
                             .file_name = file.file_name,
                             .sha256 = file.sha256,
                             .size_bytes = file.size_bytes,
                             .media_type = "application/pdf"};
  if (auto made = attach_documents(tx, records, std::span(&document, 1), actor); !made)
    return std::unexpected(made.error());
  if (auto run = tx.run(); !run) return std::unexpected(run.error());
  return document.id;
}

}  // namespace

Result<std::optional<ReportTarget>> begin_express_report(Transaction& tx, std::int64_t id) {
  const auto rows = tx.query(kBegin, std::move(Params{}.add(id)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return std::nullopt;
  return ReportTarget{.inn = std::string((*rows)->text(0, 0)),
                      .ogrn = std::string((*rows)->optional_text(0, 1).value_or("")),
                      .not_before = (*rows)->instant(0, 2)};
}

Result<void> note_risk_level(Records& records, Transaction& tx, std::int64_t id,
                             const ReportTarget& target, const ReportLevel& level,
                             const Actor& actor) {
  const auto held = hold(tx, id, target.inn);
  if (!held) return std::unexpected(held.error());
  if (!*held) return {};
  queue_level(tx, id, level);
  return write_card(records, tx, id, actor, /*is_checked=*/false,
                    [&](Draft& draft) { draft.set("risk_level", std::string(level.level)); });
}

Result<void> finish_express_report(Records& records, Transaction& tx, std::int64_t id,
                                   const ReportTarget& target, const ReportLevel& level,
                                   const ReportFile& file, const Actor& actor) {
  const auto held = hold(tx, id, target.inn);
  if (!held) return std::unexpected(held.error());
  if (!*held) return {};
  const auto document = keep_file(records, tx, id, **held, target.inn, file, actor);
  if (!document) return std::unexpected(document.error());
  queue_level(tx, id, level);
  tx.queue(kReady, std::move(Params{}
                                 .add(id)
                                 .add(*document)
                                 .add_bytes(as_bytes_view(file.sha256))
                                 .add(file.size_bytes)
                                 .add(file.obtained_at)));
  return write_card(records, tx, id, actor, /*is_checked=*/true, [&](Draft& draft) {
    draft.set("check_status", check_status_of(level.level));
    draft.set("risk_level", std::string(level.level));
    draft.set("express_report_document_id", std::to_string(*document));
  });
}

Result<void> note_report_unknown(Records& records, Transaction& tx, std::int64_t id,
                                 const ReportTarget& target, const Actor& actor) {
  const auto held = hold(tx, id, target.inn);
  if (!held) return std::unexpected(held.error());
  if (!*held) return {};
  tx.queue(kEnd, std::move(Params{}.add(id).add("not_found").add("").add("")));
  return write_card(records, tx, id, actor, /*is_checked=*/true,
                    [&](Draft& draft) { draft.set("check_status", "not_found"); });
}

Result<void> note_report_failed(Records& records, Transaction& tx, std::int64_t id,
                                const ReportTarget& target, std::string_view reason,
                                std::string_view detail, const Actor& actor) {
  const auto held = hold(tx, id, target.inn);
  if (!held) return std::unexpected(held.error());
  if (!*held) return {};
  tx.queue(kEnd, std::move(Params{}.add(id).add("failed").add(reason).add(detail)));
  if ((*held)->check_status != "pending") return tx.run();
  return write_card(records, tx, id, actor, /*is_checked=*/true,
                    [&](Draft& draft) { draft.set("check_status", "failed"); });
}

Result<std::int64_t> queue_stale_reports(Database& database, int limit) {
  auto rows = database.execute(Pool::work, kQueueStale,
                               std::move(Params{}.add(limit).add(kExpressReportJob)));
  if (!rows) return std::unexpected(rows.error());
  return rows->affected();
}

Result<std::string> express_report_json(Database& database, std::int64_t id) {
  auto rows =
      database.execute(Pool::api, kShow, std::move(Params{}.add(id).add(kExpressReportJob)));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return fail(ErrorCode::not_found, "There is no such counterparty.");
  return std::string(rows->text(0, 0));
}

}  // namespace c360::store
