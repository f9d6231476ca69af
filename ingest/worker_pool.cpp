#include "ingest/worker_pool.h"

#include <algorithm>

namespace c360::ingest {

WorkerPool::WorkerPool(std::size_t threads) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
}

WorkerPool::~WorkerPool() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

void WorkerPool::post(std::function<void()> task) {
  {
    const std::scoped_lock lock{mutex_};
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void WorkerPool::run(const std::stop_token& stop) {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, stop, [&] { return !tasks_.empty(); });
      if (tasks_.empty()) return;  // stopped, and nothing is left
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace c360::ingest
