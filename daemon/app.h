// The daemon from start to stop: builds the parts in order, supervises, ends them in reverse.
//
// The main thread waits in one poll(2) for signals, changed files, reload requests and time; it
// alone starts, replaces and stops parts.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/retry.h"
#include "daemon/cli.h"
#include "daemon/file_watch.h"
#include "daemon/parts.h"
#include "daemon/reloader.h"
#include "daemon/service_manager.h"

namespace c360::daemon {

class App {
 public:
  // The handled signals must be blocked already (block_handled_signals()).
  App(const std::string& config_file, Config config, std::shared_ptr<const parsers::RuleSet> rules);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // Returns when the daemon has stopped.
  ExitCode run();

 private:
  using Time = std::chrono::steady_clock::time_point;

  Result<void> open_listeners();
  // Asks the database once; starts what stands on it when it fits. An exit code when it never will.
  std::optional<ExitCode> try_to_serve();
  std::optional<ExitCode> begin_serving();
  void wait_for_database(const std::string& why);
  // One turn of the loop: waits, acts. False when it is time to stop.
  bool turn();
  void note_change();
  void read_signals(bool& stop);
  void reload(std::string_view trigger);
  void watch_files();
  void feed_watchdog();
  std::chrono::milliseconds until_next_deadline() const;
  ExitCode stop(ExitCode code);

  SignalReader signals_;
  FileWatch files_;
  ServiceManager service_;
  Parts parts_;
  Reloader reloader_;

  bool serving_ = false;
  std::optional<Time> next_database_try_ = Time{};
  Time change_seen_{};
  std::optional<Time> reload_due_;  // a watched file changed; the time the change settles
  Time next_watchdog_{};
  std::string reported_silence_;
  Backoff database_backoff_;
  std::optional<ExitCode> ending_;
};

}  // namespace c360::daemon
