// The marketing block of a counterparty, a lead or a deal (Resource::marketing): GET and PATCH
// /counterparties/{id}/marketing.
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_marketing_routes(std::vector<Route>& routes, const ApiServices& services,
                          const ApiOptions& options);

}  // namespace c360::api
