// The ledger as gauges: how each mailbox fares and whether every promise holds (design.md 2). The
// queries read little however many mails there are: partial indexes, or a scan that a job
// (invariant_scan) makes each quarter of an hour.
#pragma once

#include <vector>

#include "daemon/scheduler.h"
#include "store/database.h"

namespace c360::daemon {

std::vector<PeriodicTask> ledger_tasks(store::Database& database, Metrics& metrics);

}  // namespace c360::daemon
