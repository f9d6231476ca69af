// GET /boards/{kind} and POST /boards/{kind}/move, for every kind with statuses on the board
//
#pragma once

#include <vector>

#include "api/api.h"

namespace c360::api {

void add_board_routes(std::vector<Route>& routes, const ApiServices& services,
                      const ApiOptions& options);

}  // namespace c360::api
