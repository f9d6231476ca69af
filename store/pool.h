// A bounded set of connections to one database. For store only.
//
// A connection that broke, whose transaction is not idle, or that was opened with other options is
// closed when it comes back. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/event.h"
#include "daemon/base/metrics.h"
#include "store/connection.h"

namespace c360::store {

// Whether the server is there, as far as the last attempt could tell; reports each change once.
class DatabaseHealth {
 public:
  explicit DatabaseHealth(const Observer& observer) : observer_(observer) {}
  void connected(const Connection& connection);
  void answered();
  void away(const Error& error);
  bool healthy() const { return healthy_; }

 private:
  const Observer& observer_;
  std::atomic<bool> healthy_{true};
  std::atomic<bool> ever_connected_{false};
};

struct PoolOptions {
  ConnectionOptions connection;
  std::size_t size = 8;
  std::chrono::milliseconds wait_timeout{2'000};
};

class ConnectionPool {
 public:
  ConnectionPool(std::string_view name, PoolOptions options, const Observer& observer,
                 DatabaseHealth& health, const std::atomic<bool>& stopping);

  // Waits up to wait_timeout for a free one, and opens one where the pool is not full.
  Result<std::unique_ptr<Connection>> take();
  void give_back(std::unique_ptr<Connection> connection);
  void reconfigure(PoolOptions options);
  // Wakes who waits, cancels what runs, closes what is idle. `stopping` is raised before.
  void shut_down();

 private:
  Result<std::unique_ptr<Connection>> open(const ConnectionOptions& options);
  void left();  // one connection fewer; under mutex_
  void show();  // the gauges; under mutex_

  DatabaseHealth& health_;
  const std::atomic<bool>& stopping_;
  Gauge idle_gauge_;
  Gauge busy_gauge_;
  Histogram waits_;

  std::mutex mutex_;
  std::condition_variable freed_;
  PoolOptions options_;
  std::size_t open_ = 0;                           // idle and busy, and those being opened
  std::vector<std::unique_ptr<Connection>> idle_;  // the last one back is the first one out
  std::set<std::shared_ptr<const Canceller>> busy_;
  // A server that takes its time to refuse would hold every caller for as long: for a moment all
  // get the last answer.
  std::optional<Error> refusal_;
  std::chrono::steady_clock::time_point refused_until_;
};

}  // namespace c360::store
