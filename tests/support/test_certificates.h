// A certificate authority for tests: its own key and certificate, and server certificates of every
// kind a client must accept or refuse. Made at run time, so nothing in the tree expires.
//
// Throws std::runtime_error where OpenSSL fails.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace c360::testing {

struct CertificateFiles {
  std::filesystem::path certificate;  // PEM
  std::filesystem::path key;          // PEM, without a passphrase
};

struct CertificateRequest {
  std::vector<std::string> names{"imap.example.test"};  // subjectAltName, DNS
  std::vector<std::string> addresses{"127.0.0.1"};      // subjectAltName, IP
  int valid_from_days = -1;                             // from now
  int valid_to_days = 30;
  bool self_signed = false;
};

class TestAuthority {
 public:
  // Writes ca.pem into `folder`, which must exist.
  explicit TestAuthority(std::filesystem::path folder);
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  std::filesystem::path ca_file() const { return folder_ / "ca.pem"; }
  // Writes NAME.pem and NAME.key, over older ones.
  CertificateFiles issue(const std::string& name, const CertificateRequest& request = {});

 private:
  struct Pair;
  std::filesystem::path folder_;
  std::unique_ptr<Pair> authority_;
  long serial_ = 1;
};

}  // namespace c360::testing
