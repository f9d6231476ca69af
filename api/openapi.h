// The OpenAPI 3.1 document, made from the route table and the declarations it was made from.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.h"
#include "api/router.h"
#include "store/model/registry.h"

namespace c360::api {

// Of the routes that are not hidden, in their order.
std::string openapi_document(std::span<const Route> routes, const store::Registry& registry,
                             std::string_view version);

// The whole table with all that is said of it, made anew.
using RoutesMaker = std::function<std::vector<Route>()>;

// GET /api/v1/openapi.json, /docs and the files it needs: open, they hold no data. The document is
// made of `described` when it is first asked for.
void add_documentation_routes(std::vector<Route>& routes, const store::Registry& registry,
                              std::string_view version, RoutesMaker described);

}  // namespace c360::api
