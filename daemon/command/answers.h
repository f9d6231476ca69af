// What the verbs of `client360` read from the answers of the API.
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/json.h"
#include "daemon/command/verbs.h"

namespace c360::daemon::command {

// A member of an answer as a cell of a table shows it; "-" where there is none.
std::string cell(const Json& row, std::string_view key);

// The `items` of GET `path` (an array): the error of the call; upstream_rejected, where the answer
// has none.
Result<Json> items_of(Context& context, const std::string& path);

}  // namespace c360::daemon::command
