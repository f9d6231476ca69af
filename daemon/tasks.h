// What the scheduler does: gauges, and this daemon's share of the search index.
#pragma once

#include <vector>

#include "daemon/scheduler.h"
#include "store/database.h"

namespace c360::daemon {

std::vector<PeriodicTask> periodic_tasks(store::Database& database, const Observer& observer);

}  // namespace c360::daemon
