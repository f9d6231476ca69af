// GET /counterparties/{id}/express-report: where the express report stands and what it says
// . Asking for it is an action (store/operations/request_report.cpp).
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_express_report_routes(std::vector<Route>& routes, const ApiServices& services);

}  // namespace c360::api
