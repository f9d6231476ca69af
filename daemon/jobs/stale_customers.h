// The job `stale_customers`: counts customers nobody takes care of, and sends the digest
// (domain.md 19).
#pragma once

#include "daemon/job_worker.h"
#include "store/database.h"

namespace c360::daemon {

void add_stale_customers_job(JobHandlers& handlers, store::Database& database, int days);

}  // namespace c360::daemon
