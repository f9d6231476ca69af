// What the scheduler does: history partitions ahead, expired idempotency keys away, gauges. And how
// one daemon of several takes a run, by ops.schedule.
#pragma once

#include <vector>

#include "daemon/config.h"
#include "daemon/scheduler.h"
#include "store/database.h"

namespace c360::daemon {

std::vector<PeriodicTask> periodic_tasks(store::Database& database,
                                         const RetentionConfig& retention,
                                         const Observer& observer);

// Takes the run of `task` that is due by the database's clock; none when it is not due, or another
// daemon was faster. The value is the run's row in ops.job_run.
Result<std::optional<std::int64_t>> claim_run(store::Database& database, const PeriodicTask& task,
                                              std::string_view holder);
// Notes how the run ended.
Result<void> finish_run(store::Database& database, std::int64_t run, const Result<void>& outcome);

}  // namespace c360::daemon
