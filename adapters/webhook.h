// One event to one receiver: a POST signed as the Standard Webhooks have it
// (https://www.standardwebhooks.com): `webhook-id`, `webhook-timestamp` and `webhook-signature`,
// the last one "v1," and the base64 of HMAC-SHA256 over "ID.TIMESTAMP.BODY", once for each secret
// in force. docs/webhooks.md tells the receiver's side.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http_client.h"
#include "adapters/target_policy.h"
#include "daemon/base/clock.h"
#include "daemon/base/secret.h"

namespace c360::adapters {

inline constexpr std::string_view kWebhookSecretPrefix = "whsec_";

// As people see it: the prefix and base64 of the key.
Secret webhook_secret_text(const Secret& key);

struct WebhookMessage {
  std::string url;
  std::string id;    // the same for each attempt at the same event
  std::string body;  // JSON
  std::vector<Secret> keys;
};

struct WebhookLimits {
  TargetPolicy targets;
  std::chrono::milliseconds timeout{10'000};  // the whole exchange
  std::chrono::milliseconds connect_timeout{3'000};
  std::string ca_file;  // PEM, instead of the system's authorities; empty: those
};

// What became of it.
enum class Reception : std::uint8_t {
  accepted,     // 2xx
  refused,      // 400, 409, 413, 415, 422: this event alone
  unwell,       // no answer, or one that speaks of the receiver: nothing else gets through either
  interrupted,  // the daemon stops; nobody knows whether it arrived
};
std::string_view to_string(Reception reception);

struct WebhookAnswer {
  Reception reception = Reception::accepted;
  int http_status = 0;  // 0: no answer
  std::string detail;   // why it was not accepted; for a person, without query and secret
  std::optional<Instant> retry_at;  // the receiver asked for it
};

std::string webhook_signature(const WebhookMessage& message, std::int64_t unix_seconds);

// The client is of one thread, as everywhere.
WebhookAnswer post_webhook(HttpClient& http, const WebhookMessage& message,
                           const WebhookLimits& limits, Instant now);

}  // namespace c360::adapters
