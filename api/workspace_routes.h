// GET /workspace: what waits for the caller (store/operations/workspace.h).
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_workspace_routes(std::vector<Route>& routes, const ApiServices& services);

}  // namespace c360::api
