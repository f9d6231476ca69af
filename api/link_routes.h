// Links of records: GET and POST /records/{id}/links, DELETE /records/{id}/links/{link_id}, and the
// same under the path of each kind.
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_link_routes(std::vector<Route>& routes, const ApiServices& services,
                     const ApiOptions& options);

}  // namespace c360::api
