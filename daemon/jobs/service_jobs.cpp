#include "daemon/jobs/service_jobs.h"

#include "daemon/jobs/adapter_probe.h"
#include "daemon/jobs/autofill.h"
#include "daemon/jobs/express_report.h"
#include "daemon/jobs/metrika_sync.h"
#include "daemon/jobs/repolicy.h"
#include "daemon/jobs/report_batch.h"
#include "daemon/jobs/watch_list.h"

namespace c360::daemon {

void add_service_jobs(JobHandlers& handlers, const ServiceJobPorts& ports) {
  add_autofill_jobs(handlers, {.database = ports.database,
                               .parties = ports.services.parties(),
                               .second = ports.services.reports(),
                               .clock = ports.clock,
                               .policy = ports.services.believed_sources(),
                               .records = ports.records});
  add_repolicy_job(handlers, {.database = ports.database, .records = ports.records});
  add_metrika_jobs(handlers, {.database = ports.database,
                              .sources = ports.services.sources(),
                              .clock = ports.clock,
                              .records = ports.records});
  const ExpressReportPorts reports{.database = ports.database,
                                   .reports = ports.services.reports(),
                                   .records = ports.records,
                                   .zone = ports.zone};
  add_express_report_jobs(handlers, reports);
  add_report_batch_job(handlers, reports);
  add_watch_job(
      handlers,
      {.database = ports.database, .reports = ports.services.reports(), .clock = ports.clock});
  add_adapter_probe_job(handlers, {.database = ports.database,
                                   .clock = ports.clock,
                                   .services = ports.services,
                                   .interval = ports.probe_interval});
}

}  // namespace c360::daemon
