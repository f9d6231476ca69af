// One express report got from Kontur.Focus and written to its card (adapters.md 2.3): a step of
// the job of one report, and of the batch of many.
//
// Killed at any moment it is made again without another purchase: a paid answer is kept before
// anything is done with it, and what it is for is done in one transaction with its end.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>

#include "adapters/call_outcome.h"
#include "adapters/focus_reports.h"
#include "daemon/jobs/express_report.h"
#include "store/operations/express_report.h"

namespace c360::daemon {

enum class ReportEnd : std::uint8_t {
  ready,
  unknown,  // to the service
  gone,     // the counterparty, or nobody asks about it any more: nothing was written
};

struct ReportTrouble {
  Error error;
  std::optional<adapters::NoAnswer> none;  // of the service; nothing: the database, or we stop
  store::ReportTarget target;              // where `none` is
};

// Of one attempt at one report, on one thread; what it is given outlives it.
class ReportMaking {
 public:
  // `with_end` adds to the transaction that writes the report, or that there is none.
  using WithEnd = std::function<void(store::Transaction& tx, ReportEnd end)>;
  // `attempt` at this report, as calls are recorded.
  ReportMaking(const ExpressReportPorts& ports, JobRun& run, std::int64_t id, int attempt,
               WithEnd with_end);

  std::expected<ReportEnd, ReportTrouble> make();
  // It has failed for good; `also` adds to that transaction. After a trouble with `none`.
  Result<void> give_up(const ReportTrouble& trouble,
                       const std::function<void(store::Transaction& tx)>& also = {});

 private:
  std::expected<ReportEnd, ReportTrouble> report_on(const store::ReportTarget& target);
  std::expected<ReportEnd, ReportTrouble> without(const store::ReportTarget& target,
                                                  adapters::NoAnswer none);
  std::expected<ReportEnd, ReportTrouble> ended(ReportEnd end, Result<void> done);
  template <typename Body>
  Result<void> in_step(Body body);
  std::chrono::year_month_day day_of(Instant instant) const;

  const ExpressReportPorts& ports_;
  JobRun& run_;
  const std::int64_t id_;
  const int attempt_;
  const WithEnd with_end_;
  std::shared_ptr<store::Records> records_;
};

}  // namespace c360::daemon
