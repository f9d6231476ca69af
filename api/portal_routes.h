// Portal users of counterparties: their tokens, made and revoked by who may change the login, and
// what they do themselves that is no plain record keeping (domain.md 5.7, 3.4).
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_portal_routes(std::vector<Route>& routes, const ApiServices& services,
                       const ApiOptions& options);

}  // namespace c360::api
