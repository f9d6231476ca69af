// Messages of ours that came back (domain.md 16; R-111): they failed for good, and where a server
// said that there is no such address nothing goes there any more (crm.message_refusal).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "store/database.h"

namespace c360::store {

// A bounce that names a message of ours and says of a recipient that delivery has failed. Whoever
// makes one has seen the proof that the message is ours.
struct BouncedMessage {
  std::int64_t message_id = 0;   // crm.outbound_message
  std::int64_t mail_id = 0;      // the bounce: ops.mail_message
  std::string recipient;         // who did not get it; may be another than we wrote to
  bool no_such_address = false;  // says the server that keeps the mail of `recipient`
  std::string detail;            // for a person
};

// Within the caller's transaction; no round trip. A message that was never handed over, or has
// ended otherwise, stays as it is. An address is marked only where it is the one we wrote to: who
// forwards his mail to nowhere exists.
void queue_bounces(Transaction& tx, std::span<const BouncedMessage> bounces);

}  // namespace c360::store
