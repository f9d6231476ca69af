// Who is alive: every loop of the daemon reports here, and the systemd watchdog is fed only while
// none of them has been silent for longer than its limit.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"

namespace c360::daemon {

// Any thread. A loop is known from its first beat (or expect()) until it retires.
class Heartbeats {
 public:
  // `limit`: how long a loop may be silent unless it asked for another limit.
  Heartbeats(const Clock& clock, std::chrono::milliseconds limit) : clock_(clock), limit_(limit) {}

  void beat(std::string_view loop);
  // The loop has its own limit from now on; counts as a beat.
  void expect(std::string_view loop, std::chrono::milliseconds limit);
  // The loop ended on purpose.
  void retire(std::string_view loop);
  // For loops without a limit of their own, after a reload.
  void set_limit(std::chrono::milliseconds limit);

  // The loops that have been silent for too long, by name; empty: feed the watchdog.
  std::vector<std::string> silent() const;

 private:
  struct Loop {
    std::chrono::steady_clock::time_point last;
    std::chrono::milliseconds limit{0};  // 0: the common one
  };
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::chrono::milliseconds limit_;
  std::map<std::string, Loop, std::less<>> loops_;
};

}  // namespace c360::daemon
