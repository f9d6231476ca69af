#include "daemon/service_manager.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>

namespace c360::daemon {

namespace {

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&set, signal);
  return set;
}

void notify(const std::string& message) { sd_notify(0, message.c_str()); }

// One line: a line break would begin another field.
std::string one_line(std::string_view text) {
  std::string line{text};
  for (char& c : line)
    if (c == '\n' || c == '\r') c = ' ';
  return line;
}

}  // namespace

ServiceManager::ServiceManager() {
  std::uint64_t usec = 0;
  if (sd_watchdog_enabled(0, &usec) > 0)
    interval_ = std::chrono::milliseconds(static_cast<std::int64_t>(usec / 2'000));
}

void ServiceManager::status(std::string_view text, std::chrono::seconds extend) const {
  std::string message = "STATUS=" + one_line(text);
  if (extend.count() > 0)
    message += fmt::format("\nEXTEND_TIMEOUT_USEC={}", extend.count() * 1'000'000);
  notify(message);
}

void ServiceManager::ready(std::string_view text) const {
  notify("READY=1\nSTATUS=" + one_line(text));
}

void ServiceManager::reloading() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=Reloading the configuration",
                     (now.tv_sec * 1'000'000) + (now.tv_nsec / 1'000)));
}

void ServiceManager::stopping() const { notify("STOPPING=1\nSTATUS=Stopping"); }

void ServiceManager::feed_watchdog() const { notify("WATCHDOG=1"); }

void block_handled_signals() {
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a closed socket is an error of write(2), not the end of us
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a file over the limit of its size
}

void fill_standard_descriptors() {
  const auto is_open = [](int descriptor) {
    return fcntl(descriptor, F_GETFD) != -1 || errno != EBADF;
  };
  // open(2) gives the lowest number that is free; each the wrong way round, so that use is an
  // error.
  if (!is_open(STDIN_FILENO)) (void)open("/dev/null", O_WRONLY);
  for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO})
    if (!is_open(descriptor)) (void)open("/dev/null", O_RDONLY);
}

SignalReader::SignalReader() {
  const sigset_t set = handled_signals();
  descriptor_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

SignalReader::~SignalReader() { close(descriptor_); }

std::optional<Signal> SignalReader::next() const {
  signalfd_siginfo info{};
  if (read(descriptor_, &info, sizeof info) != sizeof info) return std::nullopt;
  return info.ssi_signo == SIGHUP ? Signal::reload : Signal::stop;
}

}  // namespace c360::daemon
