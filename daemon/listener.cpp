#include "daemon/listener.h"

#include <algorithm>

#include "api/problem.h"
#include "api/request.h"

namespace c360::daemon {

namespace {

// A client that keeps its connection learns with its next answer that the server goes away. Ended
// at once, its next request might already be on the way.
constexpr std::chrono::milliseconds kIdleGrace{5'000};

// One connection's thread serves one request at a time: what handle() took is still the right one
// in finished(), also when the gate got another router in between.
thread_local std::shared_ptr<api::Handler> serving;

}  // namespace

Listener::Listener(api::Handler& handler, const Observer& observer)
    : handler_(handler), observer_(observer) {}

Listener::~Listener() { stop(std::chrono::seconds{10}); }

Result<std::unique_ptr<api::HttpServer>> Listener::prepare(const api::ServerOptions& options) {
  api::ServerOptions wanted = options;
  const bool same_place =
      current_ && options.host == options_.host &&
      (options.port == options_.port || (options.port != 0 && options.port == current_->port()));
  if (same_place) wanted.listening_socket = current_->listening_socket();
  auto server = std::make_unique<api::HttpServer>(std::move(wanted), handler_, observer_);
  if (auto listens = server->listen(); !listens) return std::unexpected(listens.error());
  return server;
}

void Listener::adopt(std::unique_ptr<api::HttpServer> next, const api::ServerOptions& options,
                     std::chrono::milliseconds grace) {
  next->serve();
  const bool same_place = next->shares_socket();
  std::shared_ptr<api::HttpServer> former;
  {
    const std::scoped_lock lock{mutex_};
    former = std::exchange(current_, std::move(next));
  }
  options_ = options;
  reap();
  if (!former) return;
  former->stop_accepting(same_place);
  auto done = std::make_shared<std::atomic<bool>>(false);
  retired_.push_back({former, done, std::jthread([former, grace, done] {
                        former->stop(grace, std::min(grace, kIdleGrace));
                        *done = true;
                      })});
}

bool Listener::stop(std::chrono::milliseconds grace) {
  const bool clean = !current_ || current_->stop(grace);
  {
    const std::scoped_lock lock{mutex_};
    current_.reset();
  }
  for (const Retired& retired : retired_) retired.server->end_idle();
  retired_.clear();  // joins; each began its own grace earlier
  return clean;
}

std::uint16_t Listener::port() const {
  const std::scoped_lock lock{mutex_};
  return current_ ? current_->port() : 0;
}

void Listener::reap() {
  std::erase_if(retired_, [](const Retired& retired) { return retired.done->load(); });
}

Gate::Gate(std::string reason) : reason_(std::move(reason)) {}

void Gate::open(std::shared_ptr<api::Handler> handler) {
  const std::scoped_lock lock{mutex_};
  handler_.swap(handler);
}

void Gate::close(std::string reason) {
  std::shared_ptr<api::Handler> former;
  const std::scoped_lock lock{mutex_};
  former.swap(handler_);
  reason_ = std::move(reason);
}

void Gate::handle(api::Request& request, api::Response& response) {
  std::string reason;
  {
    const std::scoped_lock lock{mutex_};
    serving = handler_;
    reason = reason_;
  }
  if (serving) {
    serving->handle(request, response);
    return;
  }
  Error error{ErrorCode::unavailable, reason, "starting", {}, std::chrono::seconds{2}};
  api::write_problem(response, error, {request.path, request.request_id});
}

void Gate::finished(const api::Request& request, const api::Response& response,
                    std::chrono::nanoseconds took) {
  if (serving) serving->finished(request, response, took);
  serving.reset();
}

}  // namespace c360::daemon
