// Blocks of a record that are read and changed by themselves: GET and PATCH
// /counterparties/{id}/marketing, of leads and deals too (Resource::marketing,
// R-189), and /counterparties/{id}/requisites.
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_block_routes(std::vector<Route>& routes, const ApiServices& services,
                      const ApiOptions& options);

}  // namespace c360::api
