// The one vocabulary of failures: what a correct program meets in production.
//
// Functions that can fail return Result<T>. Exceptions are for bugs; they are caught in a task, a
// request and main only. Library exceptions become an Error at that library's door.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace c360 {

// Spelled exactly as the problem `type`, the log field and the metric label.
enum class ErrorCode : std::uint8_t {
  invalid_request,
  unauthenticated,
  forbidden,
  not_found,
  method_not_allowed,
  conflict,
  precondition_failed,
  payload_too_large,
  unsupported_media_type,
  validation_failed,
  malformed_message,
  precondition_required,
  rate_limited,
  upstream_auth,
  upstream_rejected,
  unavailable,
  timeout,
  internal,
};

// What each code means to the parts that act on it.
struct ErrorTraits {
  ErrorCode code;
  std::string_view name;   // the spelling above
  int http_status;         // RFC 9110, section 15
  std::string_view title;  // RFC 9457 `title`
  bool temporary;          // worth trying again unchanged
};

inline constexpr std::array kErrorTraits = {
    ErrorTraits{ErrorCode::invalid_request, "invalid_request", 400, "Invalid request", false},
    ErrorTraits{ErrorCode::unauthenticated, "unauthenticated", 401, "Not authenticated", false},
    ErrorTraits{ErrorCode::forbidden, "forbidden", 403, "Forbidden", false},
    ErrorTraits{ErrorCode::not_found, "not_found", 404, "Not found", false},
    ErrorTraits{ErrorCode::method_not_allowed, "method_not_allowed", 405, "Method not allowed",
                false},
    ErrorTraits{ErrorCode::conflict, "conflict", 409, "Conflict", false},
    ErrorTraits{ErrorCode::precondition_failed, "precondition_failed", 412, "Precondition failed",
                false},
    ErrorTraits{ErrorCode::payload_too_large, "payload_too_large", 413, "Payload too large", false},
    ErrorTraits{ErrorCode::unsupported_media_type, "unsupported_media_type", 415,
                "Unsupported media type", false},
    ErrorTraits{ErrorCode::validation_failed, "validation_failed", 422, "Validation failed", false},
    ErrorTraits{ErrorCode::malformed_message, "malformed_message", 422, "Malformed message", false},
    ErrorTraits{ErrorCode::precondition_required, "precondition_required", 428,
                "Precondition required", false},
    ErrorTraits{ErrorCode::rate_limited, "rate_limited", 429, "Too many requests", true},
    ErrorTraits{ErrorCode::upstream_auth, "upstream_auth", 502, "Upstream refused our credentials",
                false},
    ErrorTraits{ErrorCode::upstream_rejected, "upstream_rejected", 502,
                "Upstream refused the request", false},
    ErrorTraits{ErrorCode::unavailable, "unavailable", 503, "Temporarily unavailable", true},
    ErrorTraits{ErrorCode::timeout, "timeout", 504, "Timed out", true},
    ErrorTraits{ErrorCode::internal, "internal", 500, "Internal error", false},
};
static_assert([] {
  for (std::size_t i = 0; i < kErrorTraits.size(); ++i) {
    if (kErrorTraits[i].code != static_cast<ErrorCode>(i)) return false;
  }
  return kErrorTraits.size() == static_cast<std::size_t>(ErrorCode::internal) + 1;
}());

constexpr const ErrorTraits& traits(ErrorCode code) {
  return kErrorTraits[static_cast<std::size_t>(code)];
}
constexpr std::string_view to_string(ErrorCode code) { return traits(code).name; }

// One wrong field of a request (RFC 9457 extension member `errors`).
struct FieldError {
  std::string pointer;  // RFC 6901, such as "/contacts/0/email"
  std::string code;     // stable, such as "inn_checksum"
  std::string detail;   // a sentence for a person
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  // What was tried, on what, what came back, what to do. For a person; never parsed, never a
  // secret.
  std::string detail;
  // A stable word finer than `code`, such as "target_not_found"; empty when there is none.
  std::string reason;
  std::vector<FieldError> fields;
  std::optional<std::chrono::seconds> retry_after;

  bool temporary() const { return traits(code).temporary; }
};

template <typename T>
using Result = std::expected<T, Error>;

// `return fail(ErrorCode::not_found, "no deal 17");`
std::unexpected<Error> fail(ErrorCode code, std::string detail, std::string reason = {});

// The error with `context: ` in front of its detail: what the caller was doing.
std::unexpected<Error> with_context(Error error, std::string_view context);

}  // namespace c360
