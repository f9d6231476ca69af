// The real client360d as a child process: its configuration in a folder of its own, its log in a
// file, the manager's socket played by us. Gone with the object, also when the test dies.
//
// Throws std::runtime_error where the process cannot be started; every wait ends after 60 s and
// throws with the log.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/temp_folder.h"

namespace c360::testing {

// Runs a program to its end; output and error together.
struct RanProgram {
  int exit_code = -1;
  std::string output;
};
RanProgram run_program(const std::vector<std::string>& words,
                       const std::map<std::string, std::string>& environment = {});

class DaemonProcess {
 public:
  // `program` is the path of client360d. Nothing runs yet.
  explicit DaemonProcess(std::string program);
  ~DaemonProcess();  // SIGKILL where it still runs
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  // Writes a file of the configuration's folder by rename, as editors do; its path.
  std::string write(const std::string& name, std::string_view text);
  const std::string& config_file() const { return config_file_; }
  std::map<std::string, std::string>& environment() { return environment_; }

  void start();
  void signal(int number) const;
  // The exit code; -signal where it was killed.
  int wait_for_exit();
  bool running();
  // Somebody else has waited for it: `status` as waitpid() said.
  void reaped(int status);
  pid_t pid() const { return pid_; }

  // The log from `from` on, and waiting until a line holds all of `parts`; the line.
  std::string log(std::size_t from = 0) const;
  std::size_t log_size() const { return log().size(); }
  std::string wait_for_log(const std::vector<std::string>& parts, std::size_t from = 0);
  // Of the newest line "event=listener_opened listener=NAME".
  std::uint16_t port(const std::string& listener);
  void wait_until_ready() { wait_for_log({"event=daemon_ready"}); }

  // What was sent to $NOTIFY_SOCKET so far, one datagram an entry; waits for one that holds `part`
  // at or after entry `from` and returns its index.
  std::vector<std::string> notifications();
  std::size_t wait_for_notification(std::string_view part, std::size_t from = 0);

 private:
  void wait(const std::string& what, const std::function<bool()>& condition);

  TempFolder folder_{"c360-daemon"};
  std::string program_;
  std::string config_file_;
  std::string log_file_;
  std::map<std::string, std::string> environment_;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
  int notify_socket_ = -1;
  std::vector<std::string> notifications_;
};

}  // namespace c360::testing
