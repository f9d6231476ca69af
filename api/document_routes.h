// Documents: uploaded to a record (raw or as a form), new versions, downloads.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_document_routes(std::vector<Route>& routes, const ApiServices& services,
                         const ApiOptions& options);

}  // namespace c360::api
