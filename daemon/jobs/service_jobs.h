// Every job that asks outside services.
#pragma once

#include <functional>
#include <memory>

#include "daemon/base/clock.h"
#include "daemon/base/time_zone.h"
#include "daemon/job_worker.h"
#include "daemon/outside_services.h"
#include "store/records.h"

namespace c360::daemon {

struct ServiceJobPorts {
  store::Database& database;
  const Clock& clock;
  OutsideServices& services;
  std::function<std::shared_ptr<store::Records>()> records;  // asked at each run
  TimeZone zone;                                             // of the business
  std::chrono::seconds probe_interval{};                     // 0: nobody is probed by the clock
};

// What the ports name outlives the handlers.
void add_service_jobs(JobHandlers& handlers, const ServiceJobPorts& ports);

}  // namespace c360::daemon
