// Which message a bounce gives back (RFC 3464, RFC 3462).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "parsers/mime_reader.h"

namespace c360::parsers {

// The Message-ID of what could not be delivered: of the returned message or its header
// (message/rfc822, text/rfc822-headers), else what the bounce itself answers. Without angle
// brackets; empty where nothing says it. Reads at most 64 KiB of a part.
std::string returned_message_id(const ParsedMail& bounce);

inline constexpr std::size_t kMaxStatusBytes = std::size_t{64} << 10U;  // read of a report
inline constexpr std::size_t kMaxReportedRecipients = 100;
inline constexpr std::size_t kMaxDiagnosticBytes = 500;

// What a report says of one recipient (RFC 3464, 2.3).
struct RecipientStatus {
  std::string recipient;   // Final-Recipient without its type; may be empty
  std::string action;      // lower case: failed, delayed, delivered, relayed, expanded
  std::string status;      // RFC 3463, "5.1.1"; empty where there is none
  std::string diagnostic;  // what the server said, for a person; one line, may be empty
};

// Of the report of a bounce (message/delivery-status), not of one in a mail that is attached to it;
// empty where it has none. A status that says nothing (x.0.0) gives way to the one in the
// diagnostic.
std::vector<RecipientStatus> reported_recipients(const ParsedMail& bounce);

}  // namespace c360::parsers
