// What may be set about webhooks: [webhooks].
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "adapters/webhook.h"

namespace c360::daemon {

struct WebhookConfig {
  adapters::WebhookLimits limits;
  std::vector<std::string> allowed_networks;  // as written; limits.targets has them read
  std::size_t threads = 2;                    // 0: this daemon delivers nothing
  std::chrono::hours retry_limit{72};         // then an event is parked
};

}  // namespace c360::daemon
