// JSON as outside services write it, read as far as it is safe: depth up to 64, and of a name that
// stands twice the last value counts. Otherwise as Json::parse().
#pragma once

#include <string_view>

#include "daemon/base/json.h"

namespace c360 {

// invalid_request with line and column where the text is not one JSON value.
Result<Json> parse_foreign_json(std::string_view text);

}  // namespace c360
