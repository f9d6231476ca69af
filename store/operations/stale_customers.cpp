#include "store/operations/stale_customers.h"

#include <utility>

namespace c360::store {
namespace {

constexpr Sql kCount{"stale_customers.count", R"sql(
WITH customers AS MATERIALIZED (
  SELECT c.responsible_id,
         coalesce(c.last_contact_at < now() - $1::bigint * interval '1 day', true) AS no_contact,
         c.next_reminder_at IS NULL AS no_reminder
    FROM crm.counterparty AS c WHERE c.deleted_at IS NULL),
counted AS (
  INSERT INTO ops.stale_customers (condition, customers, counted_at)
  SELECT 'no_contact', count(*) FILTER (WHERE no_contact), now() FROM customers
  UNION ALL
  SELECT 'no_reminder', count(*) FILTER (WHERE no_reminder), now() FROM customers
  ON CONFLICT (condition) DO UPDATE
    SET customers = excluded.customers, counted_at = excluded.counted_at)
SELECT coalesce(sum(crm.notify('stale_customers', NULL, ARRAY[n.responsible_id],
                               instead => n.customers::text)), 0)
  FROM (SELECT responsible_id, count(*) AS customers FROM customers
         WHERE responsible_id IS NOT NULL AND (no_contact OR no_reminder)
         GROUP BY responsible_id) AS n)sql"};
constexpr Sql kRead{"stale_customers.read", "SELECT condition, customers FROM ops.stale_customers"};

}  // namespace

Result<std::int64_t> count_stale_customers(Transaction& tx, int days_without_contact) {
  auto rows = tx.query(kCount, std::move(Params{}.add(days_without_contact)));
  if (!rows) return std::unexpected(rows.error());
  return (*rows)->int64(0, 0);
}

Result<std::map<std::string, std::int64_t>> read_stale_customers(Database& database) {
  auto rows = database.execute(Pool::work, kRead);
  if (!rows) return std::unexpected(rows.error());
  std::map<std::string, std::int64_t> counts;
  for (int row = 0; row < rows->size(); ++row)
    counts.emplace(rows->text(row, 0), rows->int64(row, 1));
  return counts;
}

}  // namespace c360::store
