// Whole numbers of a query string, as the routes that are written by hand take them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "api/request.h"
#include "daemon/base/error.h"

namespace c360::api {

// nullopt where it is not sent; invalid_request, reason invalid_value, for what is no whole number
// from `least` to `most`.
Result<std::optional<std::int64_t>> query_number(
    const Request& request, std::string_view name, std::int64_t least = 1,
    std::int64_t most = std::numeric_limits<std::int64_t>::max());

// `limit`: `most` at the largest, 50 where it is not sent.
Result<int> page_size(const Request& request, int most);

}  // namespace c360::api
