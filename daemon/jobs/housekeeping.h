// Jobs that keep the database in order: history partitions ahead, what has expired away, the
// invariants that read the whole ledger counted (domain.md 19). Their schedules come with the
// migrations.
#pragma once

#include "daemon/config.h"
#include "daemon/job_worker.h"
#include "store/database.h"

namespace c360::daemon {

void add_housekeeping_jobs(JobHandlers& handlers, store::Database& database,
                           const RetentionConfig& retention);

}  // namespace c360::daemon
