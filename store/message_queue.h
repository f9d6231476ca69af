// The queue of messages to people outside, worked off by the daemon (daemon/message_sender.h).
//
//   auto claim = claim_message(database, "email", lease, false);  // committed: it is being sent
//   ... hand it over to the channel
//   note_sent(database, *claim, id_of_the_service);            // or note_unclear, note_refused
//
// A message is `sending`, committed, before its channel is touched, so what is found so when its
// lease is over may have been sent: recover_messages() treats it as unclear. The claim's version is
// its fence: whatever is noted under a claim that was lost changes nothing and fails with conflict,
// reason lease_lost. Any thread; times are the database's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/digest.h"
#include "daemon/base/error.h"
#include "store/database.h"

namespace c360::store {

inline constexpr std::size_t kMaxMessageErrorBytes = 500;

struct MessageClaim {
  std::int64_t id = 0;
  std::int64_t version = 0;
  // Not queued: it may not go any more (queue_message.h), and there is nothing to do.
  bool suppressed = false;
  std::string reason;  // of suppressed
  std::string channel;
  std::string purpose;
  std::string address;
  std::string subject;
  std::string text;
  std::string html;
  std::optional<std::int64_t> record_id;
  std::optional<std::int64_t> counterparty_id;
  std::string in_reply_to;
  std::vector<std::int64_t> document_version_ids;
  int attempts = 0;                 // with this one
  int parts_taken = 0;              // by earlier attempts: those are not sent again
  std::string provider_message_id;  // as an earlier attempt noted it; may be empty
  bool maybe_sent = false;          // an earlier attempt of these minutes ended as `unknown`
};

// The message of the channel that is due longest; none when there is none. `urgent_only`: neither
// advertising nor a reminder. What may not go any more is suppressed by it.
Result<std::optional<MessageClaim>> claim_message(Database& database, std::string_view channel,
                                                  std::chrono::milliseconds lease,
                                                  bool urgent_only);
struct NextMessage {
  bool is_due = false;  // one is to be sent now
  // Until there is something to do, sending or asking; zero: now; none: nothing is to be done.
  std::optional<std::chrono::milliseconds> until;
};
Result<NextMessage> next_message(Database& database, std::string_view channel, bool urgent_only);

// `new_address`: the recipient has moved; empty: not. Its contact gets it too. `first_look`: until
// the service is asked whether it arrived; none: nobody asks.
Result<void> note_sent(Database& database, const MessageClaim& claim,
                       std::string_view provider_message_id, std::string_view new_address,
                       std::optional<std::chrono::milliseconds> first_look);
// What becomes of a message that may have been sent. Once more after `delay` where fewer than
// `retries` attempts were unclear before, else `unknown`.
struct UnclearRule {
  int retries = 0;
  std::chrono::milliseconds delay{0};
  // Until the service is asked about an unknown one; none: it cannot be asked.
  std::optional<std::chrono::milliseconds> first_look;
  // The channel notes each part before its request: where none was begun that was not taken,
  // nothing is unclear.
  bool knows_parts = false;
  // As long as there were no more attempts: what ends the process itself must come to its end.
  int clear_attempts = 0;
};
Result<void> note_unclear(Database& database, const MessageClaim& claim, std::string_view detail,
                          std::string_view provider_message_id, const UnclearRule& rule);

// Of a message that goes as several, parts counted from 1: the request for one is about to be made,
// and the service has taken one. Each prolongs the lease; the claim stays as it is.
Result<void> note_part_begun(Database& database, const MessageClaim& claim, int part,
                             std::chrono::milliseconds lease);
Result<void> note_part_taken(Database& database, const MessageClaim& claim, int part,
                             std::string_view provider_message_id, std::chrono::milliseconds lease);

struct MessageRefusal {
  std::string reason;
  std::string detail;  // for a person
  // Until the next attempt; none: it failed for good.
  std::optional<std::chrono::milliseconds> delay;
  bool counts = true;  // as an attempt
  // For good: whoever has the address is marked with `detail` (contact.email_fault,
  // contact.telegram_fault, user.telegram_fault).
  bool no_such_address = false;
};
Result<void> note_refused(Database& database, const MessageClaim& claim,
                          const MessageRefusal& refusal);

// Messages of a channel that were being sent when their lease ran out: as note_unclear, or due at
// once where nothing was under way. How many.
Result<std::int64_t> recover_messages(Database& database, std::string_view channel,
                                      const UnclearRule& rule);

// A message whose service can be asked whether it arrived: one that was sent, or an unknown one.
struct SentMessage {
  std::int64_t id = 0;
  std::int64_t version = 0;
  bool is_unknown = false;
  std::string address;
  std::string provider_message_id;  // empty: nobody heard it
  std::optional<std::int64_t> record_id;
  std::chrono::seconds age{0};  // since it was sent, or may have been
};
// The one that is due longest; its next look is put off by `lease` meanwhile.
Result<std::optional<SentMessage>> claim_delivery_check(Database& database,
                                                        std::string_view channel,
                                                        std::chrono::milliseconds lease);
// What is known of it now. `unknown` leaves one that was sent as it is.
enum class Delivered : std::uint8_t { yes, no, on_its_way, unknown };
// `delay`: until the next look, where it is not over; none: nobody asks any more.
Result<void> note_delivery(Database& database, const SentMessage& message, Delivered delivered,
                           std::string_view detail, std::optional<std::chrono::milliseconds> delay);
struct MessageFile {
  std::string file_name;
  std::string media_type;
  Sha256 sha256{};
  std::int64_t size_bytes = 0;
};
// Of versions of documents, in this order; not_found, reason attachment_gone, where one is none any
// more.
Result<std::vector<MessageFile>> message_files(Transaction& tx,
                                               const std::vector<std::int64_t>& version_ids);

// A queued one is canceled; conflict, reason message_not_queued, with the status it has otherwise.
Result<void> cancel_message(Transaction& tx, std::int64_t id, std::optional<std::int64_t> version);
// A failed, canceled, suppressed or unknown one goes back to the queue with all its attempts,
// unless it may not go (then it is suppressed). conflict, reason message_not_finished.
Result<void> retry_message(Transaction& tx, std::int64_t id, std::optional<std::int64_t> version);

// Of one channel, for the gauges.
struct MessageDepth {
  std::string channel;
  std::int64_t queued = 0;
  std::int64_t failed = 0;
  std::int64_t unknown = 0;
  std::chrono::milliseconds oldest_due{0};
};
Result<std::vector<MessageDepth>> message_depths(Database& database);

}  // namespace c360::store
