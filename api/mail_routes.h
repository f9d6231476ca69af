// What is special about mail: the raw message, its attachments, the rules in use and a dry run of
// them. Lists and single rows of mail resources are record routes; quarantine_routes.h and
// explain_routes.h have the rest.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_mail_routes(std::vector<Route>& routes, const ApiServices& services,
                     const ApiOptions& options);

}  // namespace c360::api
