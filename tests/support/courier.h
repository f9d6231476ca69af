// A private Courier for one test: own folder, own certificate authority, loopback ports of its own,
// users with Maildirs. Gone with the object.
//
// Throws std::runtime_error with Courier's own words where it cannot start. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/maildir.h"
#include "tests/support/password_socket.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_folder.h"

namespace c360::testing {

class Courier {
 public:
  Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  std::uint16_t imap_port() const { return ports_[0]; }   // plain and STARTTLS
  std::uint16_t imaps_port() const { return ports_[1]; }  // implicit TLS
  std::string ca_file() const { return (root_ / "tls/ca.pem").string(); }

  // A user without a Maildir cannot sign in.
  void add_user(std::string_view user) { mail_.create(user); }
  // As a delivery agent does. Courier keeps lines ended by LF and sends each as CRLF, so CRLF is
  // stored as LF.
  void deliver(std::string_view user, std::string bytes);
  // As delivered, with CRLF. A folder is called by its UTF-8 name here, without "INBOX.".
  std::vector<std::string> stored(std::string_view user, std::string_view folder) const;

 private:
  ServerCommand command(const std::vector<std::string>& server, bool tls) const;

  TempFolder folder_{"c360-courier"};
  std::filesystem::path root_ = folder_.path();
  Maildirs mail_{root_ / "mail"};
  std::vector<std::uint16_t> ports_ = free_ports(2);
  PasswordSocket passwords_;
  ServerProcess plain_;  // last two: they end before their folder goes
  ServerProcess tls_;
};

}  // namespace c360::testing
