// A bounded set of connections to one database. For store only.
//
// A connection that broke, whose transaction is not idle, or that was opened with other options is
// closed when it comes back. Who finds all of them busy waits in line, and is handed the next that
// comes back: nobody who comes later takes it, and nobody is woken for nothing. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
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
  // A place among `size` and, unless it is to be opened yet, the connection that has it.
  struct Place {
    std::unique_ptr<Connection> connection;
    bool lay_idle = false;
  };
  struct Waiter;

  Result<Place> wait_for_place(std::unique_lock<std::mutex>& lock);
  Result<std::unique_ptr<Connection>> open_in_place();
  Result<std::unique_ptr<Connection>> open(const ConnectionOptions& options);
  // Under mutex_; who is returned is to be woken, best without it.
  std::shared_ptr<Waiter> hand_on(std::unique_ptr<Connection> connection);
  std::shared_ptr<Waiter> vacate();
  static void wake(const std::shared_ptr<Waiter>& waiter);
  void forget(const Connection& connection);
  void show();  // the gauges; under mutex_

  DatabaseHealth& health_;
  const std::atomic<bool>& stopping_;
  Gauge idle_gauge_;
  Gauge busy_gauge_;
  Gauge waiters_;
  Histogram waits_;

  std::mutex mutex_;
  PoolOptions options_;
  std::size_t open_ = 0;                           // idle and busy, and those being opened
  std::vector<std::unique_ptr<Connection>> idle_;  // the last one back is the first one out
  std::deque<std::shared_ptr<Waiter>> line_;       // only while nothing is idle and all is open
  std::set<std::shared_ptr<const Canceller>> cancellers_;  // of every connection there is
  // A server that takes its time to refuse would hold every caller for as long: for a moment all
  // get the last answer.
  std::optional<Error> refusal_;
  std::chrono::steady_clock::time_point refused_until_;
};

}  // namespace c360::store
