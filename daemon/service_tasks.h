// What the database knows of outside services, as gauges for Prometheus: the same in every daemon.
#pragma once

#include "daemon/base/metrics.h"
#include "daemon/scheduler.h"
#include "store/database.h"

namespace c360::daemon {

PeriodicTask service_gauges(store::Database& database, const Clock& clock, Metrics& metrics);

}  // namespace c360::daemon
