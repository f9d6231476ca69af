// Webhooks over the API, for administrators: subscriptions, their secrets, replay, the log of
// deliveries.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_webhook_routes(std::vector<Route>& routes, const ApiServices& services,
                        const ApiOptions& options);

}  // namespace c360::api
