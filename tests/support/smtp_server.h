// A mail server over real sockets that takes mails, or does to a client what servers do: refuses
// any command, goes away at any moment, answers drop by drop, or puts something behind its
// STARTTLS.
//
//   SmtpServer server;
//   server.at("RCPT", {.reply = "550 5.1.1 no such user"});
//   ... connect to 127.0.0.1:server.port(), trusting server.ca_file()
//   server.mails()
//
// Thread-safe; gone with the object, which ends its connections.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace c360::testing {

struct SmtpServerOptions {
  enum class Tls { implicit, starttls, none } tls = Tls::starttls;
  std::vector<std::string> extensions{"8BITMIME", "SMTPUTF8", "AUTH PLAIN LOGIN XOAUTH2"};
  std::string user = "crm@company.example";
  std::string password = "secret";  // of XOAUTH2: the token
  std::size_t size_limit = 10'000'000;
  CertificateRequest certificate{};
};

struct SmtpFault {
  std::string reply{};     // instead of the honest one; empty: the honest one
  bool hangs_up = false;   // instead of a reply
  bool is_silent = false;  // no reply, until the client goes
  bool drips = false;      // the reply a byte now and then, without an end
  std::string behind{};    // sent in the same packet as the reply, in clear text
  int times = 1;           // 0: always
};

struct ReceivedMail {
  std::string from;
  std::string to;
  std::string bytes;  // dots taken out
};

class SmtpServer {
 public:
  explicit SmtpServer(SmtpServerOptions options = {});
  ~SmtpServer();
  SmtpServer(const SmtpServer&) = delete;
  SmtpServer& operator=(const SmtpServer&) = delete;

  std::uint16_t port() const;
  std::string ca_file() const { return authority_.ca_file().string(); }

  // At a command: greeting, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA; `body` is in the middle of a
  // mail, `.` its end.
  void at(const std::string& command, SmtpFault fault);
  std::vector<ReceivedMail> mails() const;
  // Verbs with their arguments, but for those of AUTH; "TLS" where the connection became secret.
  std::vector<std::string> commands() const;
  int connections() const;

 private:
  class Client;
  struct Listener;
  void serve(Client& client);
  bool sign_in(Client& client, const std::string& arguments);
  void take_mail(Client& client, ReceivedMail& mail);
  void answer(Client& client, const std::string& command, const std::string& honest);
  std::optional<SmtpFault> fault_at(const std::string& command);
  std::string hello() const;

  const SmtpServerOptions options_;
  TempFolder folder_;
  TestAuthority authority_;
  CertificateFiles certificate_;
  mutable std::mutex mutex_;
  std::map<std::string, SmtpFault> faults_;
  std::vector<ReceivedMail> mails_;
  std::vector<std::string> commands_;
  int connections_ = 0;
  std::unique_ptr<Listener> listener_;
};

}  // namespace c360::testing
