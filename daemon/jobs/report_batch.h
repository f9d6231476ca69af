// The job that gets the express reports of a batch, one after the other (store/operations/
// report_batch.h).
//
// It works in slices, so that it never keeps a worker from other jobs for long, and so that a batch
// of hours is not one attempt. Between two items it looks whether somebody wants it to rest. What
// one report cannot have (an INN that is none, an answer that is none, five failures) is that
// report's failure; what no report can have (the contract is spent, the key refused, the service
// off) makes the whole batch wait, with what to do about it.
#pragma once

#include "daemon/jobs/express_report.h"

namespace c360::daemon {

void add_report_batch_job(JobHandlers& handlers, const ExpressReportPorts& ports);

}  // namespace c360::daemon
