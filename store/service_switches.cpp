#include "store/service_switches.h"

#include <span>

namespace c360::store {
namespace {

// Of the settings the first word is the key: what was told for another one is forgotten. Whoever
// waits for the service tries at once where any of them changed.
constexpr Sql kSet{"service_switch_set", R"sql(
WITH old AS (SELECT settings FROM ops.service_switch WHERE service = $1),
now_set AS (
  INSERT INTO ops.service_switch AS s (service, is_on, on_import, report_days, settings,
                                       is_configured, batch_limit, reports_per_second)
  VALUES ($1, $2, $3, $4, $5, $7, $8, $9)
  ON CONFLICT (service) DO UPDATE
     SET is_on = excluded.is_on, on_import = excluded.on_import,
         report_days = excluded.report_days, settings = excluded.settings,
         is_configured = excluded.is_configured, batch_limit = excluded.batch_limit,
         reports_per_second = excluded.reports_per_second),
forgotten AS (
  DELETE FROM ops.service_quota
   WHERE service = $1
     AND NOT EXISTS (SELECT FROM old WHERE split_part(settings, ' ', 1) = split_part($5, ' ', 1))),
unprobed AS (
  DELETE FROM ops.service_probe
   WHERE service = $1
     AND NOT EXISTS (SELECT FROM old WHERE split_part(settings, ' ', 1) = split_part($5, ' ', 1))),
woken AS (
  UPDATE ops.job SET run_at = now()
   WHERE status = 'queued' AND kind = ANY ($6::text[]) AND run_at > now()
     AND error_code IN ('upstream_auth', 'rate_limited')
     AND NOT EXISTS (SELECT FROM old WHERE settings = $5)
  RETURNING id)
SELECT count(*), CASE WHEN count(*) > 0 THEN pg_notify('c360_job', '') END FROM woken)sql"};
constexpr Sql kIsOn{"service_switch_on", R"sql(
SELECT coalesce((SELECT is_on FROM ops.service_switch WHERE service = $1), false))sql"};

}  // namespace

Result<void> set_service_switch(Database& database, const ServiceSwitch& wanted) {
  Params params;
  params.add(wanted.service).add(wanted.is_on).add(wanted.on_import).add(wanted.report_days);
  params.add(wanted.settings).add_array(std::span<const std::string>(wanted.jobs));
  params.add(wanted.is_configured || wanted.is_on);
  params.add(wanted.batch_limit).add(wanted.reports_per_second);
  auto rows = database.execute(Pool::work, kSet, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<bool> is_service_on(Transaction& tx, std::string_view service) {
  const auto rows = tx.query(kIsOn, std::move(Params{}.add(service)));
  if (!rows) return std::unexpected(rows.error());
  return (*rows)->boolean(0, 0);
}

}  // namespace c360::store
