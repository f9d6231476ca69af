// POST /counterparties/express-report {ids or filter}: the express reports of many as one job
// and /express-report-batches, where it stands.
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_report_batch_routes(std::vector<Route>& routes, const ApiServices& services,
                             const ApiOptions& options);

}  // namespace c360::api
