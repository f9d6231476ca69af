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
#include <optional>
#include <utility>

#include "daemon/base/text.h"

namespace c360::adapters {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLookEvery{100};  // whether anybody waits still

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

  // After its answer has ended: false where what it was given brought the helper down, by what it
  // may take of the processor, by a fault in a library, or because pdftoppm cannot read it.
  // Behind a socket nobody can tell.
  std::optional<bool> cut_off() {
    if (child_ < 0) return std::nullopt;
    int status = 0;
    ::kill(child_, SIGKILL);  // one that has ended keeps its status
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
    if (WIFEXITED(status)) return WEXITSTATUS(status) == 0;
    const int signal = WTERMSIG(status);
    return signal != SIGXCPU && signal != SIGSEGV && signal != SIGABRT && signal != SIGBUS;
  }

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

std::unexpected<Error> nobody_waits() {
  return fail(ErrorCode::unavailable, "The rendering was broken off: nobody waits for it.",
              "rendering_given_up");
}

// How long a conversation with a helper may take, and who may end it before.
struct Patience {
  steady_clock::time_point deadline;
  const GivenUp& given_up;
};

Result<void> wait_for(int socket, short events, const Patience& patience) {
  for (;;) {
    if (patience.given_up && patience.given_up()) return nobody_waits();
    const auto left = std::chrono::ceil<milliseconds>(patience.deadline - steady_clock::now());
    if (left.count() <= 0) return took_too_long();
    pollfd watched{.fd = socket, .events = events, .revents = 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(std::min(left, kLookEvery).count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return took_too_long();
  }
}

// A helper that stops reading has said why, or died: its answer tells.
Result<void> send_all(int socket, std::string_view bytes, const Patience& patience) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (auto ready = wait_for(socket, POLLOUT, patience); !ready) return ready;
    } else if (errno != EINTR) {
      return {};
    }
  }
  return {};
}

Result<std::string> receive_all(int socket, std::size_t limit, const Patience& patience) {
  std::string answer;
  std::array<char, std::size_t{64} * 1024> piece{};
  for (;;) {
    const ssize_t got = ::recv(socket, piece.data(), piece.size(), 0);
    if (got == 0) return answer;
    if (got < 0 && errno == EAGAIN) {
      if (auto ready = wait_for(socket, POLLIN, patience); !ready) {
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

// What begins and ends as it should is a result. One that says why not blames the content; an
// answer that stops half way, or never began, blames whoever ended the helper: the machine short of
// memory, a restart. That is worth another try.
Result<std::string> judged(std::string answer, bool cut_off, std::string_view begin,
                           std::string_view end) {
  const std::string_view tail =
      std::string_view(answer).substr(answer.size() - std::min<std::size_t>(answer.size(), 32));
  if (answer.starts_with(begin) && tail.find(end) != std::string_view::npos) return answer;
  std::string why = "the page needs more memory or time than it may have";
  if (answer.starts_with("error: ")) {
    why = replace_invalid_utf8(trimmed(std::string_view(answer).substr(7, 400)));
  } else if (cut_off) {
    return fail(ErrorCode::unavailable,
                "The renderer was ended before it had answered, by the system or by a restart.",
                "renderer_cut_off");
  }
  return fail(ErrorCode::validation_failed, "The document cannot be rendered: " + why + ".",
              "not_rendered");
}

}  // namespace

HelperRenderer::HelperRenderer(HelperRendererOptions options)
    : options_(std::move(options)), free_(std::clamp(options_.at_once, 1, 64)) {}

Result<void> HelperRenderer::take_place(const GivenUp& given_up) const {
  const auto until = steady_clock::now() + options_.wait;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    if (free_.try_acquire_for(std::clamp(left, milliseconds{0}, kLookEvery))) return {};
    if (given_up && given_up()) return nobody_waits();
    if (left.count() > 0) continue;
    Error busy{.code = ErrorCode::unavailable,
               .detail = "Too many documents are being rendered.",
               .reason = "renderer_busy",
               .retry_after = std::chrono::seconds{5}};
    return std::unexpected(std::move(busy));
  }
}

Result<HelperRenderer::Answer> HelperRenderer::ask(std::string_view request,
                                                   const PdfSource& content,
                                                   const GivenUp& given_up) const {
  if (auto taken = take_place(given_up); !taken) return std::unexpected(taken.error());
  struct Release {
    std::counting_semaphore<64>& free;
    ~Release() { free.release(); }
  } const release{free_};
  const auto bytes = content();
  if (!bytes) return std::unexpected(bytes.error());
  const Patience patience{steady_clock::now() + options_.timeout, given_up};
  auto helper = reach_helper(options_.path);
  if (!helper) return std::unexpected(std::move(helper).error());
  for (const std::string_view each : {request, std::string_view(*bytes)}) {
    if (auto sent = send_all(helper->socket(), each, patience); !sent) {
      return std::unexpected(sent.error());
    }
  }
  ::shutdown(helper->socket(), SHUT_WR);
  auto answer = receive_all(helper->socket(), options_.max_bytes, patience);
  if (!answer) return std::unexpected(std::move(answer).error());
  return Answer{.bytes = std::move(*answer), .cut_off = helper->cut_off()};
}

Result<std::string> HelperRenderer::pdf(std::string_view html, const GivenUp& given_up) const {
  auto answer = ask("pdf\n", [&] { return Result<std::string>(html); }, given_up);
  if (!answer) return std::unexpected(std::move(answer).error());
  return judged(std::move(answer->bytes), answer->cut_off.value_or(true), "%PDF-", "%%EOF");
}

Result<std::string> HelperRenderer::png(const PdfSource& pdf, int page, int dpi,
                                        const GivenUp& given_up) const {
  if (page < 1 || page > kMaxPreviewPage || dpi < kMinPreviewDpi || dpi > kMaxPreviewDpi) {
    return fail(ErrorCode::invalid_request, "There is no such page or resolution.", "bad_page");
  }
  auto answer =
      ask("png " + std::to_string(page) + " " + std::to_string(dpi) + "\n", pdf, given_up);
  if (!answer) return std::unexpected(std::move(answer).error());
  if (answer->bytes.starts_with("Wrong page range")) {
    return fail(ErrorCode::not_found, "The document has no page " + std::to_string(page) + ".",
                "no_such_page");
  }
  // pdftoppm says nothing of a PDF it cannot read.
  const bool cut_off = answer->cut_off.value_or(!answer->bytes.empty());
  return judged(std::move(answer->bytes), cut_off, "\x89PNG", "IEND");
}

Result<std::vector<std::string>> HelperRenderer::missing_restraints(const GivenUp& given_up) const {
  auto answer = ask("restraints\n", [] { return Result<std::string>(); }, given_up);
  if (!answer) return std::unexpected(std::move(answer).error());
  auto told =
      judged(std::move(answer->bytes), answer->cut_off.value_or(true), "restraints", "\nend\n");
  if (!told) return std::unexpected(std::move(told).error());
  std::vector<std::string> missing;
  for (const std::string_view line : split(*told, '\n')) {
    if (line.starts_with("missing: ")) missing.emplace_back(line.substr(9));
  }
  return missing;
}

}  // namespace c360::adapters
