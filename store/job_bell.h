// Rings when there may be work: LISTEN on a connection of its own, so that a new job starts at once
// and nobody asks again and again.
//
// Where it cannot listen (behind pgBouncer in transaction mode, or while the database is away) it
// rings by itself every kBellFallback. One thread waits; ring() is for any thread.
#pragma once

#include <chrono>
#include <memory>

#include "store/connection_options.h"
#include "store/database.h"

namespace c360::store {

inline constexpr std::chrono::milliseconds kBellFallback{2'000};

class JobBell {
 public:
  explicit JobBell(const DatabaseOptions& options);
  ~JobBell();
  JobBell(const JobBell&) = delete;
  JobBell& operator=(const JobBell&) = delete;

  // Returns when a job was committed, ring() was called, or after `limit`. The first call connects;
  // one that connects anew returns at once, because nobody listened meanwhile.
  void wait(std::chrono::milliseconds limit);
  // Ends the wait under way, or the next one.
  void ring();
  bool listens() const;  // false: by time only

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace c360::store
