// A service account and its provider's side: an RSA key, the file the provider gives out of it, and
// what an assertion signed with it says. The key is made once for all objects of a process.
#pragma once

#include <optional>
#include <string>

#include "daemon/base/json.h"

namespace c360::testing {

class TestServiceAccount {
 public:
  static constexpr const char* kEmail = "robot@project.iam.gserviceaccount.example";
  static constexpr const char* kKeyId = "key-1";

  // As the provider gives it out.
  static std::string file();
  static std::string private_key();  // PEM
  // Another key than the provider knows; `bits` long.
  static std::string strange_key(int bits = 2'048);
  static std::string file_with(const std::string& private_key);

  // The claims of a token that this account has signed by RS256, with its key id.
  static std::optional<Json> verified(const std::string& token);
};

}  // namespace c360::testing
