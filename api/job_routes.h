// Jobs, their runs and schedules (design.md 7): GET /jobs, /jobs/{id}, /job-runs, /job-schedules;
// cancel, retry, run now; PATCH /job-schedules/{name}. For the group crm-administrators.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_job_routes(std::vector<Route>& routes, const ApiServices& services,
                    const ApiOptions& options);

}  // namespace c360::api
