// Periodic tasks on one thread. A task of scope `cluster` runs in one of all daemons per period:
// the claim in ops.schedule decides, by the database's clock; after a downtime there is one run,
// not one per missed period. A failed run backs off and is tried again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/event.h"

namespace c360::daemon {

enum class TaskScope : std::uint8_t {
  daemon,   // every daemon for itself, such as its own gauges
  cluster,  // one of all daemons
};

struct PeriodicTask {
  std::string name;  // [a-z_]+, the key in ops.schedule
  std::chrono::seconds period{60};
  TaskScope scope = TaskScope::daemon;
  std::function<Result<void>()> run;
};

struct SchedulerOptions {
  double jitter = 0.1;  // a wait is uniform in [period * (1 - jitter), period]
  std::chrono::milliseconds retry_first{5'000};
  std::chrono::milliseconds retry_limit{300'000};
  // Takes the run of `task` that is due now; none when it is not due or another daemon does it.
  std::function<Result<std::optional<std::int64_t>>(const PeriodicTask& task)> claim;
  // Notes how the claimed run ended.
  std::function<Result<void>(std::int64_t run, const Result<void>& outcome)> finish;
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
  Result<void> run_claimed(const PeriodicTask& task);
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
