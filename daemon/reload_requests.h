// How another thread asks the main thread for a reload and learns what became of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/toml.h"

namespace c360::daemon {

enum class ReloadResult : std::uint8_t { applied, unchanged, refused };
std::string_view to_string(ReloadResult result);

// What one reload did, for the log, the metrics and whoever asked.
struct ReloadAnswer {
  ReloadResult result = ReloadResult::refused;
  std::vector<std::string> changed;   // settings, and "rules"; applied only
  std::vector<FileProblem> problems;  // refused only: every mistake
  std::vector<FileProblem> warnings;
  std::int64_t generation = 0;  // of the configuration in force
  std::string hash;             // of the configuration in force, hex

  std::string to_json() const;
};

class ReloadRequests {
 public:
  ReloadRequests();  // throws std::system_error when the kernel gives no descriptor
  ~ReloadRequests();
  ReloadRequests(const ReloadRequests&) = delete;
  ReloadRequests& operator=(const ReloadRequests&) = delete;

  // Any thread but the main one. Waits for the answer; ready without a value after close() and
  // for an answer that takes longer than `limit`.
  std::optional<ReloadAnswer> ask(std::chrono::milliseconds limit);

  // Main thread.
  int descriptor() const { return descriptor_; }  // readable when somebody asks
  bool pending();                                 // takes the hint away
  void answer(const ReloadAnswer& answer);        // all who asked before pending()
  void close();                                   // nobody is answered any more

 private:
  int descriptor_ = -1;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<std::promise<std::optional<ReloadAnswer>>> waiting_;
};

}  // namespace c360::daemon
