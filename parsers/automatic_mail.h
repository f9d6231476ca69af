// Mail that no person typed: auto-replies, bounces, lists.
#pragma once

#include <string>

#include "parsers/message.h"

namespace c360::parsers {

struct AutomaticKind {
  bool is_auto_reply = false;  // RFC 3834 and its ancestors
  bool is_bounce = false;      // RFC 3464, or a daemon's mail with an empty return path
  bool is_list = false;        // RFC 2919, 2369
  std::string reason;          // the header field or media type that decided; empty when none did
};

// By headers and media types only; a subject alone never decides.
AutomaticKind automatic_kind(const Message& message);

}  // namespace c360::parsers
