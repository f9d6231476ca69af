#include "daemon/tasks.h"

#include <map>

#include "daemon/ledger_tasks.h"
#include "store/operations/board.h"
#include "store/operations/stale_customers.h"
#include "store/search.h"

namespace c360::daemon {

namespace {

using store::Pool;

constexpr store::Sql kQuarantine{"task_quarantine", R"sql(
SELECT reason, count(*) FROM ops.quarantine WHERE status = 'open' GROUP BY reason)sql"};

constexpr store::Sql kDeals{"task_deals", R"sql(
SELECT status, sum(records)::bigint FROM ops.board_piece WHERE kind = 'deal' GROUP BY status)sql"};

// Counts by what a query puts first. A value seen once stays as a series with 0.
class CountGauge {
 public:
  CountGauge(store::Database& database, Metrics& metrics, const store::Sql& sql, Metric gauge)
      : database_(database), metrics_(metrics), sql_(sql), gauge_(gauge) {}

  Result<void> operator()() {
    auto rows = database_.execute(Pool::work, sql_);
    if (!rows) return std::unexpected(rows.error());
    for (auto& [label, count] : *counts_) count = 0;
    for (int row = 0; row < rows->size(); ++row)
      (*counts_)[std::string(rows->text(row, 0))] = rows->int64(row, 1);
    for (const auto& [label, count] : *counts_)
      metrics_.gauge(gauge_, {label}).set(static_cast<double>(count));
    return {};
  }

 private:
  store::Database& database_;
  Metrics& metrics_;
  store::Sql sql_;
  Metric gauge_;
  // Shared, because std::function wants to copy.
  std::shared_ptr<std::map<std::string, std::int64_t>> counts_ =
      std::make_shared<std::map<std::string, std::int64_t>>();
};

}  // namespace

std::vector<PeriodicTask> periodic_tasks(store::Database& database, const Observer& observer) {
  using std::chrono::seconds;
  std::vector<PeriodicTask> tasks;
  Metrics& metrics = observer.metrics();
  tasks.push_back({"quarantine_gauge", seconds{15},
                   CountGauge(database, metrics, kQuarantine, Metric::quarantine_open)});
  tasks.push_back(
      {"deals_gauge", seconds{15}, CountGauge(database, metrics, kDeals, Metric::deals)});
  tasks.push_back({"stale_customers_gauge", seconds{60}, [&database, &observer]() -> Result<void> {
                     auto counts = store::read_stale_customers(database);
                     if (!counts) return std::unexpected(counts.error());
                     for (const auto& [condition, customers] : *counts)
                       observer.metrics()
                           .gauge(Metric::counterparties_stale, {condition})
                           .set(static_cast<double>(customers));
                     return {};
                   }});
  tasks.push_back(
      {"board_totals", seconds{5}, [&database] { return store::fold_board_totals(database); }});
  // A bounded share of the database, however much was written: search may lag, writers may not.
  tasks.push_back({"search_index", seconds{2},
                   [&database, registry = std::make_shared<const store::Registry>(
                                   store::Registry::standard())]() -> Result<void> {
                     auto done = store::index_changes(database, *registry);
                     if (!done) return std::unexpected(done.error());
                     return {};
                   }});
  for (PeriodicTask& task : ledger_tasks(database, observer.metrics()))
    tasks.push_back(std::move(task));
  return tasks;
}

}  // namespace c360::daemon
