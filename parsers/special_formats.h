// Mails whose content is wrapped in a way that only some programs open: recognised, kept as the
// attachments they are, and counted.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/message.h"

namespace c360::parsers {

// tnef: Outlook's winmail.dat ([MS-OXTNEF]); smime: RFC 8551; pgp: RFC 3156, or inline (RFC 9580).
inline constexpr std::array<std::string_view, 3> kSpecialFormats = {"tnef", "smime", "pgp"};

// Those of `kSpecialFormats` that are in the mail, in that order.
std::vector<std::string> special_formats(const Message& message);

}  // namespace c360::parsers
