#include "tests/support/dovecot.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "tests/support/test_certificates.h"

namespace c360::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kStartLimit{30};

// Everything in @AT SIGNS@ is replaced. Runs as root (mail belongs to nobody) and as anybody else.
constexpr std::string_view kConfiguration = R"conf(
protocols = @PROTOCOLS@
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

constexpr std::string_view kSubmission = R"conf(
hostname = submission.example.test
submission_relay_host = 127.0.0.1
submission_relay_port = @RELAY_PORT@
submission_relay_trusted = no
service submission-login {
  chroot =
  inet_listener submission {
    port = @SUBMISSION_PORT@
  }
}
)conf";

std::string program(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/usr/local/sbin/", "/usr/local/bin/"}) {
    if (fs::exists(folder + name)) return folder + name;
  }
  throw std::runtime_error(name + " is not installed (scripts/install-deps --test)");
}

std::vector<char*> argument_list(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  return arguments;
}

}  // namespace

Dovecot::Dovecot(DovecotOptions options) : options_(std::move(options)) {
  for (const char* folder : {"tls", "run"}) fs::create_directories(root_ / folder);
  TestAuthority authority(root_ / "tls");
  authority.issue("server", {.names = {options_.server_name}});
  start();
}

void Dovecot::write_configuration() const {
  const bool root = geteuid() == 0;
  const MailUser mail = mail_user();
  const std::vector<std::pair<std::string_view, std::string>> values{
      {"@ROOT@", root_.string()},
      {"@IMAP_PORT@", std::to_string(imap_port_)},
      {"@IMAPS_PORT@", std::to_string(imaps_port_)},
      {"@PROTOCOLS@", options_.relay_port == 0 ? "imap" : "imap submission"},
      {"@RELAY_PORT@", std::to_string(options_.relay_port)},
      {"@SUBMISSION_PORT@", std::to_string(submission_port_)},
      {"@TLS_FIRST@", options_.plaintext_auth ? "no" : "yes"},
      {"@MECHANISMS@", options_.mechanisms},
      {"@PASSWORD@", options_.password},
      {"@INTERNAL_USER@", root ? "dovecot" : mail.user},
      {"@INTERNAL_GROUP@", root ? "dovecot" : mail.group},
      {"@LOGIN_USER@", root ? "dovenull" : mail.user},
      {"@MAIL_USER@", mail.user},
      {"@MAIL_GROUP@", mail.group},
      {"@CAPABILITY@",
       options_.capabilities.empty() ? "" : "imap_capability = " + options_.capabilities},
  };
  std::string text(kConfiguration);
  if (options_.relay_port != 0) text += kSubmission;
  for (const auto& [key, value] : values) {
    for (std::size_t at = 0; (at = text.find(key, at)) != std::string::npos; at += value.size()) {
      text.replace(at, key.size(), value);
    }
  }
  std::ofstream(root_ / "dovecot.conf") << text;
}

void Dovecot::start() {
  if (process_.started()) return;
  if (imap_port_ == 0) {
    const auto ports = free_ports(3);
    imap_port_ = ports[0];
    imaps_port_ = ports[1];
    submission_port_ = ports[2];
  }
  write_configuration();
  process_.start({.words = {program("dovecot"), "-F", "-c", (root_ / "dovecot.conf").string()},
                  .environment = {},
                  .log = root_ / "dovecot.log"},
                 imap_port_);
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
  const fs::path box = mail_.path(user, folder);
  std::string list = read_whole_file(box / "dovecot-uidlist");
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

std::string Dovecot::log() const { return read_whole_file(root_ / "dovecot.log"); }

}  // namespace c360::testing
