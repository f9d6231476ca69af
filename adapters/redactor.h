// Takes secrets out of what is shown, logged or kept: the configured ones wherever they stand and
// in whatever spelling, and what services put into addresses by themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/secret.h"

namespace c360::adapters {

class Redactor {
 public:
  explicit Redactor(const std::vector<Secret>& secrets);
  // *** for each secret (plain, percent-encoded, in JSON spelling, and those in lower case) and for
  // the values of the parameters `key`, `mac`, `ltoken`, `token`, `access_token`, `psw` and
  // `api_id` of an address.
  std::string operator()(std::string_view text) const;
  // One line of valid UTF-8 without control characters, at most `limit` bytes: for error texts.
  std::string line(std::string_view text, std::size_t limit) const;

 private:
  std::vector<Secret> spellings_;
};

// RFC 3986: everything but unreserved characters as %XX. Of a name or value of a query.
std::string percent_encoded(std::string_view text);
// What tells settings or keys apart without saying them: the first 6 hex digits of SHA-256.
std::string fingerprint(std::string_view text);

}  // namespace c360::adapters
