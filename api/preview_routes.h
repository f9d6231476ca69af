// Documents looked at: GET /documents/{id}/preview, as a PDF or a page of it as a picture
// (domain.md 12.4; ).
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_preview_routes(std::vector<Route>& routes, const ApiServices& services);

}  // namespace c360::api
