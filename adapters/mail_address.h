// Addresses of mail as a submission server takes them (RFC 5321, 4.1.2), without quoted local
// parts.
#pragma once

#include <string_view>

namespace c360::adapters {

// Whether a text can be the address of one recipient: nothing in it that could end a command.
bool is_mail_address(std::string_view text);

}  // namespace c360::adapters
