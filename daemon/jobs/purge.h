// The job `purge`: what is kept for a time only (domain.md 1.2, 19), a step for each setting
// `retention.…_days`. A step that fails does not keep the others from their work; the run tells of
// it.
#pragma once

#include "daemon/config.h"
#include "daemon/job_worker.h"
#include "store/database.h"

namespace c360::daemon {

void add_purge_job(JobHandlers& handlers, store::Database& database,
                   const RetentionConfig& retention);

}  // namespace c360::daemon
