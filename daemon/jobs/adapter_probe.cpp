#include "daemon/jobs/adapter_probe.h"

#include "daemon/service_probes.h"
#include "store/service_probes.h"

namespace c360::daemon {

namespace {

// A daemon that stops does not wait for longer.
constexpr std::chrono::seconds kLongestProbe{8};

Result<JobYield> probe_due(const AdapterProbePorts& ports, const JobRun& run) {
  JobYield yield;
  if (ports.interval.count() == 0) return yield;
  const auto due = store::due_service_probes(ports.database, ports.interval);
  if (!due) return std::unexpected(due.error());
  ServiceProbes probes(ports.services, ports.database, ports.clock, kLongestProbe);
  for (const std::string& service : *due) {
    if (run.stopping()) return fail(ErrorCode::unavailable, "told to stop");
    // Another daemon may have other settings for the moment of a reload.
    if (!ports.services.is_on(service).value_or(false) || !probes.is_free(service)) continue;
    if (auto looked = probes.look(service); !looked) return std::unexpected(looked.error());
    ++yield.processed;
  }
  return yield;
}

}  // namespace

void add_adapter_probe_job(JobHandlers& handlers, const AdapterProbePorts& ports) {
  handlers["adapter_probe"] = [ports](JobRun& run) { return probe_due(ports, run); };
}

}  // namespace c360::daemon
