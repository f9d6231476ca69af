#include "tests/support/daemon_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace c360::testing {

namespace {

constexpr std::chrono::seconds kPatience{60};

// Only async-signal-safe calls between fork and exec: the vectors are made before.
pid_t spawn(const std::vector<std::string>& words,
            const std::map<std::string, std::string>& environment, int output) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!environment.contains(text.substr(0, text.find('=')))) variables.push_back(text);
  }
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> envp;
  for (const std::string& variable : variables) envp.push_back(const_cast<char*>(variable.c_str()));
  envp.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid > 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execve(arguments[0], arguments.data(), envp.data());
  _exit(127);
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

std::string contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

RanProgram run_program(const std::vector<std::string>& words,
                       const std::map<std::string, std::string>& environment) {
  const TempFolder folder{"c360-run"};
  const std::string file = (folder.path() / "output").string();
  const int output = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const pid_t pid = spawn(words, environment, output);
  close(output);
  int status = 0;
  waitpid(pid, &status, 0);
  return {code_of(status), contents(file)};
}

DaemonProcess::DaemonProcess(std::string program)
    : program_(std::move(program)),
      config_file_((folder_.path() / "client360.toml").string()),
      log_file_((folder_.path() / "log").string()) {
  const std::string path = (folder_.path() / "notify").string();
  notify_socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (bind(notify_socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot bind " + path);
  environment_["NOTIFY_SOCKET"] = path;
}

DaemonProcess::~DaemonProcess() {
  if (running()) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(notify_socket_);
}

std::string DaemonProcess::write(const std::string& name, std::string_view text) {
  const std::filesystem::path file = folder_.path() / name;
  std::filesystem::create_directories(file.parent_path());
  const std::filesystem::path next = file.string() + "~";
  std::ofstream(next, std::ios::binary) << text;
  std::filesystem::rename(next, file);
  return file.string();
}

void DaemonProcess::start() {
  const int output = open(log_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  exit_code_.reset();
  pid_ = spawn({program_, "--config=" + config_file_}, environment_, output);
  close(output);
}

void DaemonProcess::signal(int number) const { kill(pid_, number); }

bool DaemonProcess::running() {
  if (pid_ < 0 || exit_code_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  exit_code_ = code_of(status);
  return false;
}

void DaemonProcess::reaped(int status) { exit_code_ = code_of(status); }

int DaemonProcess::wait_for_exit() {
  wait("the end of the process", [this] { return !running(); });
  return *exit_code_;
}

std::string DaemonProcess::log(std::size_t from) const {
  const std::string all = contents(log_file_);
  return all.substr(std::min(from, all.size()));
}

std::string DaemonProcess::wait_for_log(const std::vector<std::string>& parts, std::size_t from) {
  std::string found;
  std::string what = "a log line with";
  for (const std::string& part : parts) what += " [" + part + "]";
  wait(what, [&] {
    // Asked before the log is read, so that the last lines of a dead process count.
    const bool alive = running();
    std::istringstream lines(log(from));
    for (std::string line; std::getline(lines, line);)
      if (std::ranges::all_of(parts, [&](const auto& part) { return line.contains(part); })) {
        found = line;
        return true;
      }
    if (!alive) throw std::runtime_error("the daemon ended, log:\n" + log());
    return false;
  });
  return found;
}

std::uint16_t DaemonProcess::port(const std::string& listener) {
  wait_for_log({"event=listener_opened", "listener=" + listener + " "});
  std::uint16_t port = 0;
  std::istringstream lines(log());
  for (std::string line; std::getline(lines, line);) {
    if (!line.contains("event=listener_opened") || !line.contains("listener=" + listener + " "))
      continue;
    const std::size_t at = line.find(" port=");
    port = static_cast<std::uint16_t>(std::stoi(line.substr(at + 6)));
  }
  return port;
}

std::vector<std::string> DaemonProcess::notifications() {
  std::array<char, 8'192> buffer{};
  while (true) {
    const ssize_t got = recv(notify_socket_, buffer.data(), buffer.size(), 0);
    if (got < 0) return notifications_;
    notifications_.emplace_back(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::size_t DaemonProcess::wait_for_notification(std::string_view part, std::size_t from) {
  std::size_t index = 0;
  wait("a notification with " + std::string(part), [&] {
    const auto all = notifications();
    for (index = from; index < all.size(); ++index)
      if (all[index].contains(part)) return true;
    return false;
  });
  return index;
}

void DaemonProcess::wait(const std::string& what, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    notifications();  // a manager reads; ten unread ones would block the daemon
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("waited in vain for " + what + ", log:\n" + log());
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
}

}  // namespace c360::testing
