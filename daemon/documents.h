// What --print=openapi and --print=ddl show: made from the declarations, without a database.
#pragma once

#include <string>

namespace c360::daemon {

std::string openapi_document();
std::string ddl_document();

}  // namespace c360::daemon
