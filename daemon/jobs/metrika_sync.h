// The job that asks Yandex.Metrika where the visitors behind leads and deals came from (domain.md
// 19; adapters.md 4.3).
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "adapters/traffic_sources.h"
#include "daemon/base/clock.h"
#include "daemon/job_worker.h"
#include "store/records.h"

namespace c360::daemon {

struct MetrikaSyncPorts {
  store::Database& database;
  adapters::TrafficSources& sources;
  const Clock& clock;
  std::function<std::shared_ptr<store::Records>()> records;  // asked at each run
  // After so long others get the thread: the rest is another piece of the job.
  std::chrono::milliseconds slice{5'000};
};

// Each record has its own transaction under the job's lease. A service that refuses or is away ends
// the run: what it answered until then is counted, once a piece; a piece without such an answer
// waits and is tried again.
void add_metrika_jobs(JobHandlers& handlers, const MetrikaSyncPorts& ports);

}  // namespace c360::daemon
