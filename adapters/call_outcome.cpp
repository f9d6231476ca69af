#include "adapters/call_outcome.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

using std::chrono::seconds;

constexpr seconds kShortestWait{1};
constexpr seconds kLongestWait{86'400};

ErrorCode code_of(const NoAnswer& none) {
  switch (none.outcome) {
    case Outcome::not_found:
      return ErrorCode::not_found;
    case Outcome::retryable:
      return none.reason == "timeout" ? ErrorCode::timeout : ErrorCode::unavailable;
    case Outcome::quota:
      return ErrorCode::rate_limited;
    case Outcome::auth:
      return ErrorCode::upstream_auth;
    default:
      if (none.reason == "off") return ErrorCode::conflict;
      return none.reason == "bad_id" ? ErrorCode::invalid_request : ErrorCode::upstream_rejected;
  }
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  constexpr std::array<std::string_view, 6> kNames{"found", "not_found", "retryable",
                                                   "quota", "auth",      "permanent"};
  return kNames[static_cast<std::size_t>(outcome)];
}

std::unexpected<NoAnswer> no_answer(Outcome outcome, std::string reason, std::string detail,
                                    int http_status) {
  return std::unexpected(NoAnswer{.outcome = outcome,
                                  .reason = std::move(reason),
                                  .detail = std::move(detail),
                                  .http_status = http_status});
}

std::unexpected<NoAnswer> malformed(const HttpAnswer& answer, std::string detail) {
  return no_answer(Outcome::retryable, "malformed", std::move(detail), answer.status);
}

Error to_error(const NoAnswer& none, Instant now) {
  Error error{.code = code_of(none), .detail = none.detail, .reason = none.reason};
  if (none.retry_at)
    error.retry_after = std::max(kShortestWait, std::chrono::ceil<seconds>(*none.retry_at - now));
  return error;
}

Error to_client_error(const NoAnswer& none, Instant now) {
  constexpr seconds kAskAgain{5};
  Error error = to_error(none, now);
  if (error.code == ErrorCode::rate_limited) error.code = ErrorCode::unavailable;
  if (error.code == ErrorCode::timeout && !error.retry_after) error.retry_after = kAskAgain;
  return error;
}

std::optional<Instant> retry_after(const HttpAnswer& answer, Instant now) {
  const auto field = answer.header("retry-after");
  if (!field || field->empty()) return std::nullopt;
  const std::string text(*field);
  seconds wait{};
  if (std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) {
    std::int64_t count = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), count);
    wait = fault == std::errc{} ? seconds{std::min(count, kLongestWait.count())} : kLongestWait;
  } else {
    const std::time_t at = curl_getdate(text.c_str(), nullptr);
    if (at < 0) return std::nullopt;
    wait = std::chrono::ceil<seconds>(std::chrono::sys_seconds{seconds{at}} - now);
  }
  return now + std::clamp(wait, kShortestWait, kLongestWait);
}

}  // namespace c360::adapters
