#include "store/operations/watch_list.h"

#include <span>

#include "store/operations/queue_autofill.h"

namespace c360::store {
namespace {

// As crm.asks_service has it, which would look the switch up for every card. Another key has
// another list: it is the first word of what ops.service_switch says of the settings.
constexpr Sql kUnwatched{"watch_list_new", R"sql(
SELECT DISTINCT c.inn FROM crm.counterparty AS c
  JOIN ops.service_switch AS s ON s.service = 'kontur'
 WHERE c.inn > $2 AND c.deleted_at IS NULL AND c.merged_into_id IS NULL
   AND NOT 'inn' = ANY (c.unverified_fields)
   AND s.is_on AND (s.on_import OR c.origin <> 'import')
   AND c.registry_status IS DISTINCT FROM 'liquidated'
   AND NOT EXISTS (SELECT FROM ops.watched_party AS w
                    WHERE w.inn = c.inn AND w.settings = split_part(s.settings, ' ', 1)
                      AND (w.is_recognised OR w.told_at > now() - interval '30 days'))
 ORDER BY c.inn LIMIT $1)sql"};
// $3 days since 1970-01-01.
constexpr Sql kWatched{"watch_list_told", R"sql(
WITH kontur AS (
  UPDATE ops.service_switch
     SET watched_through = coalesce(watched_through, date '1970-01-01' + $3::integer)
   WHERE service = 'kontur'
  RETURNING split_part(settings, ' ', 1) AS settings)
INSERT INTO ops.watched_party (inn, settings, is_recognised)
SELECT told.inn, kontur.settings, told.inn = ANY ($2::text[])
  FROM kontur, unnest($1::text[]) AS told (inn)
ON CONFLICT (inn) DO UPDATE
   SET settings = excluded.settings, is_recognised = excluded.is_recognised,
       told_at = excluded.told_at)sql"};
constexpr Sql kGone{"watch_list_gone", R"sql(
SELECT EXISTS (SELECT FROM ops.watched_party AS w JOIN ops.service_switch AS s
                 ON s.service = 'kontur' AND w.settings = split_part(s.settings, ' ', 1)
                WHERE w.is_recognised AND NOT EXISTS (
                        SELECT FROM crm.counterparty AS c
                         WHERE c.inn = w.inn AND c.deleted_at IS NULL
                           AND c.merged_into_id IS NULL)))sql"};
constexpr Sql kStaying{"watch_list_staying", R"sql(
SELECT w.inn FROM ops.watched_party AS w
  JOIN ops.service_switch AS s ON s.service = 'kontur' AND w.settings = split_part(s.settings, ' ', 1)
 WHERE w.is_recognised
   AND EXISTS (SELECT FROM crm.counterparty AS c
                WHERE c.inn = w.inn AND c.deleted_at IS NULL AND c.merged_into_id IS NULL
                  AND c.registry_status IS DISTINCT FROM 'liquidated')
 ORDER BY w.inn LIMIT $1)sql"};
constexpr Sql kAnew{"watch_list_anew", R"sql(
DELETE FROM ops.watched_party WHERE NOT inn = ANY ($1::text[]))sql"};
constexpr Sql kThrough{"watch_list_through", R"sql(
SELECT watched_through - date '1970-01-01' FROM ops.service_switch WHERE service = 'kontur')sql"};
// Of a division the INN is the first part of the subject. A refresh for an earlier day that is just
// running may have asked before this change: it takes nothing from this one, whose key has the day.
constexpr Sql kChanged{"watch_list_changed", R"sql(
WITH moved AS (
  UPDATE ops.service_switch SET watched_through = date '1970-01-01' + $2::integer
   WHERE service = 'kontur'),
overtaken AS (
  UPDATE ops.service_answer SET valid_until = now()
   WHERE service IN ('dadata', 'kontur') AND method IN ('findById/party', 'req', 'egrDetails')
     AND split_part(subject, '/', 1) = ANY ($1::text[]) AND valid_until > now())
INSERT INTO ops.job (kind, dedupe_key, record_id, priority, trigger)
SELECT $3, c.id || ':' || c.inn || ':watch:' || (date '1970-01-01' + $2::integer), c.id, -20, 'schedule'
  FROM crm.counterparty AS c
 WHERE c.inn = ANY ($1::text[]) AND c.deleted_at IS NULL
ON CONFLICT (kind, dedupe_key) WHERE status IN ('queued', 'running') DO NOTHING
RETURNING id)sql"};

std::int64_t count_of(std::chrono::sys_days day) { return day.time_since_epoch().count(); }

}  // namespace

Result<std::vector<std::string>> unwatched_inns(Database& database, std::string_view after,
                                                int limit) {
  auto rows = database.execute(Pool::work, kUnwatched, std::move(Params{}.add(limit).add(after)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> inns;
  for (int row = 0; row < rows->size(); ++row) inns.emplace_back(rows->text(row, 0));
  return inns;
}

void queue_watched(Transaction& tx, const std::vector<std::string>& inns,
                   const std::vector<std::string>& recognised, std::chrono::sys_days through) {
  tx.queue(kWatched, std::move(Params{}
                                   .add_array(std::span<const std::string>(inns))
                                   .add_array(std::span<const std::string>(recognised))
                                   .add(count_of(through))));
}

Result<std::optional<std::vector<std::string>>> watch_list_without_gone(Database& database,
                                                                        int limit) {
  const auto gone = database.execute(Pool::work, kGone);
  if (!gone) return std::unexpected(gone.error());
  if (!gone->boolean(0, 0)) return std::nullopt;
  auto rows = database.execute(Pool::work, kStaying, Params{}.add(limit));
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> inns;
  for (int row = 0; row < rows->size(); ++row) inns.emplace_back(rows->text(row, 0));
  return inns;
}

void queue_watch_list_anew(Transaction& tx, const std::vector<std::string>& inns) {
  tx.queue(kAnew, Params{}.add_array(std::span<const std::string>(inns)));
}

Result<std::optional<std::chrono::sys_days>> watched_through(Database& database) {
  auto rows = database.execute(Pool::work, kThrough);
  if (!rows) return std::unexpected(rows.error());
  const auto days = rows->empty() ? std::nullopt : rows->optional_int64(0, 0);
  if (!days) return std::nullopt;
  return std::chrono::sys_days{std::chrono::days{*days}};
}

Result<std::int64_t> queue_changed(Transaction& tx, const std::vector<std::string>& inns,
                                   std::chrono::sys_days day) {
  const auto rows = tx.query(kChanged, std::move(Params{}
                                                     .add_array(std::span<const std::string>(inns))
                                                     .add(count_of(day))
                                                     .add(kRefreshJob)));
  if (!rows) return std::unexpected(rows.error());
  return (*rows)->size();
}

}  // namespace c360::store
