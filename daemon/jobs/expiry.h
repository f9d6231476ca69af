// Jobs that give records the status their dates ask for: overdue payments and activities, contracts
// and agreements past their term, assignments completed long ago, support requests that nobody
// answered (domain.md 10, 11, 13 to 15, 19).
#pragma once

#include <memory>

#include "daemon/job_worker.h"
#include "store/database.h"
#include "store/records.h"

namespace c360::daemon {

// All that one job changes by its dates; `yield` counts it.
Result<void> expire_due(std::string_view job, store::Database& database, store::Records& records,
                        JobRun& run, JobYield& yield);

// Each record is changed as a user would change it: with its guards, its history, and only where
// nobody else has changed it meanwhile. `records` is asked for at each run, because a reload makes
// another one.
void add_expiry_jobs(JobHandlers& handlers, store::Database& database,
                     const std::function<std::shared_ptr<store::Records>()>& records);

}  // namespace c360::daemon
