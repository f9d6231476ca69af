// Webhooks as administrators keep them: who is told of which events, under which secret.
// webhook_queue.h delivers. Any thread; every change leaves a row in the history.
//
// Secrets are kept sealed under the key of webhooks.key_file, one for all daemons on a database
// (sealed_secrets.h).
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

namespace c360::store {

inline constexpr std::int64_t kMaxWebhooks = 100;
inline constexpr std::size_t kMaxWebhookNameBytes = 200;
inline constexpr std::size_t kWebhookKeyBytes = 32;

// By the key of the configuration: what seals new ones.
Seal webhook_seal(const Secret& key);

// What a request sets; the rest stays, or has its default. Addresses and codes were checked before.
struct WebhookDraft {
  std::optional<std::string> name;
  std::optional<std::string> url;
  std::optional<std::vector<std::string>> kinds;   // of records; empty: all
  std::optional<std::vector<std::string>> events;  // empty: all
  std::optional<std::string> state;                // active, paused
  std::optional<std::int64_t> owner_id;            // of a change: an active user
};

struct NewWebhook {
  std::int64_t id = 0;
  Secret key;
};

// Delivers what happens from now on, as far as the actor, who owns it, may read it. conflict,
// reason too_many_webhooks, over kMaxWebhooks.
Result<NewWebhook> create_webhook(Database& database, const WebhookDraft& draft, const Seal& seal,
                                  const Actor& actor);
// not_found; precondition_failed where `version` is given and it has another one. A new address or
// state is used from the next delivery on, at once.
Result<void> change_webhook(Database& database, std::int64_t id, const WebhookDraft& draft,
                            std::optional<std::int64_t> version, const Actor& actor);
// With all that was to be delivered, and its log. Errors as above.
Result<void> remove_webhook(Database& database, std::int64_t id,
                            std::optional<std::int64_t> version, const Actor& actor);
// A new key; the one it replaces signs too for as long as `overlap`. not_found.
Result<Secret> rotate_webhook_key(Database& database, std::int64_t id, std::chrono::seconds overlap,
                                  const Seal& seal, const Actor& actor);

// Everything after `from` once more, in order, and then what follows; what is queued stays.
// not_found; invalid_request, reason cursor_unknown, for a position of the future.
Result<void> replay_webhook(Database& database, std::int64_t id, const FeedPosition& from,
                            const Actor& actor);
// What was given up, once more; how many.
Result<std::int64_t> replay_parked(Database& database, std::int64_t id, const Actor& actor);

struct WebhookRow {
  std::int64_t version = 0;
  std::string json;  // one object, without secrets
};
// By id; all of them without one.
Result<std::vector<WebhookRow>> list_webhooks(Database& database,
                                              std::optional<std::int64_t> id = std::nullopt);

// Newest event first; an empty status does not filter.
struct WebhookDeliveryFilter {
  std::int64_t webhook_id = 0;
  std::string status;                  // queued, delivered, parked
  std::optional<std::int64_t> before;  // event ids below: the last one of the page before
  int limit = 50;
};
struct WebhookDeliveryRow {
  std::int64_t event_id = 0;
  std::string json;
};
Result<std::vector<WebhookDeliveryRow>> list_webhook_deliveries(
    Database& database, const WebhookDeliveryFilter& filter);

}  // namespace c360::store
