// A mail as it goes over the wire (RFC 5322, 2045-2047, 2231), written by GMime: text, HTML beside
// it, attachments; lines end with CRLF, everything in them is ASCII but addresses that are not.
//
// Pure; any thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"

namespace c360::parsers {

struct WrittenAddress {
  std::string name;  // UTF-8; may be empty
  std::string address;
};

struct WrittenPart {
  std::string file_name;   // UTF-8
  std::string media_type;  // "application/pdf"
  std::string content;
};

struct OutgoingMail {
  WrittenAddress from;
  std::string reply_to;  // an address; empty: none
  std::string to;
  std::string subject;
  std::string text;
  std::string html;         // empty: the text alone
  std::string message_id;   // without brackets
  std::string in_reply_to;  // with brackets, as it came; empty: none
  // RFC 8058: a POST to it withdraws the consent, with no further question. Empty: none.
  std::string unsubscribe_url;
  Instant date;
  std::vector<WrittenPart> attachments;
};

// No value can begin a line of its own: control characters become blanks. validation_failed,
// reason text_encoding, where a text is not UTF-8.
Result<std::string> write_mail(const OutgoingMail& mail);

}  // namespace c360::parsers
