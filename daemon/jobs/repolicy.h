// The job that has every card follow another policy of whom to believe, by what the registers said
// before (store/operations/repolicy.h).
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "daemon/job_worker.h"
#include "store/records.h"

namespace c360::daemon {

struct RepolicyPorts {
  store::Database& database;
  std::function<std::shared_ptr<store::Records>()> records;  // asked at each run
  // After so long others get the thread: the rest is another piece of the job.
  std::chrono::milliseconds slice{5'000};
};

// Card by card, each in a transaction of its own: begun anew it finds those done as they should be.
void add_repolicy_job(JobHandlers& handlers, const RepolicyPorts& ports);

}  // namespace c360::daemon
