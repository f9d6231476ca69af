// The routes of every Resource: list, get, create, change, delete, restore, history, and what hangs
// on a record (contacts, observers, comments, activities).
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_record_routes(std::vector<Route>& routes, const ApiServices& services,
                       const ApiOptions& options);

// `view` of a list, board or export (store/saved_views.h).
Parameter view_parameter();
// Filters, order, page and shape of a list.
std::vector<Parameter> list_parameters(const store::Resource& resource, const ApiOptions& options);

// 308 of a record that was merged.
Answer moved_answer();

// "deal:read"; mail resources share "mail:read".
std::string scope_of(const store::Resource& resource, bool write);

}  // namespace c360::api
