// Periodic tasks on one thread, of this daemon for itself: its gauges, its share of the search
// index. A failed run backs off and is tried again. What one of all daemons does is a job with a
// schedule (store/schedules.h).
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/event.h"

namespace c360::daemon {

struct PeriodicTask {
  std::string name;  // [a-z_]+
  std::chrono::seconds period{60};
  std::function<Result<void>()> run;
};

struct SchedulerOptions {
  double jitter = 0.1;  // a wait is uniform in [period * (1 - jitter), period]
  std::chrono::milliseconds retry_first{5'000};
  std::chrono::milliseconds retry_limit{300'000};
  std::function<void(std::string_view loop)> beat = [](std::string_view) {};
};

class Scheduler {
 public:
  Scheduler(std::vector<PeriodicTask> tasks, SchedulerOptions options, const Observer& observer);
  ~Scheduler();  // stop()
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  void start();
  // Waits for a task under way.
  void stop();
  // Everything is due now.
  void run_all_soon();

 private:
  struct Slot {
    PeriodicTask task;
    std::chrono::steady_clock::time_point due;
    int failures = 0;
  };
  void loop(const std::stop_token& stop);
  void run_one(Slot& slot);
  std::chrono::milliseconds wait_after(const Slot& slot);

  SchedulerOptions options_;
  const Observer& observer_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Slot> slots_;
  bool all_due_ = false;
  std::mt19937_64 random_{std::random_device{}()};
  std::jthread thread_;
};

}  // namespace c360::daemon
