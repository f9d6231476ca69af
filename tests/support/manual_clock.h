// A clock that stands still until a test moves it. Thread-safe.
#pragma once

#include <mutex>

#include "daemon/base/clock.h"

namespace c360::testing {

class ManualClock final : public Clock {
 public:
  Instant now() const override {
    const std::scoped_lock lock{mutex_};
    return now_;
  }
  std::chrono::steady_clock::time_point steady() const override {
    const std::scoped_lock lock{mutex_};
    return steady_;
  }
  void advance(std::chrono::seconds by) {
    const std::scoped_lock lock{mutex_};
    now_ += by;
    steady_ += by;
  }

 private:
  mutable std::mutex mutex_;
  Instant now_ = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};
  std::chrono::steady_clock::time_point steady_{std::chrono::hours{1'000}};
};

}  // namespace c360::testing
