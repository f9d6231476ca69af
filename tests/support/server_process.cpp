#include "tests/support/server_process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/support/loopback.h"

namespace c360::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kStartLimit{30};
constexpr std::chrono::seconds kStopLimit{10};
constexpr std::chrono::milliseconds kMoment{5};

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (const std::string& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

// Between fork and exec: only system calls. The rights are dropped first, because that forgets
// whose death is to be followed.
[[noreturn]] void become(const std::vector<char*>& words, const std::vector<char*>& environment,
                         const char* log, const std::optional<MailUser>& user, pid_t parent) {
  const int output = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int input = open("/dev/null", O_RDONLY);
  dup2(input, 0);
  dup2(output, 1);
  dup2(output, 2);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setpgid(0, 0);
  if (user && (setgroups(0, nullptr) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0)) {
    _exit(126);
  }
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent) _exit(125);
  execve(words[0], words.data(), environment.size() > 1 ? environment.data() : environ);
  _exit(127);
}

bool greets(std::uint16_t port, bool silent) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  char greeting = 0;
  const bool greeted =
      connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      (silent || recv(descriptor, &greeting, 1, 0) == 1);
  close(descriptor);
  return greeted;
}

}  // namespace

void ServerProcess::start(const ServerCommand& command, std::uint16_t port, bool silent) {
  const std::vector<char*> words = pointers(command.words);
  const std::vector<char*> environment = pointers(command.environment);
  const std::string log = command.log.string();
  const bool drops = command.as_mail_user && geteuid() == 0;
  const std::optional<MailUser> user = drops ? std::optional(mail_user()) : std::nullopt;
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) become(words, environment, log.c_str(), user, parent);
  const auto limit = std::chrono::steady_clock::now() + kStartLimit;
  while (!greets(port, silent)) {
    if (exited()) {
      throw std::runtime_error(command.words.front() + " ended: " + read_whole_file(log));
    }
    if (std::chrono::steady_clock::now() > limit) {
      kill();
      throw std::runtime_error(command.words.front() + " does not answer: " + read_whole_file(log));
    }
    std::this_thread::sleep_for(kMoment);
  }
}

bool ServerProcess::exited() {
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  killpg(pid_, SIGKILL);  // children that linger
  pid_ = -1;
  return true;
}

void ServerProcess::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  const auto limit = std::chrono::steady_clock::now() + kStopLimit;
  while (!exited()) {
    if (std::chrono::steady_clock::now() > limit) return kill();
    std::this_thread::sleep_for(kMoment);
  }
}

void ServerProcess::kill() {
  if (pid_ <= 0) return;
  killpg(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::vector<int> held;  // all at once, or the second could be the first again
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) {
    held.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (bind(held.back(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        getsockname(held.back(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      break;
    }
    ports.push_back(ntohs(address.sin_port));
  }
  for (const int descriptor : held) close(descriptor);
  if (ports.size() < count) throw std::runtime_error("no free TCP port");
  return ports;
}

MailUser mail_user() {
  const passwd* user = geteuid() == 0 ? getpwnam("nobody") : getpwuid(geteuid());
  if (user == nullptr) throw std::runtime_error("there is no user to own the mail");
  const group* group = getgrgid(user->pw_gid);
  return {user->pw_name, group != nullptr ? group->gr_name : std::to_string(user->pw_gid),
          user->pw_uid, user->pw_gid};
}

void give_to_mail_user(const fs::path& path) {
  if (geteuid() != 0) return;
  const MailUser owner = mail_user();
  if (chown(path.c_str(), owner.uid, owner.gid) != 0) {
    throw std::runtime_error("cannot give " + path.string() + " to " + owner.user);
  }
}

fs::path unpacked_servers() {
  const char* chosen = std::getenv("C360_TEST_SERVERS");
  fs::path folder = chosen != nullptr ? chosen : "/usr/local/lib/client360-test-servers";
  if (!fs::exists(folder / "unpacked")) {
    throw std::runtime_error("no servers in " + folder.string() +
                             ": run scripts/install-deps --test");
  }
  return folder;
}

std::string read_whole_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace c360::testing
