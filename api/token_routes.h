// Keys of API clients: made (shown once) and revoked. Listing them is a record route.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_token_routes(std::vector<Route>& routes, const ApiServices& services,
                      const ApiOptions& options);

}  // namespace c360::api
