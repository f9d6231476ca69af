// The job that keeps the watch list of Kontur.Focus and asks it each morning whose requisites
// changed (adapters.md, 2.6; store/operations/watch_list.h). Off unless kontur_focus.watch says
// otherwise.
#pragma once

#include "adapters/focus_reports.h"
#include "daemon/base/clock.h"
#include "daemon/job_worker.h"
#include "store/database.h"

namespace c360::daemon {

struct WatchPorts {
  store::Database& database;
  adapters::FocusReports& reports;
  const Clock& clock;
};

// Every day is asked for by itself, those missed too; what was asked stays done where the rest
// fails. The last of the contract is left to people, before each call (quota_reserve.h).
void add_watch_job(JobHandlers& handlers, const WatchPorts& ports);

}  // namespace c360::daemon
