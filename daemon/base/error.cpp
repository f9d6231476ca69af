#include "daemon/base/error.h"

#include <utility>

namespace c360 {

std::unexpected<Error> fail(ErrorCode code, std::string detail, std::string reason) {
  return std::unexpected(
      Error{.code = code, .detail = std::move(detail), .reason = std::move(reason)});
}

std::unexpected<Error> with_context(Error error, std::string_view context) {
  error.detail = std::string(context) + ": " + error.detail;
  return std::unexpected(std::move(error));
}

}  // namespace c360
