// The job that gets the express report of a counterparty from Kontur.Focus, and the one that asks
// again for those that became stale (domain.md 19; adapters.md 2.3).
#pragma once

#include <functional>
#include <memory>

#include "adapters/focus_reports.h"
#include "daemon/base/clock.h"
#include "daemon/base/time_zone.h"
#include "daemon/job_worker.h"
#include "store/records.h"

namespace c360::daemon {

struct ExpressReportPorts {
  store::Database& database;
  adapters::FocusReports& reports;
  std::function<std::shared_ptr<store::Records>()> records;  // asked at each run
  TimeZone zone;                                             // of the day in the file's name
};

// Killed at any step it goes on: a paid answer is kept before anything is done with it, and what it
// is for is done together with the end of the job.
void add_express_report_jobs(JobHandlers& handlers, const ExpressReportPorts& ports);

}  // namespace c360::daemon
