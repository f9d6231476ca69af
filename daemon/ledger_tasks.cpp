#include "daemon/ledger_tasks.h"

#include <array>
#include <memory>
#include <set>
#include <string>

namespace c360::daemon {

namespace {

using store::Pool;

// Milliseconds as bigint: ages of what waits longest, of the last good pass of whichever daemon has
// the mailbox, and of the last comparison of the folder that was compared longest ago. What never
// happened is as old as the mailbox's settings. Pending mails are read in their own index.
constexpr store::Sql kMailboxes{"task_mailboxes", R"sql(
SELECT b.code, coalesce(p.pending, 0),
       (extract(epoch FROM coalesce(now() - p.oldest, interval '0')) * 1000)::bigint,
       (extract(epoch FROM now() - coalesce(b.last_ok_at, b.updated_at)) * 1000)::bigint,
       coalesce(f.difference, 0),
       (extract(epoch FROM now() - coalesce(f.compared_at, b.updated_at)) * 1000)::bigint
FROM ops.mailbox b
LEFT JOIN (SELECT mailbox_id, count(*) AS pending, min(listed_at) AS oldest
           FROM ops.mail_message WHERE flagged_at IS NULL AND outcome IS NULL GROUP BY mailbox_id) p ON p.mailbox_id = b.id
LEFT JOIN (SELECT mailbox_id, sum(compared_difference)::bigint AS difference,
                  min(compared_at) AS compared_at
           FROM ops.mailbox_folder GROUP BY mailbox_id) f ON f.mailbox_id = b.id
WHERE b.enabled)sql"};

constexpr store::Sql kInvariants{"task_invariants", R"sql(
SELECT invariant, violations FROM ops.invariant
UNION ALL SELECT invariant, violations FROM ops.invariant_scanned)sql"};
constexpr store::Sql kScanAge{"task_scan_age", R"sql(
SELECT (extract(epoch FROM now() - min(scanned_at)) * 1000)::bigint FROM ops.invariant_scanned)sql"};
double seconds_at(const store::Rows& rows, int row, int column) {
  return static_cast<double>(rows.int64(row, column)) / 1'000;
}

// Gauges by mailbox; the series of one that is gone from the configuration go with it.
class MailboxGauges {
 public:
  MailboxGauges(store::Database& database, Metrics& metrics)
      : database_(database), metrics_(metrics) {}

  Result<void> operator()() {
    auto rows = database_.execute(Pool::work, kMailboxes);
    if (!rows) return std::unexpected(rows.error());
    std::set<std::string> now;
    for (int row = 0; row < rows->size(); ++row) {
      const std::string code(rows->text(row, 0));
      const std::array<double, kGauges.size()> values = {
          static_cast<double>(rows->int64(row, 1)), seconds_at(*rows, row, 2),
          seconds_at(*rows, row, 3), static_cast<double>(rows->int64(row, 4)),
          seconds_at(*rows, row, 5)};
      for (std::size_t i = 0; i < kGauges.size(); ++i)
        metrics_.gauge(kGauges[i], {code}).set(values[i]);
      now.insert(code);
    }
    for (const std::string& code : *shown_)
      if (!now.contains(code))
        for (const Metric metric : kGauges) metrics_.remove(metric, {code});
    *shown_ = std::move(now);
    return {};
  }

 private:
  static constexpr std::array kGauges = {
      Metric::mailbox_pending, Metric::mailbox_oldest_pending_age_seconds,
      Metric::mailbox_last_good_pass_age_seconds, Metric::mailbox_server_difference,
      Metric::mailbox_last_comparison_age_seconds};
  store::Database& database_;
  Metrics& metrics_;
  // Shared, because std::function wants to copy.
  std::shared_ptr<std::set<std::string>> shown_ = std::make_shared<std::set<std::string>>();
};

Result<void> show_invariants(store::Database& database, Metrics& metrics) {
  auto rows = database.execute(Pool::work, kInvariants);
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row)
    metrics.gauge(Metric::invariant_violations, {rows->text(row, 0)})
        .set(static_cast<double>(rows->int64(row, 1)));
  auto age = database.execute(Pool::work, kScanAge);
  if (!age) return std::unexpected(age.error());
  if (!age->is_null(0, 0))
    metrics.gauge(Metric::invariant_scan_age_seconds).set(seconds_at(*age, 0, 0));
  return {};
}

}  // namespace

std::vector<PeriodicTask> ledger_tasks(store::Database& database, Metrics& metrics) {
  using std::chrono::seconds;
  std::vector<PeriodicTask> tasks;
  tasks.push_back({"invariant_gauges", seconds{15},
                   [&database, &metrics] { return show_invariants(database, metrics); }});
  tasks.push_back({"mailbox_gauges", seconds{30}, MailboxGauges(database, metrics)});
  return tasks;
}

}  // namespace c360::daemon
