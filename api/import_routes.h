// POST /mail/import.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_import_route(std::vector<Route>& routes, const ApiServices& services,
                      const ApiOptions& options);

}  // namespace c360::api
