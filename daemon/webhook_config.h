// What may be set about webhooks: [webhooks].
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "adapters/webhook.h"
#include "daemon/base/secret.h"

namespace c360::daemon {

// What a random key has at least, as hexadecimal digits: 128 bits.
inline constexpr std::size_t kMinWebhookKeyBytes = 32;

struct WebhookConfig {
  Secret key;         // seals what they are signed with; empty: none can be made
  Secret former_key;  // which it replaces: opens what is not sealed anew yet; empty: none
  adapters::WebhookLimits limits;
  std::vector<std::string> allowed_networks;  // as written; limits.targets has them read
  std::size_t threads = 2;                    // 0: this daemon delivers nothing
  std::chrono::hours retry_limit{72};         // then an event is parked
};

}  // namespace c360::daemon
