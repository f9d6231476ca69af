// Documents looked at: GET /documents/{id}/preview, as a PDF or a page of it as a picture
// (domain.md 12.4; ).
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

// The page of a generated document is printed now if the job has not come to it; nothing to do
// otherwise. Errors as adapters::DocumentRenderer::pdf(); not_connected without a renderer.
Result<void> print_page(const ApiServices& services, const Request& request, std::int64_t id);

void add_preview_routes(std::vector<Route>& routes, const ApiServices& services);

}  // namespace c360::api
