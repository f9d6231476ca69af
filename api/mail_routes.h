// What is special about mail: the raw message, what a person may do with a quarantined one, and a
// dry run of the rules. Lists and single rows of mail resources are record routes.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_mail_routes(std::vector<Route>& routes, const ApiServices& services,
                     const ApiOptions& options);

}  // namespace c360::api
