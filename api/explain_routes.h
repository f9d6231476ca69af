// Why a mail became what it is and where each value of a record was read (design.md 2, Explain):
// of a mail as JSON and as a page to look at, and of a record that a mail made.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_explain_routes(std::vector<Route>& routes, const ApiServices& services);

}  // namespace c360::api
