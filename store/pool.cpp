#include "store/pool.h"

#include <utility>

namespace c360::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kSlowRefusal{500};
constexpr milliseconds kRefusalKept{1'000};

std::unexpected<Error> stopping_error() {
  return fail(ErrorCode::unavailable, "The service is stopping.", "shutting_down");
}

}  // namespace

void DatabaseHealth::connected(const Connection& connection) {
  if (!ever_connected_.exchange(true)) {
    observer_.observe(event::database_connected,
                      {{"server", connection.server()}, {"version", connection.server_version()}});
  }
  answered();
}

void DatabaseHealth::answered() {
  if (!healthy_.load(std::memory_order_relaxed) && !healthy_.exchange(true)) {
    observer_.observe(event::database_recovered);
  }
}

void DatabaseHealth::away(const Error& error) {
  if (healthy_.exchange(false)) {
    observer_.observe(event::database_unavailable,
                      {{"reason", error.reason}, {"detail", error.detail}});
  }
}

ConnectionPool::ConnectionPool(std::string_view name, PoolOptions options, const Observer& observer,
                               DatabaseHealth& health, const std::atomic<bool>& stopping)
    : health_(health),
      stopping_(stopping),
      idle_gauge_(observer.metrics().gauge(Metric::database_connections, {name, "idle"})),
      busy_gauge_(observer.metrics().gauge(Metric::database_connections, {name, "busy"})),
      waits_(observer.metrics().histogram(Metric::database_waits_seconds, {name})),
      options_(std::move(options)) {
  show();
}

Result<std::unique_ptr<Connection>> ConnectionPool::take() {
  const auto began = steady_clock::now();
  std::unique_lock lock(mutex_);
  const bool got = freed_.wait_until(lock, began + options_.wait_timeout, [&] {
    return stopping_ || !idle_.empty() || open_ < options_.size;
  });
  waits_.observe(std::chrono::duration<double>(steady_clock::now() - began).count());
  if (stopping_) return stopping_error();
  if (!got) {
    auto busy = fail(ErrorCode::unavailable,
                     "All " + std::to_string(open_) + " database connections are in use.",
                     "pool_exhausted");
    busy.error().retry_after = std::chrono::seconds(1);
    return busy;
  }
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->idle_and_quiet()) {
      busy_.insert(connection->canceller());
      show();
      return connection;
    }
    left();
  }
  if (refusal_ && steady_clock::now() < refused_until_) return std::unexpected(*refusal_);
  ++open_;
  const ConnectionOptions options = options_.connection;
  lock.unlock();

  const auto dialed = steady_clock::now();
  auto opened = open(options);
  lock.lock();
  if (opened && !stopping_) {
    refusal_.reset();
    busy_.insert((*opened)->canceller());
    show();
    return opened;
  }
  left();
  if (stopping_) return stopping_error();
  if (steady_clock::now() - dialed > kSlowRefusal) {
    refusal_ = opened.error();
    refused_until_ = steady_clock::now() + kRefusalKept;
  }
  return opened;
}

Result<std::unique_ptr<Connection>> ConnectionPool::open(const ConnectionOptions& options) {
  auto opened = Connection::open(options);
  if (opened) {
    health_.connected(**opened);
  } else {
    health_.away(opened.error());
  }
  return opened;
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection) {
  const std::scoped_lock lock(mutex_);
  busy_.erase(connection->canceller());
  // Whether it is quiet too, take() will see.
  const bool keep = !stopping_ && connection->idle() &&
                    connection->options() == options_.connection && open_ <= options_.size;
  if (keep) {
    idle_.push_back(std::move(connection));
    show();
  } else {
    left();
  }
  freed_.notify_one();
}

void ConnectionPool::reconfigure(PoolOptions options) {
  const std::scoped_lock lock(mutex_);
  const bool other = !(options.connection == options_.connection);
  options_ = std::move(options);
  while (!idle_.empty() && (other || open_ > options_.size)) {
    idle_.pop_back();
    left();
  }
  refusal_.reset();
  freed_.notify_all();
}

void ConnectionPool::shut_down() {
  std::set<std::shared_ptr<const Canceller>> running;
  {
    const std::scoped_lock lock(mutex_);
    running = busy_;
    while (!idle_.empty()) {
      idle_.pop_back();
      left();
    }
    freed_.notify_all();
  }
  // Canceling talks to the server: not under the lock.
  for (const auto& canceller : running) canceller->cancel();
}

void ConnectionPool::left() {
  --open_;
  show();
}

void ConnectionPool::show() {
  idle_gauge_.set(static_cast<double>(idle_.size()));
  busy_gauge_.set(static_cast<double>(open_ - idle_.size()));
}

}  // namespace c360::store
