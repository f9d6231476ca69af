// GET /{resource}/export: a whole list with chosen columns as CSV or XLSX.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_export_routes(std::vector<Route>& routes, const ApiServices& services,
                       const ApiOptions& options);

}  // namespace c360::api
