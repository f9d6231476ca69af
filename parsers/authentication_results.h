// What our own mail server found out about a sender (RFC 8601). Fields of other servers, or of no
// one in particular, are what anybody can write into a mail: they are not looked at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/message.h"

namespace c360::parsers {

enum class SenderProof : std::uint8_t {
  none,  // our server says nothing, or nothing that decides
  pass,  // the domain of From is the sender's
  fail,  // the domain of From says that it is not
};
std::string_view to_string(SenderProof proof);

struct AuthenticationResults {
  std::string authserv_id;  // as written; empty: our server says nothing about this mail
  // Lower case, such as "pass"; empty where the method is not there.
  std::string dmarc, spf, dkim;
  std::string dmarc_domain;                    // header.from
  std::string spf_domain;                      // smtp.mailfrom, or smtp.helo
  std::vector<std::string> dkim_pass_domains;  // header.d, else the domain of header.i
  SenderProof proof = SenderProof::none;       // of the domain of From, aligned as RFC 7489, 3.1
};

inline constexpr std::size_t kMaxAuthenticationFieldBytes = std::size_t{64} << 10U;

// Reads the topmost field of `authserv_id` (compared without case); an empty id trusts nobody.
AuthenticationResults read_authentication_results(const Message& message,
                                                  std::string_view authserv_id);
// For the ledger; "{}" where our server says nothing.
std::string to_json(const AuthenticationResults& results);

}  // namespace c360::parsers
