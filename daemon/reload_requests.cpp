#include "daemon/reload_requests.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

#include "daemon/base/json.h"

namespace c360::daemon {

namespace {

constexpr std::array<std::string_view, 3> kResultNames = {"applied", "unchanged", "refused"};

void write_problems(JsonWriter& writer, std::string_view key,
                    const std::vector<FileProblem>& problems) {
  writer.key(key).begin_array();
  for (const FileProblem& problem : problems)
    writer.begin_object()
        .member("file", problem.file)
        .member("line", static_cast<std::int64_t>(problem.position.line))
        .member("column", static_cast<std::int64_t>(problem.position.column))
        .member("detail", problem.detail)
        .end_object();
  writer.end_array();
}

}  // namespace

std::string_view to_string(ReloadResult result) {
  return kResultNames[static_cast<std::size_t>(result)];
}

std::string ReloadAnswer::to_json() const {
  JsonWriter writer;
  writer.begin_object()
      .member("result", to_string(result))
      .member("generation", generation)
      .member("hash", hash);
  writer.key("changed").begin_array();
  for (const std::string& key : changed) writer.string(key);
  writer.end_array();
  write_problems(writer, "problems", problems);
  write_problems(writer, "warnings", warnings);
  writer.end_object();
  return writer.take();
}

ReloadRequests::ReloadRequests() : descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

ReloadRequests::~ReloadRequests() {
  close();
  ::close(descriptor_);
}

std::optional<ReloadAnswer> ReloadRequests::ask(std::chrono::milliseconds limit) {
  std::future<std::optional<ReloadAnswer>> answer;
  {
    const std::scoped_lock lock{mutex_};
    if (closed_) return std::nullopt;
    answer = waiting_.emplace_back().get_future();
  }
  const std::uint64_t one = 1;
  // An eventfd takes eight bytes or the count is full: then it is readable anyway.
  (void)!write(descriptor_, &one, sizeof one);
  if (answer.wait_for(limit) != std::future_status::ready) return std::nullopt;
  return answer.get();
}

bool ReloadRequests::pending() {
  std::uint64_t count = 0;
  return read(descriptor_, &count, sizeof count) == sizeof count;
}

void ReloadRequests::answer(const ReloadAnswer& answer) {
  std::vector<std::promise<std::optional<ReloadAnswer>>> waiting;
  {
    const std::scoped_lock lock{mutex_};
    waiting.swap(waiting_);
  }
  for (auto& promise : waiting) promise.set_value(answer);
}

void ReloadRequests::close() {
  std::vector<std::promise<std::optional<ReloadAnswer>>> waiting;
  {
    const std::scoped_lock lock{mutex_};
    closed_ = true;
    waiting.swap(waiting_);
  }
  for (auto& promise : waiting) promise.set_value(std::nullopt);
}

}  // namespace c360::daemon
