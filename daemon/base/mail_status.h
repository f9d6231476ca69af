// Enhanced status codes of mail systems (RFC 3463, 2034): "5.1.1".
#pragma once

#include <string>
#include <string_view>

namespace c360 {

// The code a text begins with; empty where it begins with none.
std::string mail_status(std::string_view text);

// Whether it says for good that there is no such address: 5.1.1 to 5.1.3 (no such mailbox, no such
// host, no address at all), 5.1.6 (moved away), 5.1.10 (a domain without mail, RFC 7505). The other
// 5.1 codes are said of senders and of much else.
bool denies_address(std::string_view status);

}  // namespace c360
