// A listener that changes its address, certificate or limits while requests flow.
//
// A new server listens before the old one leaves; on the same address it takes over the listening
// socket itself, so that no connection in the kernel's queue is lost. From adopt() on every new
// connection is the new one's: its certificate, its limits. The old one finishes its requests in
// the background.
#pragma once

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "api/server.h"
#include "daemon/base/error.h"
#include "daemon/base/event.h"

namespace c360::daemon {

// Main thread only, but for port() and connections().
class Listener {
 public:
  // `handler` and `observer` outlive the listener.
  Listener(api::Handler& handler, const Observer& observer);
  ~Listener();  // stop()
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // A server with `options`, listening and not yet accepting. What runs is not touched; dropping
  // the result ends it again. Fails as HttpServer::listen does.
  Result<std::unique_ptr<api::HttpServer>> prepare(const api::ServerOptions& options);
  // The prepared server is the listener from now on; the former one gives its address up (or over)
  // before this returns, and has `grace` for what is under way.
  void adopt(std::unique_ptr<api::HttpServer> next, const api::ServerOptions& options,
             std::chrono::milliseconds grace);
  // Accepts no more and waits for what is under way, at most `grace`. True when nothing was broken.
  bool stop(std::chrono::milliseconds grace);

  std::uint16_t port() const;

 private:
  struct Retired {
    std::shared_ptr<api::HttpServer> server;
    std::shared_ptr<std::atomic<bool>> done;
    std::jthread thread;
  };
  void reap();

  api::Handler& handler_;
  const Observer& observer_;
  mutable std::mutex mutex_;  // guards current_ against port()
  std::unique_ptr<api::HttpServer> current_;
  api::ServerOptions options_;
  std::list<Retired> retired_;
};

// What the API listener calls until everything behind it is ready: 503 with the reason. Then the
// router in force; a request keeps the router it began with.
class Gate final : public api::Handler {
 public:
  explicit Gate(std::string reason);
  void open(std::shared_ptr<api::Handler> handler);
  void close(std::string reason);

  void handle(api::Request& request, api::Response& response) override;
  void finished(const api::Request& request, const api::Response& response,
                std::chrono::nanoseconds took) override;

 private:
  std::mutex mutex_;
  std::shared_ptr<api::Handler> handler_;
  std::string reason_;
};

}  // namespace c360::daemon
