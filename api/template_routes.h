// Templates of documents: GET, PUT and DELETE under /document-templates. A template is taken only
// after a sample was filled and printed with it (store/documents/stored_templates.h).
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_template_routes(std::vector<Route>& routes, const ApiServices& services,
                         const ApiOptions& options);

}  // namespace c360::api
