#include "store/service_probes.h"

namespace c360::store {
namespace {

constexpr Sql kKeep{"service_probe_keep", R"sql(
INSERT INTO ops.service_probe AS p (service, due_since, asked_at, works, outcome, reason, told,
                                    duration_ms)
VALUES ($1, clock_timestamp(), clock_timestamp(), $2, $3, $4, $5, $6)
ON CONFLICT (service) DO UPDATE
   SET due_since = excluded.due_since, asked_at = excluded.asked_at, works = excluded.works,
       outcome = excluded.outcome, reason = excluded.reason, told = excluded.told,
       duration_ms = excluded.duration_ms)sql"};
constexpr Sql kDue{"service_probe_due", R"sql(
WITH seen AS (
  INSERT INTO ops.service_probe (service)
  SELECT service FROM ops.service_switch WHERE is_on ON CONFLICT DO NOTHING)
SELECT p.service
  FROM ops.service_probe AS p JOIN ops.service_switch AS s ON s.service = p.service AND s.is_on
 WHERE p.due_since <= now() - $1::bigint * interval '1 second'
 ORDER BY p.due_since)sql"};

}  // namespace

Result<void> keep_service_probe(Database& database, const ServiceProbeEntry& probe) {
  Params params;
  params.add(probe.service).add(probe.works).add(probe.outcome).add(probe.reason);
  params.add(probe.told).add(static_cast<std::int64_t>(probe.duration.count()));
  auto rows = database.execute(Pool::work, kKeep, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::vector<std::string>> due_service_probes(Database& database,
                                                    std::chrono::seconds interval) {
  auto rows =
      database.execute(Pool::work, kDue, Params{}.add(static_cast<std::int64_t>(interval.count())));
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> services;
  for (int row = 0; row < rows->size(); ++row) services.emplace_back(rows->text(row, 0));
  return services;
}

}  // namespace c360::store
