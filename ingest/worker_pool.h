// A few threads that work off tasks in order of arrival: where mail is read and applied.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace c360::ingest {

// Any thread may submit. The destructor finishes what was submitted.
class WorkerPool {
 public:
  explicit WorkerPool(std::size_t threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  template <typename Work>
  auto submit(Work work) -> std::future<std::invoke_result_t<Work>> {
    using Answer = std::invoke_result_t<Work>;
    auto task = std::make_shared<std::packaged_task<Answer()>>(std::move(work));
    auto future = task->get_future();
    post([task] { (*task)(); });
    return future;
  }

 private:
  void post(std::function<void()> task);
  void run(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::jthread> threads_;
};

}  // namespace c360::ingest
