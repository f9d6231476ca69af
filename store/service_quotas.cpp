#include "store/service_quotas.h"

namespace c360::store {
namespace {

constexpr Sql kKeep{"service_quota_keep", R"sql(
INSERT INTO ops.service_quota AS q (service, name, remaining, total, renews_at, ends_at)
VALUES ($1, $2, $3::numeric, $4::numeric, $5, $6)
ON CONFLICT (service, name) DO UPDATE
   SET remaining = excluded.remaining, total = excluded.total, renews_at = excluded.renews_at,
       ends_at = excluded.ends_at, told_at = now())sql"};
constexpr Sql kAll{"service_quota_all", R"sql(
SELECT service, name, remaining::text, total::text, renews_at, ends_at, told_at
  FROM ops.service_quota ORDER BY service, name)sql"};
constexpr Sql kRest{"service_quota_rest", R"sql(
WITH told AS (
  SELECT q.name, q.total, least(q.renews_at, q.told_at + interval '1 day') AS holds_until,
         greatest(0, q.remaining - (
           SELECT count(*) FROM ops.service_call AS c
            WHERE c.service = $1 AND c.started_at > q.told_at AND c.outcome IN ('found', 'not_found')
              AND CASE $1 WHEN 'dadata' THEN q.name = 'suggestions'
                                             AND c.operation ~ '^(findById|suggest)/'
                          ELSE split_part(c.operation, '.', 1)
                               = ANY (regexp_split_to_array(q.name, '\s*[,&]\s*')) END))
           AS remaining
    FROM ops.service_quota AS q WHERE q.service = $1 AND q.remaining IS NOT NULL)
SELECT name, least(floor(remaining), 9e17)::bigint, least(floor(coalesce(total, 0)), 9e17)::bigint,
       ceil(extract(epoch FROM holds_until - now()))::bigint
  FROM told
 WHERE holds_until > now()
   AND EXISTS (SELECT FROM ops.job WHERE id = $2 AND trigger = 'schedule')
 ORDER BY name)sql"};

std::optional<std::string> text_at(const Rows& rows, int row, int column) {
  const auto text = rows.optional_text(row, column);
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

}  // namespace

Result<void> keep_service_quota(Database& database, const ServiceQuota& quota) {
  Params params;
  params.add(quota.service).add(quota.name).add(quota.remaining).add(quota.total);
  params.add(quota.renews_at).add(quota.ends_at);
  auto rows = database.execute(Pool::work, kKeep, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::vector<ServiceQuota>> service_quotas(Database& database) {
  auto rows = database.execute(Pool::work, kAll);
  if (!rows) return std::unexpected(rows.error());
  std::vector<ServiceQuota> quotas;
  for (int row = 0; row < rows->size(); ++row)
    quotas.push_back({.service = std::string(rows->text(row, 0)),
                      .name = std::string(rows->text(row, 1)),
                      .remaining = text_at(*rows, row, 2),
                      .total = text_at(*rows, row, 3),
                      .renews_at = rows->instant(row, 4),
                      .ends_at = rows->instant(row, 5),
                      .told_at = rows->instant(row, 6).value_or(Instant{})});
  return quotas;
}

Result<std::vector<QuotaRest>> quota_for_scheduled(Database& database, std::string_view service,
                                                   std::int64_t job) {
  auto rows = database.execute(Pool::work, kRest, std::move(Params{}.add(service).add(job)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<QuotaRest> rest;
  for (int row = 0; row < rows->size(); ++row)
    rest.push_back({.name = std::string(rows->text(row, 0)),
                    .left = rows->int64(row, 1),
                    .total = rows->int64(row, 2),
                    .holds = std::chrono::seconds{rows->int64(row, 3)}});
  return rest;
}

}  // namespace c360::store
