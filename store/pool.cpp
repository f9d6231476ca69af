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

// One thread in the line. Shared, since who serves it wakes it after letting the lock go.
struct ConnectionPool::Waiter {
  std::condition_variable woken;
  std::unique_ptr<Connection> connection;  // null once served: it may open one of its own
  bool served = false;
};

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
      waiters_(observer.metrics().gauge(Metric::database_waiters, {name})),
      waits_(observer.metrics().histogram(Metric::database_waits_seconds, {name})),
      options_(std::move(options)) {
  show();
}

Result<std::unique_ptr<Connection>> ConnectionPool::take() {
  const auto began = steady_clock::now();
  std::unique_lock lock(mutex_);
  auto place = wait_for_place(lock);
  show();
  lock.unlock();
  waits_.observe(std::chrono::duration<double>(steady_clock::now() - began).count());
  if (!place) return std::unexpected(place.error());
  // The server may have ended what lay idle; that is not asked of one that has just answered.
  while (place->connection && place->lay_idle && !place->connection->idle_and_quiet()) {
    const std::unique_ptr<Connection> ended = std::move(place->connection);
    lock.lock();
    forget(*ended);
    if (!idle_.empty()) {
      place->connection = std::move(idle_.back());
      idle_.pop_back();
      --open_;
    }
    lock.unlock();
  }
  if (place->connection) return std::move(place->connection);
  return open_in_place();
}

Result<ConnectionPool::Place> ConnectionPool::wait_for_place(std::unique_lock<std::mutex>& lock) {
  if (stopping_) return stopping_error();
  if (!idle_.empty()) {
    Place place{.connection = std::move(idle_.back()), .lay_idle = true};
    idle_.pop_back();
    return place;
  }
  if (open_ < options_.size) {
    ++open_;
    return Place{};
  }
  const auto self = std::make_shared<Waiter>();
  line_.push_back(self);
  show();
  self->woken.wait_until(lock, steady_clock::now() + options_.wait_timeout,
                         [&] { return stopping_ || self->served; });
  if (self->served && !stopping_) return Place{.connection = std::move(self->connection)};
  if (self->served) {
    if (self->connection) forget(*self->connection);
    vacate();  // all of the line are awake
  } else {
    std::erase(line_, self);
  }
  if (stopping_) return stopping_error();
  auto busy =
      fail(ErrorCode::unavailable,
           "All " + std::to_string(open_) + " database connections are in use.", "pool_exhausted");
  busy.error().retry_after = std::chrono::seconds(1);
  return busy;
}

Result<std::unique_ptr<Connection>> ConnectionPool::open_in_place() {
  std::unique_lock lock(mutex_);
  Result<std::unique_ptr<Connection>> opened;
  if (refusal_ && steady_clock::now() < refused_until_) {
    opened = std::unexpected(*refusal_);
  } else {
    const ConnectionOptions options = options_.connection;
    lock.unlock();
    const auto dialed = steady_clock::now();
    opened = open(options);
    lock.lock();
    if (opened && !stopping_) {
      refusal_.reset();
      cancellers_.insert((*opened)->canceller());
      return opened;
    }
    if (stopping_) {
      opened = stopping_error();
    } else if (steady_clock::now() - dialed > kSlowRefusal) {
      refusal_ = opened.error();
      refused_until_ = steady_clock::now() + kRefusalKept;
    }
  }
  const auto next = vacate();
  lock.unlock();
  wake(next);
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
  std::unique_lock lock(mutex_);
  // Whether it is quiet too, take() will see.
  const bool keep = !stopping_ && connection->idle() &&
                    connection->options() == options_.connection && open_ <= options_.size;
  if (!keep) forget(*connection);
  const auto next = keep ? hand_on(std::move(connection)) : vacate();
  lock.unlock();
  wake(next);
}

void ConnectionPool::reconfigure(PoolOptions options) {
  std::vector<std::unique_ptr<Connection>> ended;
  const std::scoped_lock lock(mutex_);
  const bool other = !(options.connection == options_.connection);
  options_ = std::move(options);
  while (!idle_.empty() && (other || open_ > options_.size)) {
    ended.push_back(std::move(idle_.back()));
    idle_.pop_back();
    forget(*ended.back());
    --open_;
  }
  while (open_ < options_.size && !line_.empty()) {
    ++open_;
    wake(hand_on(nullptr));
  }
  refusal_.reset();
  show();
}

void ConnectionPool::shut_down() {
  std::vector<std::unique_ptr<Connection>> ended;
  std::set<std::shared_ptr<const Canceller>> running;
  {
    const std::scoped_lock lock(mutex_);
    for (auto& each : idle_) forget(*each);
    open_ -= idle_.size();
    ended = std::exchange(idle_, {});
    running = cancellers_;
    for (const auto& each : std::exchange(line_, {})) wake(each);
    show();
  }
  // Canceling talks to the server: not under the lock.
  for (const auto& canceller : running) canceller->cancel();
}

std::shared_ptr<ConnectionPool::Waiter> ConnectionPool::hand_on(
    std::unique_ptr<Connection> connection) {
  if (line_.empty()) {
    idle_.push_back(std::move(connection));
    show();
    return nullptr;
  }
  auto next = std::move(line_.front());
  line_.pop_front();
  show();
  next->connection = std::move(connection);
  next->served = true;
  return next;
}

// A place is free: for the first of the line, who opens a connection of his own in it.
std::shared_ptr<ConnectionPool::Waiter> ConnectionPool::vacate() {
  if (!line_.empty() && open_ <= options_.size && !stopping_) return hand_on(nullptr);
  --open_;
  show();
  return nullptr;
}

void ConnectionPool::wake(const std::shared_ptr<Waiter>& waiter) {
  if (waiter) waiter->woken.notify_one();
}

void ConnectionPool::forget(const Connection& connection) {
  cancellers_.erase(connection.canceller());
}

void ConnectionPool::show() {
  idle_gauge_.set(static_cast<double>(idle_.size()));
  busy_gauge_.set(static_cast<double>(open_ - idle_.size()));
  waiters_.set(static_cast<double>(line_.size()));
}

}  // namespace c360::store
