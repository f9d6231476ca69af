// Routes of the actions (store/operations/action.h): POST /{path}/{id}/NAME, POST /{path}/NAME for
// those offered in bulk, GET /{path}/{id}/actions and /records/{id}/actions.
#pragma once

#include <vector>

#include "api/api.h"
#include "store/operations/action.h"

namespace c360::api {

// What the body of an action may say.
Json action_schema(const store::Action& action, const store::Registry& registry);

// The declaration of the record in the path; not_found where the token has no scope of its kind.
Result<const store::Resource*> resource_of_record(const ApiServices& services,
                                                  const Request& request, bool write);

void add_action_routes(std::vector<Route>& routes, const ApiServices& services,
                       const ApiOptions& options);

}  // namespace c360::api
