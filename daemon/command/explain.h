// An explanation of the API (api/explain_routes.cpp) for a terminal.
#pragma once

#include <string>

#include "daemon/base/json.h"
#include "daemon/command/output.h"

namespace c360::daemon::command {

// The text with every value marked by its number in the table beneath: coloured where `style` has
// colours, else as [3:value]. Whatever the mail holds, it cannot drive the terminal.
std::string render_explanation(const Json& explanation, const Style& style);

}  // namespace c360::daemon::command
