// Jobs that tell people what is due: `reminders`, and `notifications`, which gives what was told to
// the ways out (domain.md 13.3, 16, 19). Each thing is told once, however many daemons run them.
#pragma once

#include "daemon/job_worker.h"
#include "store/database.h"

namespace c360::daemon {

void add_notice_jobs(JobHandlers& handlers, store::Database& database);

}  // namespace c360::daemon
