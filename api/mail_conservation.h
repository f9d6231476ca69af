// GET /mail/conservation: the ledger proves itself; POST /mail/mailboxes/{id}/compare: against the
// server too.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_conservation_routes(std::vector<Route>& routes, const ApiServices& services);

}  // namespace c360::api
