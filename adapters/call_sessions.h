// The connections of a service that jobs call: at most so many at a time, kept between calls, and
// all calls under way ended when those who made them are to stop. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "adapters/http_client.h"

namespace c360::adapters {

class CallSessions {
 public:
  using Connect = std::function<std::unique_ptr<HttpClient>()>;
  CallSessions(Connect connect, std::size_t limit) : connect_(std::move(connect)), limit_(limit) {}
  CallSessions(const CallSessions&) = delete;
  CallSessions& operator=(const CallSessions&) = delete;

  struct GiveBack {
    CallSessions* sessions = nullptr;
    void operator()(HttpClient* client) const { sessions->give_back(client); }
  };
  using Session = std::unique_ptr<HttpClient, GiveBack>;
  // Null: none was free for so long, or interrupted. The sessions outlive what they lend.
  Session borrow(std::chrono::milliseconds wait);
  // False when interrupted.
  bool pause(std::chrono::milliseconds wait);
  // Ends the calls under way and whatever waits; later ones are made as ever.
  void interrupt();

 private:
  void give_back(HttpClient* client);

  const Connect connect_;
  const std::size_t limit_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<std::unique_ptr<HttpClient>> idle_;
  std::set<HttpClient*> busy_;
  std::set<HttpClient*> ended_;  // of the busy ones: of no more use
  std::uint64_t interruptions_ = 0;
};

}  // namespace c360::adapters
