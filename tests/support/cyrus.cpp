#include "tests/support/cyrus.h"

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>

#include <fstream>
#include <map>
#include <stdexcept>

#include "tests/support/test_certificates.h"

namespace c360::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPassword = "secret";

// @ROOT@ and @USER@ are replaced. No waiting for the disk (skiplist_unsafe): it is a test's.
constexpr std::string_view kImapd = R"conf(
configdirectory: @ROOT@/conf
defaultpartition: default
partition-default: @ROOT@/spool
cyrus_user: @USER@
servername: imap.example.test
allowplaintext: yes
autocreate_quota: 0
expunge_mode: immediate
delete_mode: immediate
skiplist_unsafe: yes
munge8bit: no
failedloginpause: 0
imapidlepoll: 1
proc_path: @ROOT@/conf/proc
mboxname_lockpath: @ROOT@/conf/lock
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: @ROOT@/saslauthd
sasl_mech_list: PLAIN LOGIN
tls_server_cert: @ROOT@/tls/server.pem
tls_server_key: @ROOT@/tls/server.key
tls_client_ca_file: @ROOT@/tls/ca.pem
tls_versions: tls1_2 tls1_3
)conf";

constexpr std::string_view kMaster = R"conf(
START {
  recover cmd="@BIN@/ctl_cyrusdb -C @ROOT@/imapd.conf -r"
}
SERVICES {
  imap cmd="@BIN@/imapd -C @ROOT@/imapd.conf" listen="127.0.0.1:@IMAP@" prefork=0
  imaps cmd="@BIN@/imapd -s -C @ROOT@/imapd.conf" listen="127.0.0.1:@IMAPS@" prefork=0
}
EVENTS {
}
)conf";

std::string filled_in(std::string_view pattern, const std::map<std::string, std::string>& values) {
  std::string text(pattern);
  for (const auto& [key, value] : values) {
    for (std::size_t at = 0; (at = text.find(key, at)) != std::string::npos; at += value.size()) {
      text.replace(at, key.size(), value);
    }
  }
  return text;
}

// saslauthd's question: user, password, service and realm, each after its length; its answer is
// "OK" or "NO" after the same.
void answer_saslauthd(PasswordQuestion& question) {
  std::string password;
  for (int i = 0; i < 4; ++i) {
    const std::string length = question.read(2);
    if (length.size() < 2) return;
    const std::string word = question.read(static_cast<unsigned char>(length[0]) * 256U +
                                           static_cast<unsigned char>(length[1]));
    if (i == 1) password = word;
  }
  question.answer(std::string{'\0', '\2'} + (password == kPassword ? "OK" : "NO"));
}

// Enough of a client to put mail into a mailbox and to look at it. Throws unless it is answered OK.
class RawClient {
 public:
  RawClient(std::uint16_t port, const std::string& user)
      : socket_(Poco::Net::SocketAddress("127.0.0.1", port)) {
    socket_.setReceiveTimeout(Poco::Timespan(30, 0));
    line();
    run("LOGIN " + user + " " + std::string(kPassword));
  }
  // The literals of the answer.
  std::vector<std::string> run(const std::string& command) {
    send("a " + command + "\r\n");
    std::vector<std::string> literals;
    for (std::string answer = line(); !answer.starts_with("a OK"); answer = line()) {
      if (answer.starts_with("a ")) throw std::runtime_error("Cyrus: " + answer);
      const auto brace = answer.ends_with("}\r\n") ? answer.rfind('{') : std::string::npos;
      if (brace != std::string::npos)
        literals.push_back(read(std::stoul(answer.substr(brace + 1))));
    }
    return literals;
  }

 private:
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const int sent = socket_.sendBytes(bytes.data(), static_cast<int>(bytes.size()));
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  std::string read(std::size_t size) {
    while (input_.size() < size) {
      char buffer[4096];
      const int got = socket_.receiveBytes(buffer, sizeof buffer);
      if (got <= 0) throw std::runtime_error("Cyrus hung up: " + input_);
      input_.append(buffer, static_cast<std::size_t>(got));
    }
    std::string bytes = input_.substr(0, size);
    input_.erase(0, size);
    return bytes;
  }
  std::string line() {
    std::string text;
    while (!text.ends_with("\r\n")) text += read(1);
    return text;
  }

  Poco::Net::StreamSocket socket_;
  std::string input_;
};

}  // namespace

Cyrus::Cyrus() : passwords_(root_ / "saslauthd", answer_saslauthd) {
  for (const char* folder : {"tls", "conf", "spool"}) fs::create_directories(root_ / folder);
  for (const char* folder : {"conf", "spool"}) give_to_mail_user(root_ / folder);
  give_to_mail_user(root_);  // master.pid
  TestAuthority(root_ / "tls").issue("server");
  give_to_mail_user(root_ / "tls/server.key");
  write_configuration();
  const fs::path programs = unpacked_servers() / "usr/lib";
  process_.start(
      {.words = {(programs / "cyrus/bin/master").string(), "-C", (root_ / "imapd.conf").string(),
                 "-M", (root_ / "cyrus.conf").string(), "-p", (root_ / "master.pid").string()},
       .environment = {"PATH=/usr/bin:/bin",
                       "LD_LIBRARY_PATH=" + (programs / "x86_64-linux-gnu").string()},
       .log = root_ / "cyrus.log",
       .as_mail_user = true},
      imap_port());
}

void Cyrus::write_configuration() const {
  const std::map<std::string, std::string> values{
      {"@ROOT@", root_.string()},
      {"@BIN@", (unpacked_servers() / "usr/lib/cyrus/bin").string()},
      {"@USER@", mail_user().user},
      {"@IMAP@", std::to_string(imap_port())},
      {"@IMAPS@", std::to_string(imaps_port())}};
  std::ofstream(root_ / "imapd.conf") << filled_in(kImapd, values);
  std::ofstream(root_ / "cyrus.conf") << filled_in(kMaster, values);
}

void Cyrus::deliver(const std::string& user, std::span<const std::string> mails) {
  std::string command = "APPEND INBOX";  // all at once: MULTIAPPEND, RFC 3502
  for (const std::string& mail : mails) {
    command += " {" + std::to_string(mail.size()) + "+}\r\n" + mail;
  }
  RawClient(imap_port(), user).run(command);
}

std::vector<std::string> Cyrus::stored(const std::string& user, const std::string& folder) const {
  RawClient client(imap_port(), user);
  client.run("EXAMINE \"" + folder + "\"");
  return client.run("UID FETCH 1:* BODY.PEEK[]");  // unlike FETCH no error where there is none
}

}  // namespace c360::testing
