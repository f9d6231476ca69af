// The conversation with systemd (sd_notify(3)), and signals as something to read.
//
// READY=1 is sent once the database has passed its first check and every listener is bound. While
// the database is away at start the daemon keeps trying and is not ready: it says so in STATUS= and
// asks for more time with EXTEND_TIMEOUT_USEC=, so that systemd neither kills nor restarts it.
// Without $NOTIFY_SOCKET every call does nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/error.h"

namespace c360::daemon {

class ServiceManager {
 public:
  ServiceManager();  // reads $NOTIFY_SOCKET and $WATCHDOG_USEC

  // A sentence for `systemctl status`; also asks for `extend` more of start-up time when not 0.
  void status(std::string_view text, std::chrono::seconds extend = {}) const;
  void ready(std::string_view text) const;
  // RELOADING=1 with MONOTONIC_USEC; ready() ends it, also when the reload was refused.
  void reloading() const;
  void stopping() const;
  void feed_watchdog() const;
  // How often to feed it: half of WatchdogSec. None where there is no watchdog.
  std::optional<std::chrono::milliseconds> watchdog_interval() const { return interval_; }

 private:
  std::optional<std::chrono::milliseconds> interval_;
};

// Blocks the signals the daemon handles, and ignores SIGPIPE and SIGXFSZ, whose causes write(2)
// tells as well. First thing in main: threads inherit the mask.
void block_handled_signals();

// Whoever starts us may have closed standard input, output or error: the next file or socket opened
// would take its number, and what is printed would be written there. First thing in main.
void fill_standard_descriptors();

enum class Signal : std::uint8_t { reload, stop };

// SIGHUP, SIGTERM and SIGINT through signalfd(2). Owned by the main thread.
class SignalReader {
 public:
  SignalReader();  // throws std::system_error when the kernel gives no descriptor
  ~SignalReader();
  SignalReader(const SignalReader&) = delete;
  SignalReader& operator=(const SignalReader&) = delete;

  int descriptor() const { return descriptor_; }  // readable when there is a signal
  // The next pending one; never blocks.
  std::optional<Signal> next() const;

 private:
  int descriptor_ = -1;
};

}  // namespace c360::daemon
