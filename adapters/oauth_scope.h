// What a token is good for (RFC 6749, 3.3), as far as it concerns us.
#pragma once

#include <string_view>

namespace c360::adapters {

// Yandex's scope for reading mail: with it no flag can be set, and handled mail stays unread.
inline constexpr std::string_view kReadOnlyScope = "mail:imap_ro";

// Whether a list of scopes, separated by blanks, holds that one and not mail:imap_full.
bool reads_mail_only(std::string_view scopes);

}  // namespace c360::adapters
