// A mail server as a child process of the test: started in the foreground, dead when the test is.
//
// Throws std::runtime_error where it cannot start. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace c360::testing {

struct ServerCommand {
  std::vector<std::string> words;  // the first one is the program's path
  // KEY=VALUE, nothing else; empty: what the test has itself.
  std::vector<std::string> environment;
  std::filesystem::path log;  // output and errors, appended
  bool as_mail_user = false;  // not as root, where the test is: see mail_user()
};

class ServerProcess {
 public:
  ServerProcess() = default;
  ~ServerProcess() { kill(); }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Returns when `port` of the loopback greets; the log says why it does not. A `silent` server
  // waits for the client's first word, as TLS does, and is only connected to.
  void start(const ServerCommand& command, std::uint16_t port, bool silent = false);
  bool started() const { return pid_ > 0; }
  void stop();  // SIGTERM, after 10 s and for what lingers of its group SIGKILL
  void kill();  // SIGKILL to its group

 private:
  bool exited();

  pid_t pid_ = -1;
};

// Ports of the loopback that nobody listens on, all different.
std::vector<std::uint16_t> free_ports(std::size_t count);

// Who owns the mail: nobody where the test is root, else who runs it. Names as `user` and `group`.
struct MailUser {
  std::string user;
  std::string group;
  uid_t uid;
  gid_t gid;
};
MailUser mail_user();
// Gives the path to the mail user; nothing to do unless the test is root.
void give_to_mail_user(const std::filesystem::path& path);

// Where scripts/install-deps unpacks the servers that cannot be installed side by side:
// C360_TEST_SERVERS or its default. Throws where they are missing.
std::filesystem::path unpacked_servers();

std::string read_whole_file(const std::filesystem::path& path);

}  // namespace c360::testing
