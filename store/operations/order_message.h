// A message that a person or an application wants sent (POST /messages): whom it goes to, what
// stands in it, and whether he may send it.
//
// Whoever may change the record, the customer or the contact it is about may write to them; portal
// users never.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/operations/queue_message.h"
#include "store/records.h"

namespace c360::store {

inline constexpr std::size_t kMaxOrderedTextCharacters = 65'536;

struct MessageOrder {
  std::string channel;  // empty: the template's
  std::string purpose = "service";
  std::string language = "ru";  // of the template
  std::optional<std::int64_t> record_id;
  std::optional<std::int64_t> counterparty_id;
  std::optional<std::int64_t> contact_id;
  std::string address;  // empty: that of the contact, else of the customer
  std::string subject;
  std::string text;
  std::string template_code;  // instead of subject and text
  Json parameters = Json(Json::Object{});
  std::vector<std::int64_t> document_version_ids;
  std::string in_reply_to;
  std::string dedupe_key;
  std::optional<Instant> not_before;
};

struct OrderedMessage {
  QueuedMessage queued;
  std::string channel;
  std::string address;
  std::string subject;
  std::string text;
};

// Queues it; the transaction stays open. Errors:
//   validation_failed  with all that is wrong, each at its JSON pointer
//   forbidden          the record may be read but not changed (read_only); a portal user
//   conflict           the channel is off (channel_off); one with the dedupe key was queued before
//                      (duplicate_message, its id in `detail`)
Result<OrderedMessage> order_message(Records& records, Transaction& tx, const MessageOrder& order,
                                     const Actor& actor);

// Whether the actor may change the message: not_found where he does not see it, forbidden.
Result<void> may_change_message(Records& records, Transaction& tx, std::int64_t id,
                                const Actor& actor);

}  // namespace c360::store
