#include "daemon/scheduler.h"

#include <algorithm>
#include <cstdint>

namespace c360::daemon {

namespace {

constexpr std::string_view kLoop = "scheduler";
// So that the watchdog hears of the loop while nothing is due.
constexpr std::chrono::seconds kLongestWait{5};

}  // namespace

Scheduler::Scheduler(std::vector<PeriodicTask> tasks, SchedulerOptions options,
                     const Observer& observer)
    : options_(std::move(options)), observer_(observer) {
  for (PeriodicTask& task : tasks)
    slots_.push_back({std::move(task), std::chrono::steady_clock::now(), 0});
}

Scheduler::~Scheduler() { stop(); }

void Scheduler::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { loop(stop); });
}

void Scheduler::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  changed_.notify_all();
  thread_.join();
}

void Scheduler::run_all_soon() {
  const std::scoped_lock lock{mutex_};
  all_due_ = true;
  changed_.notify_all();
}

void Scheduler::loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    options_.beat(kLoop);
    const auto next = std::ranges::min_element(slots_, {}, &Slot::due);
    const auto now = std::chrono::steady_clock::now();
    const auto due = next == slots_.end() ? now + kLongestWait : next->due;
    if (due > now) {
      std::unique_lock lock{mutex_};
      changed_.wait_until(lock, stop, std::min(due, now + kLongestWait),
                          [this] { return all_due_; });
      if (all_due_)
        for (Slot& slot : slots_) slot.due = now;
      all_due_ = false;
      continue;
    }
    run_one(*next);
    next->due = std::chrono::steady_clock::now() + wait_after(*next);
  }
}

void Scheduler::run_one(Slot& slot) {
  Result<void> done;
  try {
    done = slot.task.run();
  } catch (const std::exception& error) {
    done = fail(ErrorCode::internal, error.what());
  }
  if (done) {
    slot.failures = 0;
    return;
  }
  ++slot.failures;
  // A database that is away is told of once, by the layer that found it.
  const bool away = done.error().code == ErrorCode::unavailable;
  observer_.observe_at(away ? LogLevel::debug : LogLevel::error, event::task_failed,
                       {{"task", slot.task.name},
                        {"code", to_string(done.error().code)},
                        {"detail", done.error().detail}});
}

std::chrono::milliseconds Scheduler::wait_after(const Slot& slot) {
  std::chrono::milliseconds wait = slot.task.period;
  if (slot.failures > 0) {
    constexpr int kMostDoublings = 10;
    wait = options_.retry_first * (1 << std::min(slot.failures - 1, kMostDoublings));
    wait = std::min({wait, options_.retry_limit, std::chrono::milliseconds(slot.task.period)});
  }
  std::uniform_real_distribution<double> part{1.0 - options_.jitter, 1.0};
  return std::chrono::milliseconds{
      static_cast<std::int64_t>(static_cast<double>(wait.count()) * part(random_))};
}

}  // namespace c360::daemon
