// What a person may do with quarantined mails: one by one or many at once. Lists, single rows and
// kept attempts are record routes.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_quarantine_routes(std::vector<Route>& routes, const ApiServices& services,
                           const ApiOptions& options);

}  // namespace c360::api
