// GET /counterparties/{id}/timeline (store/operations/timeline.h).
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_timeline_routes(std::vector<Route>& routes, const ApiServices& services);

}  // namespace c360::api
