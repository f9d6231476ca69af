// GET /services: how the outside services do. GET /service-calls: the journal of calls to them.
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_service_routes(std::vector<Route>& routes, const ApiServices& services);

}  // namespace c360::api
