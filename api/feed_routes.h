// What changed, as it happens: GET /events as pages, waiting pages and server-sent events, and a
// snapshot of the records that the feed goes on from.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_feed_routes(std::vector<Route>& routes, const ApiServices& services,
                     const ApiOptions& options);

}  // namespace c360::api
