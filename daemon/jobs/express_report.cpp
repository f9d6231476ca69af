#include "daemon/jobs/express_report.h"

#include "daemon/jobs/quota_reserve.h"
#include "daemon/jobs/report_making.h"
#include "store/operations/express_report.h"

namespace c360::daemon {

namespace {

using adapters::NoAnswer;
using adapters::Outcome;

constexpr int kRecheckPerRun = 500;
// Answers that are none of one job (adapters.md, 0.1).
constexpr int kMalformedAttempts = 2;

// The service had no answer: later, or never.
Result<JobYield> without(ReportMaking& making, ReportTrouble trouble, JobRun& run) {
  NoAnswer& none = *trouble.none;
  if (none.reason == "malformed" && run.job().attempts >= kMalformedAttempts)
    none.outcome = Outcome::permanent;
  trouble.error = run.unanswered(none, SystemClock{}.now());
  // The service is busy or refuses our key: no attempt of this job.
  const bool waits = none.outcome == Outcome::quota || none.outcome == Outcome::auth;
  const bool comes_again = waits || (none.outcome != Outcome::permanent && !run.is_last_call());
  if (!comes_again) {
    if (auto noted = making.give_up(trouble); !noted) return std::unexpected(noted.error());
  }
  return std::unexpected(std::move(trouble.error));
}

Result<JobYield> make_report(const ExpressReportPorts& ports, JobRun& run) {
  ReportMaking making(ports, run, run.job().record_id.value_or(0), run.job().attempts,
                      [&run](store::Transaction& tx, ReportEnd) { run.done_with(tx); });
  auto made = making.make();
  if (made) return JobYield{.processed = *made == ReportEnd::gone ? 0 : 1};
  if (!made.error().none) return std::unexpected(std::move(made.error().error));
  return without(making, std::move(made.error()), run);
}

}  // namespace

void add_express_report_jobs(JobHandlers& handlers, const ExpressReportPorts& ports) {
  handlers[std::string(store::kExpressReportJob)] = [ports](JobRun& run) -> Result<JobYield> {
    if (auto left = keep_reserve(ports.database, run.job(), kKonturReserve); !left)
      return std::unexpected(left.error());
    return make_report(ports, run);
  };
  handlers["express_report_recheck"] = [ports](JobRun&) -> Result<JobYield> {
    if (!ports.reports.options().recheck) return JobYield{};
    auto queued = store::queue_stale_reports(ports.database, kRecheckPerRun);
    if (!queued) return std::unexpected(queued.error());
    return JobYield{.processed = *queued};
  };
}

}  // namespace c360::daemon
