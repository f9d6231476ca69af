#include "tests/support/dovecot.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/support/test_certificates.h"

namespace c360::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kStartLimit{30};
constexpr std::chrono::seconds kStopLimit{10};

// Everything in @AT SIGNS@ is replaced. Runs as root (mail belongs to nobody) and as anybody else.
constexpr std::string_view kConfiguration = R"conf(
protocols = imap
listen = 127.0.0.1
base_dir = @ROOT@/run
state_dir = @ROOT@/run
instance_name = c360-@IMAP_PORT@
log_path = @ROOT@/dovecot.log
ssl = yes
ssl_cert = <@ROOT@/tls/server.pem
ssl_key = <@ROOT@/tls/server.key
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = @TLS_FIRST@
auth_mechanisms = @MECHANISMS@
auth_failure_delay = 0
auth_username_chars =
default_internal_user = @INTERNAL_USER@
default_internal_group = @INTERNAL_GROUP@
default_login_user = @LOGIN_USER@
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
mail_max_userip_connections = 1000
maildir_very_dirty_syncs = no
imap_idle_notify_interval = 30 s
@CAPABILITY@
passdb {
  driver = static
  args = password=@PASSWORD@
}
userdb {
  driver = static
  args = uid=@MAIL_USER@ gid=@MAIL_GROUP@ home=@ROOT@/mail/%u
}
namespace inbox {
  inbox = yes
}
service imap-login {
  chroot =
  inet_listener imap {
    port = @IMAP_PORT@
  }
  inet_listener imaps {
    port = @IMAPS_PORT@
    ssl = yes
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
)conf";

std::string own_user() {
  const passwd* user = getpwuid(geteuid());
  return user != nullptr ? user->pw_name : std::to_string(geteuid());
}
std::string own_group() {
  const group* group = getgrgid(getegid());
  return group != nullptr ? group->gr_name : std::to_string(getegid());
}
bool is_root() { return geteuid() == 0; }

int listen_on_free_port(std::uint16_t& port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    close(descriptor);
    throw std::runtime_error("no free TCP port");
  }
  port = ntohs(address.sin_port);
  return descriptor;
}

std::string program(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/usr/local/sbin/", "/usr/local/bin/"}) {
    if (fs::exists(folder + name)) return folder + name;
  }
  throw std::runtime_error(name + " is not installed (package dovecot-imapd)");
}

std::vector<char*> argument_list(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  return arguments;
}

// Dies with us; its children are in its process group.
pid_t spawn(const std::vector<std::string>& command, const std::string& log) {
  const std::vector<char*> arguments = argument_list(command);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child > 0) return child;
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int input = open("/dev/null", O_RDONLY);
  dup2(input, 0);
  dup2(output, 1);
  dup2(output, 2);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setpgid(0, 0);
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent) _exit(125);
  execv(arguments[0], arguments.data());
  _exit(127);
}

bool exited(pid_t process) {
  int status = 0;
  return waitpid(process, &status, WNOHANG) == process;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The name before ":2,FLAGS": time, counter of deliveries, host.
std::string base_name(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.substr(0, name.find(":2,"));
}

}  // namespace

Dovecot::Dovecot(DovecotOptions options) : options_(std::move(options)) {
  for (const char* folder : {"tls", "run", "mail"}) fs::create_directories(root_ / folder);
  own(root_ / "mail");
  TestAuthority authority(root_ / "tls");
  authority.issue("server", {.names = {options_.server_name}});
  start();
}

Dovecot::~Dovecot() { kill(); }

void Dovecot::write_configuration() const {
  const std::vector<std::pair<std::string_view, std::string>> values{
      {"@ROOT@", root_.string()},
      {"@IMAP_PORT@", std::to_string(imap_port_)},
      {"@IMAPS_PORT@", std::to_string(imaps_port_)},
      {"@TLS_FIRST@", options_.plaintext_auth ? "no" : "yes"},
      {"@MECHANISMS@", options_.mechanisms},
      {"@PASSWORD@", options_.password},
      {"@INTERNAL_USER@", is_root() ? "dovecot" : own_user()},
      {"@INTERNAL_GROUP@", is_root() ? "dovecot" : own_group()},
      {"@LOGIN_USER@", is_root() ? "dovenull" : own_user()},
      {"@MAIL_USER@", is_root() ? "nobody" : own_user()},
      {"@MAIL_GROUP@", is_root() ? "nogroup" : own_group()},
      {"@CAPABILITY@",
       options_.capabilities.empty() ? "" : "imap_capability = " + options_.capabilities},
  };
  std::string text(kConfiguration);
  for (const auto& [key, value] : values) {
    for (std::size_t at = 0; (at = text.find(key, at)) != std::string::npos; at += value.size()) {
      text.replace(at, key.size(), value);
    }
  }
  std::ofstream(root_ / "dovecot.conf") << text;
}

bool Dovecot::answers() const {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(imap_port_);
  char greeting = 0;
  const bool greeted =
      connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      recv(descriptor, &greeting, 1, 0) == 1;
  close(descriptor);
  return greeted;
}

void Dovecot::start() {
  if (pid_ > 0) return;
  if (imap_port_ == 0) {  // both at once, or the second could be the first again
    const int first = listen_on_free_port(imap_port_);
    const int second = listen_on_free_port(imaps_port_);
    close(first);
    close(second);
  }
  write_configuration();
  pid_ = spawn({program("dovecot"), "-F", "-c", (root_ / "dovecot.conf").string()},
               (root_ / "dovecot.log").string());
  const auto limit = std::chrono::steady_clock::now() + kStartLimit;
  while (!answers()) {
    if (exited(pid_)) {
      pid_ = -1;
      throw std::runtime_error("dovecot ended: " + log());
    }
    if (std::chrono::steady_clock::now() > limit) {
      kill();
      throw std::runtime_error("dovecot does not answer: " + log());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void Dovecot::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  const auto limit = std::chrono::steady_clock::now() + kStopLimit;
  while (!exited(pid_)) {
    if (std::chrono::steady_clock::now() > limit) return kill();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  killpg(pid_, SIGKILL);  // sessions that linger
  pid_ = -1;
}

void Dovecot::kill() {
  if (pid_ <= 0) return;
  killpg(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void Dovecot::change_password(const std::string& password) {
  options_.password = password;
  write_configuration();
  doveadm({"reload"});
  const auto limit = std::chrono::steady_clock::now() + kStartLimit;
  for (;;) {
    try {
      doveadm({"auth", "test", "anybody", password});
      return;
    } catch (const std::runtime_error&) {  // the old processes still answer
      if (std::chrono::steady_clock::now() > limit) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

fs::path Dovecot::maildir(std::string_view user, std::string_view folder) const {
  const fs::path root = root_ / "mail" / user / "Maildir";
  return folder == "INBOX" ? root : root / ("." + std::string(folder));
}

void Dovecot::own(const fs::path& path) const {
  if (!is_root()) return;
  const passwd* owner = getpwnam("nobody");
  if (owner == nullptr || chown(path.c_str(), owner->pw_uid, owner->pw_gid) != 0) {
    throw std::runtime_error("cannot give " + path.string() + " to nobody");
  }
}

void Dovecot::deliver(std::string_view user, std::string_view bytes, std::string_view folder) {
  const fs::path box = maildir(user, folder);
  if (!fs::exists(box / "new")) {
    fs::create_directories(box);
    for (fs::path path = box; path != root_ / "mail"; path = path.parent_path()) own(path);
    for (const char* each : {"tmp", "cur", "new"}) {
      fs::create_directories(box / each);
      own(box / each);
    }
    // Maildir++ marks a folder so.
    if (folder != "INBOX") {
      std::ofstream(box / "maildirfolder").flush();
      own(box / "maildirfolder");
    }
  }
  // Dovecot gives uids in the order of these names: the time, then the counter.
  char name[64];
  std::snprintf(name, sizeof name, "1700000000.M%09dP1.test", ++deliveries_);
  {
    std::ofstream file(box / "tmp" / name, std::ios::binary);
    file << bytes;
    if (!file.flush()) throw std::runtime_error("cannot deliver a mail");
  }
  own(box / "tmp" / name);
  fs::rename(box / "tmp" / name, box / "new" / name);
}

std::vector<StoredMail> Dovecot::stored(std::string_view user, std::string_view folder) const {
  std::vector<fs::path> files;
  for (const char* each : {"cur", "new"}) {
    const fs::path box = maildir(user, folder) / each;
    if (!fs::exists(box)) continue;
    for (const auto& entry : fs::directory_iterator(box)) files.push_back(entry.path());
  }
  std::ranges::sort(files, {}, base_name);
  std::vector<StoredMail> mails;
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    const auto mark = name.find(":2,");
    mails.push_back({read_file(file), mark == std::string::npos ? "" : name.substr(mark + 3)});
  }
  return mails;
}

std::string Dovecot::doveadm(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command{program("doveadm"), "-c", (root_ / "dovecot.conf").string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const std::vector<char*> list = argument_list(command);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    execv(list[0], list.data());
    _exit(127);
  }
  close(ends[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t size = 0; (size = read(ends[0], buffer, sizeof buffer)) > 0;) {
    output.append(buffer, static_cast<std::size_t>(size));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) throw std::runtime_error("doveadm failed: " + output);
  return output;
}

void Dovecot::change_uidvalidity(std::string_view user, std::string_view folder) {
  // "3 V1700000001 N12 G..." : the index files notice and are built anew.
  const fs::path box = maildir(user, folder);
  std::string list = read_file(box / "dovecot-uidlist");
  const auto at = list.find(" V");
  const auto end = at == std::string::npos ? at : list.find(' ', at + 2);
  if (end == std::string::npos) throw std::runtime_error("no uid list in " + box.string());
  const auto validity = std::stoul(list.substr(at + 2, end - at - 2)) + 1;
  list.replace(at + 2, end - at - 2, std::to_string(validity));
  std::ofstream(box / "dovecot-uidlist", std::ios::binary) << list;
  for (const auto& entry : fs::directory_iterator(box)) {
    if (entry.path().filename().string().starts_with("dovecot.index")) fs::remove(entry.path());
  }
}

std::string Dovecot::log() const { return read_file(root_ / "dovecot.log"); }

}  // namespace c360::testing
