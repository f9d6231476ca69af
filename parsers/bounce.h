// Which message a bounce gives back (RFC 3464, RFC 3462).
#pragma once

#include <string>

#include "parsers/mime_reader.h"

namespace c360::parsers {

// The Message-ID of what could not be delivered: of the returned message or its header
// (message/rfc822, text/rfc822-headers), else what the bounce itself answers. Without angle
// brackets; empty where nothing says it. Reads at most 64 KiB of a part.
std::string returned_message_id(const ParsedMail& bounce);

}  // namespace c360::parsers
