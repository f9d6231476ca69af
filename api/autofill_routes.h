// Cards filled by a register: POST /counterparties/{id}/autofill, a look without a card at POST
// /counterparties/autofill, and GET /counterparties/{id}/pedigree (domain.md 5.10; ).
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_autofill_routes(std::vector<Route>& routes, const ApiServices& services,
                         const ApiOptions& options);

}  // namespace c360::api
