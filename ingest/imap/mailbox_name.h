// Mailbox names: UTF-8 inside, modified UTF-7 on the wire (RFC 3501, 5.1.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace c360::ingest::imap {

// None where `name` is not valid UTF-8 or holds a control character.
std::optional<std::string> to_modified_utf7(std::string_view name);

// None where `wire` is not modified UTF-7: stray 8-bit bytes, base64 that does not decode or that
// encodes ASCII (which stands for itself, or is a control character), lone surrogates.
std::optional<std::string> from_modified_utf7(std::string_view wire);

}  // namespace c360::ingest::imap
