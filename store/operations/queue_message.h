// Messages to people outside (domain.md 16; ): queued in the transaction of their
// reason, carried by the daemon (daemon/message_sender.h).
//
//   const Ticket ticket = queue_message(tx, {.channel = "email", …});
//   ... tx.run() or tx.commit()
//   const QueuedMessage queued = queued_message(tx.rows(ticket));
//
// Whether a message may go is decided here and again when it is sent: consent for advertising,
// contacts that want none, customers on the black list, addresses that do not exist
// (crm.message_refusal). What may not is kept
// as `suppressed` with the reason, so that people see why nothing came.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "store/database.h"

namespace c360::store {

inline constexpr std::size_t kMaxMessageAddressBytes = 320;
inline constexpr std::size_t kMaxMessageSubjectCharacters = 500;
inline constexpr std::size_t kMaxMessageBodyBytes = std::size_t{1} << 20U;
inline constexpr std::size_t kMaxMessageAttachments = 20;
inline constexpr std::size_t kMaxMessageDedupeKeyBytes = 255;

struct MessageRequest {
  std::string channel;  // email, telegram, sms
  std::string purpose;  // service, reminder, promo, support_reply, notification
  std::string address;  // a mail address, a chat, a number in E.164
  std::string subject;  // mail only
  std::string text;     // plain; not empty
  std::optional<std::string> html;
  // Whom it is for. A user is one of our own people.
  std::optional<std::int64_t> user_id;
  std::optional<std::int64_t> contact_id;
  std::optional<std::int64_t> counterparty_id;  // none: that of the contact, or of the record
  // What it is about: who may read that may read the message. None: the counterparty, the contact.
  std::optional<std::int64_t> record_id;
  std::optional<std::string> template_code;  // that `text` was made of
  std::string parameters = "{}";             // JSON object, what it was filled with
  // One message ever, whatever became of it; empty: any number. Prefix it with what makes it, such
  // as "reminder:17:2026-11-23".
  std::string dedupe_key;
  std::optional<std::string> in_reply_to;  // a Message-ID with its brackets
  std::vector<std::int64_t> document_version_ids;
  std::optional<Instant> not_before;
  std::optional<std::int64_t> created_by;  // a user; none: the service itself
  // Why it may not go, where whoever queues it knows: it is only noted. Empty: judged.
  std::string refusal{};
};

struct QueuedMessage {
  std::int64_t id = 0;
  std::string status;  // queued or suppressed; of an earlier one, what it is by now
  // Of suppressed: no_consent, no_contact, blacklisted, no_such_address, channel_off, …
  std::string reason;
  bool fresh = true;  // false: there was one with the dedupe key, and nothing new was queued

  bool suppressed() const { return status == "suppressed"; }
};

// Within the caller's transaction; no round trip.
Ticket queue_message(Transaction& tx, const MessageRequest& request);
QueuedMessage queued_message(const Rows& rows);

// What a reason means, for a person.
std::string_view suppression_sentence(std::string_view reason);

}  // namespace c360::store
