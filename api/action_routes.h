// Routes of the actions (store/operations/action.h): POST /{path}/{id}/NAME, POST /{path}/NAME for
// those offered in bulk, GET /{path}/{id}/actions and /records/{id}/actions.
#pragma once

#include <string>
#include <vector>

#include "api/api.h"
#include "store/operations/action.h"

namespace c360::api {

// What the body of an action may say.
Json action_schema(const store::Action& action, const store::Registry& registry);

// The declaration of the record in the path; not_found where the token has no scope of its kind.
Result<const store::Resource*> resource_of_record(const ApiServices& services,
                                                  const Request& request, bool write);

// Of what the caller is offered what his token may do as well: nothing where it only reads, and not
// what makes a record of a kind it may not write.
void keep_permitted(const Request& request, const store::Registry& registry,
                    const store::Actions& actions, const store::Resource& resource,
                    std::vector<std::string>& names);

void add_action_routes(std::vector<Route>& routes, const ApiServices& services,
                       const ApiOptions& options);

}  // namespace c360::api
