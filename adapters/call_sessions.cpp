#include "adapters/call_sessions.h"

#include <utility>

namespace c360::adapters {

CallSessions::Session CallSessions::borrow(std::chrono::milliseconds wait) {
  std::unique_lock lock{mutex_};
  const std::uint64_t before = interruptions_;
  const bool free = changed_.wait_for(
      lock, wait, [&] { return interruptions_ != before || busy_.size() < limit_; });
  if (!free || interruptions_ != before) return {nullptr, {this}};
  std::unique_ptr<HttpClient> client;
  if (idle_.empty()) {
    client = connect_();
  } else {
    client = std::move(idle_.back());
    idle_.pop_back();
  }
  busy_.insert(client.get());
  return {client.release(), {this}};
}

bool CallSessions::pause(std::chrono::milliseconds wait) {
  std::unique_lock lock{mutex_};
  const std::uint64_t before = interruptions_;
  return !changed_.wait_for(lock, wait, [&] { return interruptions_ != before; });
}

void CallSessions::interrupt() {
  const std::scoped_lock lock{mutex_};
  ++interruptions_;
  for (HttpClient* client : busy_) client->cancel();
  ended_ = busy_;
  changed_.notify_all();
}

void CallSessions::give_back(HttpClient* client) {
  std::unique_ptr<HttpClient> owned(client);
  const std::scoped_lock lock{mutex_};
  busy_.erase(client);
  if (ended_.erase(client) == 0) idle_.push_back(std::move(owned));
  changed_.notify_all();
}

}  // namespace c360::adapters
