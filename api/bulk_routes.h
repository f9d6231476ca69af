// Writing many records at once, and records by what others call them:
// POST /{resource}/bulk, PUT /{resource}/{natural key}.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_bulk_routes(std::vector<Route>& routes, const ApiServices& services,
                     const ApiOptions& options);

}  // namespace c360::api
