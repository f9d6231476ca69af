// What became of one call to an outside service (adapters.md, 0.1): an answer, or one of five
// reasons why there is none. Nothing above an adapter looks at HTTP statuses.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/http_client.h"
#include "daemon/base/clock.h"
#include "daemon/base/error.h"

namespace c360::adapters {

// Spelled as in records and metric labels.
enum class Outcome : std::uint8_t {
  found,      // a usable answer: store it
  not_found,  // the service answered properly and knows nothing: no error, no retry
  retryable,  // not reached, too late, 5xx, a body that is not what it should be
  quota,      // rate, day, money: nobody asks before `retry_at`; no attempt is used up
  auth,       // key or permission refused: nobody asks until the settings change, or for an hour
  permanent,  // this request will never succeed; others may
};
std::string_view to_string(Outcome outcome);

// How far a refusal reaches.
enum class RefusalScope : std::uint8_t {
  operation,  // this method alone, such as one outside the contract
  service,    // the key: everything of the service
  recipient,  // the one who was written to: others may be
};

// Why there is no answer.
struct NoAnswer {
  Outcome outcome = Outcome::retryable;  // never `found`
  // A stable word: "malformed", "tls", "too_large", "bad_id", "redirect", "timeout",
  // "unreachable", "interrupted", "breaker_open", "rate", "paused", "off", …; may be empty.
  std::string reason;
  // For a person, at most kMaxDetail bytes, without secrets.
  std::string detail;
  int http_status = 0;              // 0: no status arrived
  std::optional<Instant> retry_at;  // not before; quota always has one
  RefusalScope scope = RefusalScope::service;
  // The request was written whole: what it asked for may have been done, though no answer that can
  // be read says so.
  bool maybe_done = false;

  static constexpr std::size_t kMaxDetail = 500;
};

template <typename T>
using CallResult = std::expected<T, NoAnswer>;

std::unexpected<NoAnswer> no_answer(Outcome outcome, std::string reason, std::string detail,
                                    int http_status = 0);
// retryable/malformed: the body, or its type, is not what was asked for.
std::unexpected<NoAnswer> malformed(const HttpAnswer& answer, std::string detail);

// The same for the layers that speak of errors (style.md, 6): retryable is unavailable or timeout,
// quota rate_limited, auth upstream_auth, permanent upstream_rejected (bad_id: invalid_request,
// off: conflict).
Error to_error(const NoAnswer& none, Instant now);
// The same as whoever asked us is told: a quota is the service's and not his, so he is to come
// later (unavailable), and a service that was too slow is worth another try too (style.md, 6).
Error to_client_error(const NoAnswer& none, Instant now);

// RFC 9110, 10.2.3: seconds or a date, clamped to 1 s … 24 h; anything else counts as absent.
std::optional<Instant> retry_after(const HttpAnswer& answer, Instant now);

}  // namespace c360::adapters
