// A value that is replaced as a whole while others read it. Readers keep what they took for as
// long as they need it. A mutex, because std::atomic<std::shared_ptr> of GCC 12 races under TSan.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace c360 {

template <typename T>
class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<const T> value) : value_(std::move(value)) {}

  std::shared_ptr<const T> get() const {
    const std::scoped_lock lock{mutex_};
    return value_;
  }
  // Returns what was there before, so that its destructor runs outside the lock.
  std::shared_ptr<const T> swap(std::shared_ptr<const T> value) {
    const std::scoped_lock lock{mutex_};
    return std::exchange(value_, std::move(value));
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

}  // namespace c360
