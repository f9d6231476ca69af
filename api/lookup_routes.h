// What people type, looked up at DaData: GET /lookup/parties, /lookup/addresses,
// /lookup/banks/{bik}, and POST /lookup/clean, which costs money.
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_lookup_routes(std::vector<Route>& routes, const ApiServices& services,
                       const ApiOptions& options);

}  // namespace c360::api
