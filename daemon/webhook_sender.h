// Delivers what webhooks wait for: a few threads, each of which takes the webhook that waits
// longest (store/webhook_queue.h), moves its part of the change feed into the queue and sends what
// is due, for a bounded time, then gives it back.
//
// A receiver that is not well (no answer, 5xx, 429, any answer that is not about the one event) is
// left alone for longer and longer, with all that waits for him; one that refuses an event gets the
// events of other records meanwhile.
//
// Metrics are those of jobs, under the kind "webhook.ID": what waits and what was parked (dead),
// how long the oldest has waited, attempts by how they ended.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "adapters/http_client.h"
#include "adapters/webhook.h"
#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/event.h"
#include "daemon/base/seal.h"
#include "daemon/webhook_config.h"
#include "store/database.h"
#include "store/records.h"
#include "store/webhook_queue.h"

namespace c360::daemon {

struct WebhookSenderOptions {
  WebhookConfig config;
  std::string holder;  // of leases: this process run
  // Asked for at each turn, because a reload makes others; null: they are being replaced.
  std::function<std::shared_ptr<store::Records>()> records;
  std::function<std::unique_ptr<adapters::HttpClient>()> connect;  // one a thread
  std::chrono::milliseconds poll{1'000};           // of the feed, and of an idle thread
  std::chrono::milliseconds turn{10'000};          // of one webhook, then another's
  std::chrono::milliseconds lease_margin{30'000};  // of the lease over the longest call
  // The n-th failure in a row waits first * 2^n, at most the limit, minus up to half of it.
  std::chrono::milliseconds first_pause{5'000};
  std::chrono::milliseconds longest_pause{900'000};
  std::chrono::milliseconds first_refusal{30'000};  // the same of one event
  std::chrono::milliseconds longest_refusal{10'800'000};
  std::chrono::milliseconds gauge_interval{15'000};
  // Before it is told that nobody looks at a webhook because its secret is sealed under another
  // key.
  std::chrono::milliseconds unread_patience{60'000};
  std::function<void(std::string_view loop)> beat = [](std::string_view) {};
  std::function<void(std::string_view loop)> retire = [](std::string_view) {};
};

// Everything in it runs from start() to stop().
class WebhookSender {
 public:
  WebhookSender(store::Database& database, WebhookSenderOptions options, const Clock& clock,
                const Observer& observer);
  ~WebhookSender();  // stop()
  WebhookSender(const WebhookSender&) = delete;
  WebhookSender& operator=(const WebhookSender&) = delete;

  void start();
  // Breaks calls under way off; what they carried is sent again by whoever comes next.
  void stop();

 private:
  enum class Went : std::uint8_t { on, back_off, end };  // after one delivery

  void work(const std::stop_token& stop, std::size_t worker);
  bool take_turn(const std::stop_token& stop, std::size_t worker);  // false: nothing to do
  Result<void> serve(const std::stop_token& stop, std::size_t worker, store::WebhookClaim& claim,
                     std::chrono::milliseconds& wait);
  Result<void> check_hindrance(const store::WebhookClaim& claim) const;
  std::string hindrance_of(const store::WebhookClaim& claim) const;
  std::string unread() const;
  void tell_unread() const;
  Result<bool> fill(store::WebhookClaim& claim);
  Result<Went> deliver(adapters::HttpClient& http, store::WebhookClaim& claim,
                       const store::DueDelivery& due, std::chrono::milliseconds& wait);
  Result<Went> note_failure(store::WebhookClaim& claim, const store::DueDelivery& due,
                            const adapters::WebhookAnswer& answer, store::DeliveryAttempt attempt,
                            std::chrono::milliseconds& wait);
  std::chrono::milliseconds pause(std::chrono::milliseconds first, std::chrono::milliseconds limit,
                                  int failures, const adapters::WebhookAnswer& answer);
  void tell_failure(const store::WebhookClaim& claim, const store::DueDelivery& due,
                    const adapters::WebhookAnswer& answer, std::int64_t parked) const;
  void count(const store::WebhookClaim& claim, adapters::Reception reception,
             std::chrono::milliseconds took) const;
  void show_gauges();
  void tell(const Error& error, std::string_view what) const;

  store::Database& database_;
  const WebhookSenderOptions options_;
  const SealRing seals_;
  const Clock& clock_;
  const Observer& observer_;
  std::vector<std::unique_ptr<adapters::HttpClient>> clients_;  // one a thread
  std::set<std::int64_t> shown_;                                // webhooks with gauges; thread 0
  std::mutex mutex_;
  std::condition_variable_any ending_;
  std::mt19937_64 random_{std::random_device{}()};  // under mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace c360::daemon
