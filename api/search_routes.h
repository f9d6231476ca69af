// GET /search?q=: one search over all kinds of records.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_search_routes(std::vector<Route>& routes, const ApiServices& services);

}  // namespace c360::api
