// POST /{resource}/import: records from a table, each row as POST would take it.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_record_import_routes(std::vector<Route>& routes, const ApiServices& services,
                              const ApiOptions& options);

}  // namespace c360::api
