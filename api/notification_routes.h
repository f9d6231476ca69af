// How much the caller has not read, and marking it read. The list itself is a resource like others.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_notification_routes(std::vector<Route>& routes, const ApiServices& services,
                             const ApiOptions& options);

}  // namespace c360::api
