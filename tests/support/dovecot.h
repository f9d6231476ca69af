// A private Dovecot for one test or one script: own folder, own certificate authority, loopback
// ports of its own, users with Maildirs. Gone with the object.
//
// Throws std::runtime_error with Dovecot's own words where it cannot start. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/maildir.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_folder.h"

namespace c360::testing {

struct DovecotOptions {
  std::string server_name = "imap.example.test";  // in the certificate, beside 127.0.0.1
  std::string password = "secret";                // of every user
  std::string capabilities;    // what is announced after the sign-in; empty: Dovecot's own list
  bool plaintext_auth = true;  // without TLS; false: LOGINDISABLED before STARTTLS
  std::string mechanisms = "plain login";
  std::uint16_t relay_port = 0;  // a submission service too, which hands mails on to this port
};

class Dovecot {
 public:
  explicit Dovecot(DovecotOptions options = {});
  Dovecot(const Dovecot&) = delete;
  Dovecot& operator=(const Dovecot&) = delete;

  std::uint16_t imap_port() const { return imap_port_; }              // plain and STARTTLS
  std::uint16_t imaps_port() const { return imaps_port_; }            // implicit TLS
  std::uint16_t submission_port() const { return submission_port_; }  // STARTTLS; with relay_port
  std::string ca_file() const { return (root_ / "tls/ca.pem").string(); }
  const DovecotOptions& options() const { return options_; }
  const std::filesystem::path& root() const { return root_; }

  void start();                     // after stop() or kill(); same ports, same mail
  void stop() { process_.stop(); }  // gently: sessions get a BYE
  void kill() { process_.kill(); }  // SIGKILL, sessions too

  // Of every user, from now on; sessions are ended. The server must run.
  void change_password(const std::string& password);

  // Puts a mail into the Maildir of `user` as a delivery agent would. `folder` is "INBOX" or a
  // name such as "Done"; it is created. Line ends are kept as given.
  void deliver(std::string_view user, std::string_view bytes, std::string_view folder = "INBOX") {
    mail_.deliver(user, bytes, folder);
  }
  // All mails of a folder, in order of delivery; none where the folder is missing.
  std::vector<StoredMail> stored(std::string_view user, std::string_view folder = "INBOX") const {
    return mail_.stored(user, folder);
  }
  // Runs doveadm against this server and returns its output; throws where it fails.
  std::string doveadm(const std::vector<std::string>& arguments) const;
  // A new UIDVALIDITY for the folder, as after a restore from backup. The server must be stopped.
  void change_uidvalidity(std::string_view user, std::string_view folder = "INBOX");
  std::string log() const;

 private:
  void write_configuration() const;

  DovecotOptions options_;
  TempFolder folder_{"c360-dovecot"};
  std::filesystem::path root_ = folder_.path();
  Maildirs mail_{root_ / "mail"};
  std::uint16_t imap_port_ = 0;
  std::uint16_t imaps_port_ = 0;
  std::uint16_t submission_port_ = 0;
  ServerProcess process_;  // last: ends before its folder goes
};

}  // namespace c360::testing
