#include "daemon/heartbeats.h"

namespace c360::daemon {

void Heartbeats::beat(std::string_view loop) {
  const auto now = clock_.steady();
  const std::scoped_lock lock{mutex_};
  const auto found = loops_.find(loop);
  if (found == loops_.end()) {
    loops_.emplace(loop, Loop{now, {}});
  } else {
    found->second.last = now;
  }
}

void Heartbeats::expect(std::string_view loop, std::chrono::milliseconds limit) {
  const auto now = clock_.steady();
  const std::scoped_lock lock{mutex_};
  loops_[std::string(loop)] = Loop{now, limit};
}

void Heartbeats::retire(std::string_view loop) {
  const std::scoped_lock lock{mutex_};
  if (const auto found = loops_.find(loop); found != loops_.end()) loops_.erase(found);
}

void Heartbeats::set_limit(std::chrono::milliseconds limit) {
  const std::scoped_lock lock{mutex_};
  limit_ = limit;
}

std::vector<std::string> Heartbeats::silent() const {
  const auto now = clock_.steady();
  std::vector<std::string> names;
  const std::scoped_lock lock{mutex_};
  for (const auto& [name, loop] : loops_) {
    const auto limit = loop.limit.count() > 0 ? loop.limit : limit_;
    if (now - loop.last > limit) names.push_back(name);
  }
  return names;
}

}  // namespace c360::daemon
