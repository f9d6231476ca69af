#include "api/query_number.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace c360::api {

Result<std::optional<std::int64_t>> query_number(const Request& request, std::string_view name,
                                                 std::int64_t least, std::int64_t most) {
  const auto sent = request.query_value(name);
  if (!sent) return std::nullopt;
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(sent->data(), sent->data() + sent->size(), value);
  const bool whole = error == std::errc{} && stop == sent->data() + sent->size();
  if (whole && value >= least && value <= most) return value;
  const std::string bounds =
      most == std::numeric_limits<std::int64_t>::max()
          ? "above " + std::to_string(least - 1)
          : "between " + std::to_string(least) + " and " + std::to_string(most);
  return fail(ErrorCode::invalid_request, std::string(name) + " is a number " + bounds,
              "invalid_value");
}

Result<int> page_size(const Request& request, int most) {
  constexpr int kDefaultPage = 50;
  const auto limit = query_number(request, "limit", 1, most);
  if (!limit) return std::unexpected(limit.error());
  return static_cast<int>(limit->value_or(std::min(kDefaultPage, most)));
}

}  // namespace c360::api
