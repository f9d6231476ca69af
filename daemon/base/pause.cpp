#include "daemon/base/pause.h"

#include <condition_variable>
#include <mutex>

namespace c360 {

bool pause(std::chrono::milliseconds wait, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock{mutex};
  never.wait_for(lock, stop, wait, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace c360
