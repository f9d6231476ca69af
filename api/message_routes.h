// Messages to people outside: sent, canceled, sent again; the page by which a
// customer withdraws his consent to advertising. Their lists and templates are made from
// the registry.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_message_routes(std::vector<Route>& routes, const ApiServices& services,
                        const ApiOptions& options);
// /unsubscribe/{token}, outside /api/v1 and without a token of the API.
void add_unsubscribe_routes(std::vector<Route>& routes, const ApiServices& services,
                            const ApiOptions& options);

}  // namespace c360::api
