// The job `support_sla`: warnings and breaches of the service desk's clocks, requests closed or
// handed back because nobody answered (domain.md 15.1, 19).
#pragma once

#include <memory>

#include "daemon/job_worker.h"
#include "store/database.h"
#include "store/records.h"

namespace c360::daemon {

// `records` as for add_expiry_jobs().
void add_support_jobs(JobHandlers& handlers, store::Database& database,
                      const std::function<std::shared_ptr<store::Records>()>& records);

}  // namespace c360::daemon
