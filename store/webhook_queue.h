// What webhooks are to deliver, taken from the change feed and worked off by one daemon at a time.
//
//   auto claim = claim_webhook(database, holder, lease, seals);  // of the one that waits longest
//   auto fed = feed_webhook(database, records, *claim);         // history -> queue
//   auto due = due_deliveries(database, *claim, 50);            // in order
//   ... send each, then note_delivered() or note_failed()
//   release_webhook(database, *claim, 1'000ms);
//
// A webhook is held under a lease with a fencing number, as jobs are (jobs.h). Whatever is noted
// under a lease that was lost changes nothing and fails with conflict, reason lease_lost. What was
// sent and not noted is sent again: each event at least once, by its id the receiver knows it.
//
// Order: events of one record go one after the other; one that the receiver refuses holds back the
// later ones of its record, until it is delivered or parked. Any thread; times are the database's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/seal.h"
#include "daemon/base/secret.h"
#include "store/actor.h"
#include "store/database.h"
#include "store/feed.h"
#include "store/records.h"

namespace c360::store {

// Events of one webhook that wait; further ones stay in the history until there is room.
inline constexpr std::int64_t kMaxQueuedDeliveries = 10'000;

struct WebhookClaim {
  std::int64_t id = 0;
  std::string holder;
  std::int64_t fence = 0;
  std::chrono::milliseconds lease{0};
  std::int64_t version = 0;  // changed meanwhile: nothing is due any more under this claim
  std::string url;
  std::vector<std::string> kinds;
  std::vector<std::string> events;
  // The newest first. None: it is sealed under another key than ours, and nothing must be sent.
  std::vector<Secret> keys;
  FeedPosition position;
  int failures = 0;         // of the receiver, in a row
  std::int64_t queued = 0;  // at the time of the claim, and what was fed since
  // Whose rights count, with his groups; none: he is not active any more.
  std::optional<Actor> owner;
  bool hindered = false;  // note_hindrance() said why nothing is sent, and nobody took it back
};

// An active webhook that wants to be looked at and is in nobody's hands; none when there is none.
// `seals` opens its keys (SecretSeals::webhook); what is sealed under others is left to daemons
// that have them.
Result<std::optional<WebhookClaim>> claim_webhook(Database& database, std::string_view holder,
                                                  std::chrono::milliseconds lease,
                                                  const SealRing& seals);
// Writes down why nothing is sent with those that `seals` does not open and nobody has looked at
// for `patience`; which it was not written down with before.
Result<std::vector<std::int64_t>> note_unread(Database& database, const SealRing& seals,
                                              std::string_view why,
                                              std::chrono::milliseconds patience);
// Shown with the webhook, as the reason that nothing is sent; an empty `why`: there is none any
// more. True: that is new.
Result<bool> note_hindrance(Database& database, const WebhookClaim& claim, std::string_view why);
// At once free for others, looked at again after `wait`; nothing when it is not ours any more.
Result<void> release_webhook(Database& database, const WebhookClaim& claim,
                             std::chrono::milliseconds wait);

// A stretch of the feed into the queue, what the owner may read of it; moves the position of the
// claim. True: there is more, and room for it. conflict, reason lease_lost, also where somebody
// moved the position.
Result<bool> feed_webhook(Database& database, const Records& records, WebhookClaim& claim);

struct DueDelivery {
  std::int64_t event_id = 0;
  std::string subject;
  std::string event;
  std::string body;
  int attempts = 0;  // before this one
};
// In order; of one subject either none or from its oldest on.
Result<std::vector<DueDelivery>> due_deliveries(Database& database, const WebhookClaim& claim,
                                                int limit);

struct DeliveryAttempt {
  std::int64_t event_id = 0;
  int http_status = 0;  // 0: no answer
  std::chrono::milliseconds took{0};
  std::string error;                   // of a failed one
  std::chrono::milliseconds delay{0};  // after a failed one, until the next
  bool of_receiver = false;            // it says that the receiver is not well
  std::chrono::hours retry_limit{0};   // what waits for longer is parked
};
// Both renew the lease. The webhook may have been changed during the attempt (another address,
// another key, paused): what was delivered is noted all the same, and false says that nothing more
// must go out by this claim; a failure says nothing of what is in force now, so it is lease_lost.
Result<bool> note_delivered(Database& database, const WebhookClaim& claim,
                            const DeliveryAttempt& attempt);
// How many were parked by it: the event itself after retry_limit, and where the receiver is not
// well all that waits for so long.
Result<std::int64_t> note_failed(Database& database, const WebhookClaim& claim,
                                 const DeliveryAttempt& attempt);

// Delivered longer ago than `age`, `limit` at most; how many.
Result<std::int64_t> purge_deliveries(Database& database, std::chrono::hours age,
                                      std::int64_t limit);

// Of one webhook, for the gauges.
struct WebhookDepth {
  std::int64_t id = 0;
  std::int64_t queued = 0;
  std::int64_t parked = 0;
  std::chrono::milliseconds oldest{0};  // how long the one queued longest has waited; 0: paused
};
Result<std::vector<WebhookDepth>> webhook_depths(Database& database);

}  // namespace c360::store
