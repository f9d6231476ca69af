// A private Cyrus for one test: own folder, own certificate authority, loopback ports of its own.
// Every user who signs in has an empty INBOX. Gone with the object.
//
// Throws std::runtime_error with Cyrus's own words where it cannot start. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/password_socket.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_folder.h"

namespace c360::testing {

class Cyrus {
 public:
  Cyrus();
  Cyrus(const Cyrus&) = delete;
  Cyrus& operator=(const Cyrus&) = delete;

  std::uint16_t imap_port() const { return ports_[0]; }   // plain and STARTTLS
  std::uint16_t imaps_port() const { return ports_[1]; }  // implicit TLS
  std::string ca_file() const { return (root_ / "tls/ca.pem").string(); }

  // Puts mails into the INBOX by APPEND. Cyrus keeps no others than RFC 5322 allows: with a header
  // and without a bare line feed.
  void deliver(const std::string& user, std::span<const std::string> mails);
  // The mails of a folder by their numbers; its name is in modified UTF-7.
  std::vector<std::string> stored(const std::string& user, const std::string& folder) const;

 private:
  void write_configuration() const;

  TempFolder folder_{"c360-cyrus"};
  std::filesystem::path root_ = folder_.path();
  std::vector<std::uint16_t> ports_ = free_ports(2);
  PasswordSocket passwords_;
  ServerProcess process_;  // last: ends before its folder goes
};

}  // namespace c360::testing
