#include "adapters/helper_renderer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "daemon/base/text.h"

namespace c360::adapters {
namespace {

using std::chrono::steady_clock;

std::unexpected<Error> renderer_away(const std::string& path, std::string_view what) {
  return fail(ErrorCode::unavailable,
              "The renderer of documents at " + path + " cannot be used: " + std::string(what) +
                  ". Is client360-render.socket started, or the helper installed?",
              "renderer_away");
}

class FileHandle {
 public:
  explicit FileHandle(int number = -1) : number_(number) {}
  ~FileHandle() { close(); }
  FileHandle(FileHandle&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileHandle& operator=(FileHandle&&) = delete;
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;

  int get() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

// A helper that talks through `socket`; a child is gone with the object.
class Helper {
 public:
  Helper(FileHandle socket, pid_t child) : socket_(std::move(socket)), child_(child) {}
  Helper(Helper&& other) noexcept
      : socket_(std::move(other.socket_)), child_(std::exchange(other.child_, -1)) {}
  Helper& operator=(Helper&&) = delete;
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() {
    if (child_ < 0) return;
    ::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  int socket() const { return socket_.get(); }

 private:
  FileHandle socket_;
  pid_t child_;
};

Result<Helper> connect_helper(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return renderer_away(path, "the path is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  FileHandle socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0 ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return renderer_away(path, std::strerror(errno));
  }
  return Helper(std::move(socket), -1);
}

// With no signal blocked, no file but the socket, and an environment that says nothing.
Result<Helper> start_helper(const std::string& path) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return renderer_away(path, std::strerror(errno));
  }
  FileHandle ours(pair[0]);
  FileHandle theirs(pair[1]);
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, theirs.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, theirs.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string program = path;
  std::string home = "HOME=/nonexistent";
  std::string language = "LANG=C.UTF-8";
  const std::array<char*, 2> arguments{program.data(), nullptr};
  const std::array<char*, 3> environment{home.data(), language.data(), nullptr};
  pid_t child = -1;
  const int error = ::posix_spawn(&child, path.c_str(), &files, &attributes, arguments.data(),
                                  environment.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return renderer_away(path, std::strerror(error));
  return Helper(std::move(ours), child);
}

Result<Helper> reach_helper(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return renderer_away(path, std::strerror(errno));
  return S_ISSOCK(found.st_mode) ? connect_helper(path) : start_helper(path);
}

std::unexpected<Error> took_too_long() {
  return fail(ErrorCode::timeout, "The document was not rendered in time.", "renderer_slow");
}

Result<void> wait_for(int socket, short events, steady_clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) return took_too_long();
    pollfd watched{.fd = socket, .events = events, .revents = 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return took_too_long();
  }
}

// A helper that stops reading has said why, or died: its answer tells.
Result<void> send_all(int socket, std::string_view bytes, steady_clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (auto ready = wait_for(socket, POLLOUT, deadline); !ready) return ready;
    } else if (errno != EINTR) {
      return {};
    }
  }
  return {};
}

Result<std::string> receive_all(int socket, std::size_t limit, steady_clock::time_point deadline) {
  std::string answer;
  std::array<char, std::size_t{64} * 1024> piece{};
  for (;;) {
    const ssize_t got = ::recv(socket, piece.data(), piece.size(), 0);
    if (got == 0) return answer;
    if (got < 0 && errno == EAGAIN) {
      if (auto ready = wait_for(socket, POLLIN, deadline); !ready) {
        return std::unexpected(ready.error());
      }
    } else if (got < 0 && errno != EINTR) {
      return answer;  // reset: what came is judged
    } else if (got > 0) {
      answer.append(piece.data(), static_cast<std::size_t>(got));
      if (answer.size() > limit) {
        return fail(ErrorCode::validation_failed,
                    "The rendered document is larger than " + std::to_string(limit) + " bytes.",
                    "not_rendered");
      }
    }
  }
}

// What begins and ends as it should; a helper that was killed half way leaves less.
Result<std::string> judged(std::string answer, std::string_view begin, std::string_view end) {
  const std::string_view tail =
      std::string_view(answer).substr(answer.size() - std::min<std::size_t>(answer.size(), 32));
  if (answer.starts_with(begin) && tail.find(end) != std::string_view::npos) return answer;
  std::string why = "the page needs more memory or time than it may have";
  if (answer.starts_with("error: ")) {
    why = replace_invalid_utf8(trimmed(std::string_view(answer).substr(7, 400)));
  }
  return fail(ErrorCode::validation_failed, "The document cannot be rendered: " + why + ".",
              "not_rendered");
}

}  // namespace

HelperRenderer::HelperRenderer(HelperRendererOptions options)
    : options_(std::move(options)), free_(std::clamp(options_.at_once, 1, 64)) {}

Result<std::string> HelperRenderer::ask(std::string_view request, std::string_view content) const {
  if (!free_.try_acquire_for(options_.wait)) {
    Error busy{.code = ErrorCode::unavailable,
               .detail = "Too many documents are being rendered.",
               .reason = "renderer_busy",
               .retry_after = std::chrono::seconds{5}};
    return std::unexpected(std::move(busy));
  }
  struct Release {
    std::counting_semaphore<64>& free;
    ~Release() { free.release(); }
  } const release{free_};
  const auto deadline = steady_clock::now() + options_.timeout;
  auto helper = reach_helper(options_.path);
  if (!helper) return std::unexpected(std::move(helper).error());
  if (auto sent = send_all(helper->socket(), request, deadline); !sent) {
    return std::unexpected(sent.error());
  }
  if (auto sent = send_all(helper->socket(), content, deadline); !sent) {
    return std::unexpected(sent.error());
  }
  ::shutdown(helper->socket(), SHUT_WR);
  return receive_all(helper->socket(), options_.max_bytes, deadline);
}

Result<std::string> HelperRenderer::pdf(std::string_view html) const {
  auto answer = ask("pdf\n", html);
  if (!answer) return answer;
  return judged(std::move(*answer), "%PDF-", "%%EOF");
}

Result<std::string> HelperRenderer::png(std::string_view pdf, int page, int dpi) const {
  if (page < 1 || page > kMaxPreviewPage || dpi < kMinPreviewDpi || dpi > kMaxPreviewDpi) {
    return fail(ErrorCode::invalid_request, "There is no such page or resolution.", "bad_page");
  }
  auto answer = ask("png " + std::to_string(page) + " " + std::to_string(dpi) + "\n", pdf);
  if (!answer) return answer;
  if (answer->starts_with("Wrong page range")) {
    return fail(ErrorCode::not_found, "The document has no page " + std::to_string(page) + ".",
                "no_such_page");
  }
  return judged(std::move(*answer), "\x89PNG", "IEND");
}

}  // namespace c360::adapters
