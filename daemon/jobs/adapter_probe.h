// The job that asks each outside service that is on its cheap question, an interval after the last
// one: what is left stays known, and a key that is refused is told before somebody needs it.
#pragma once

#include <chrono>

#include "daemon/base/clock.h"
#include "daemon/job_worker.h"
#include "daemon/outside_services.h"

namespace c360::daemon {

struct AdapterProbePorts {
  store::Database& database;
  const Clock& clock;
  OutsideServices& services;
  std::chrono::seconds interval{};  // 0: never
};

// Those whose question would be paid for or counted are left out. A service that does not work is
// what the run found, not its failure.
void add_adapter_probe_job(JobHandlers& handlers, const AdapterProbePorts& ports);

}  // namespace c360::daemon
