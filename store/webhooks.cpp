#include "store/webhooks.h"

#include <utility>

#include "daemon/base/digest.h"
#include "daemon/base/json.h"
#include "store/history.h"

namespace c360::store {

namespace {

// One at a time, or two could both be the last that fits.
constexpr Sql kLock{"webhooks.lock", "SELECT pg_advisory_xact_lock(hashtext('ops.webhook'))"};
constexpr Sql kCreate{"webhooks.create", R"sql(
INSERT INTO ops.webhook (name, url, kinds, events, state, owner_id, secret_sealed, secret_key_id,
                         position_xid)
SELECT $1, $2, $3::text[], $4::text[], $5, $6, $7::bytea, $9::bytea,
       pg_snapshot_xmin(pg_current_snapshot())
 WHERE (SELECT count(*) FROM ops.webhook) < $8
RETURNING id)sql"};

constexpr Sql kFind{"webhooks.find", R"sql(
SELECT row_version, json_build_object('name', name, 'url', url, 'kinds', kinds, 'events', events,
                                      'state', state, 'owner_id', owner_id)::text
  FROM ops.webhook WHERE id = $1 FOR NO KEY UPDATE)sql"};
// What the receiver did so far says nothing about the new address, nor about the new owner.
constexpr Sql kChange{"webhooks.change", R"sql(
UPDATE ops.webhook
   SET name = $2, url = $3, kinds = $4::text[], events = $5::text[], state = $6,
       owner_id = $7, failures = 0, last_error = NULL, next_look_at = now(), row_version = row_version + 1, updated_at = now()
 WHERE id = $1
RETURNING row_version)sql"};
constexpr Sql kHurry{"webhooks.hurry", R"sql(
UPDATE ops.webhook_delivery SET next_attempt_at = now()
 WHERE webhook_id = $1 AND status = 'queued' AND next_attempt_at > now())sql"};
// The days that are given an event (WebhookSender's retry limit) do not run while nobody tries.
constexpr Sql kResume{"webhooks.resume", R"sql(
UPDATE ops.webhook_delivery SET queued_at = now() WHERE webhook_id = $1 AND status = 'queued')sql"};
constexpr Sql kRemove{"webhooks.remove", "DELETE FROM ops.webhook WHERE id = $1"};

// A third key within the overlap ends the first one.
constexpr Sql kRotate{"webhooks.rotate", R"sql(
UPDATE ops.webhook
   SET former_secret = secret, former_sealed = secret_sealed, former_key_id = secret_key_id,
       former_until = now() + $3::bigint * interval '1 second', secret = NULL,
       secret_sealed = $2::bytea, secret_key_id = $4::bytea, row_version = row_version + 1, updated_at = now()
 WHERE id = $1
RETURNING row_version)sql"};

constexpr Sql kReplay{"webhooks.replay", R"sql(
UPDATE ops.webhook
   SET position_xid = $2::xid8, position_event = $3, next_look_at = now(),
       row_version = row_version + 1, updated_at = now()
 WHERE id = $1 AND $2::xid8 <= pg_snapshot_xmin(pg_current_snapshot())
RETURNING row_version)sql"};
constexpr Sql kReplayParked{"webhooks.replay_parked", R"sql(
WITH back AS (
  UPDATE ops.webhook_delivery
     SET status = 'queued', queued_at = now(), next_attempt_at = now(), attempts = 0
   WHERE webhook_id = $1 AND status = 'parked'
  RETURNING 1),
look AS (UPDATE ops.webhook SET next_look_at = now() WHERE id = $1)
SELECT count(*) FROM back)sql"};

constexpr Sql kList{"webhooks.list", R"sql(
SELECT w.row_version, json_build_object(
         'id', w.id, 'name', w.name, 'url', w.url, 'kinds', w.kinds, 'events', w.events,
         'state', w.state, 'owner_id', w.owner_id,
         'cursor', w.position_xid::text || '.' || w.position_event,
         'queued', queued.n, 'parked', parked.n, 'oldest_queued_at', queued.oldest,
         'failures', w.failures, 'last_error', w.last_error,
         'last_attempt_at', w.last_attempt_at, 'last_delivered_at', w.last_delivered_at,
         'former_secret_until', CASE WHEN w.former_until > now() THEN w.former_until END,
         'created_at', w.created_at, 'updated_at', w.updated_at, 'row_version', w.row_version)::text
  FROM ops.webhook AS w
 CROSS JOIN LATERAL (
    SELECT count(*) AS n, min(queued_at) AS oldest FROM ops.webhook_delivery
     WHERE webhook_id = w.id AND status = 'queued') AS queued
 CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM ops.webhook_delivery
     WHERE webhook_id = w.id AND status = 'parked') AS parked
 WHERE $1::bigint IS NULL OR w.id = $1
 ORDER BY w.id)sql"};

constexpr Sql kDeliveries{"webhooks.deliveries", R"sql(
SELECT event_id, json_build_object(
         'event_id', event_id, 'cursor', xid::text || '.' || event_id, 'event', event,
         'subject', subject, 'status', status, 'attempts', attempts, 'queued_at', queued_at,
         'next_attempt_at', CASE WHEN status = 'queued' THEN next_attempt_at END,
         'last_attempt_at', last_attempt_at, 'http_status', http_status, 'took_ms', took_ms,
         'last_error', last_error, 'delivered_at', delivered_at)::text
  FROM ops.webhook_delivery
 WHERE webhook_id = $1 AND ($2 = '' OR status = $2) AND ($3::bigint IS NULL OR event_id < $3)
 ORDER BY event_id DESC LIMIT $4)sql"};

std::unexpected<Error> no_webhook(std::int64_t id) {
  return fail(ErrorCode::not_found, "There is no webhook " + std::to_string(id) + ".",
              "webhook_not_found");
}

void queue_webhook_event(Transaction& tx, std::int64_t id, HistoryEvent event,
                         std::optional<std::int64_t> version, const Actor& actor) {
  queue_history(tx, {.kind = "webhook", .key = std::to_string(id), .is_record = false},
                {std::move(event)}, version, actor);
}

Json list_json(const std::vector<std::string>& words) {
  Json::Array array;
  for (const std::string& word : words) array.emplace_back(word);
  return array;
}

std::vector<std::string> words_of(const Json& list) {
  std::vector<std::string> words;
  for (const Json& each : list.as_array()) words.push_back(each.as_string());
  return words;
}

// `current` with what the draft sets; `changes` gets a row for each difference.
Json changed_webhook(Json current, const WebhookDraft& draft, Json::Array& changes) {
  const auto set = [&](const char* field, std::optional<Json> value) {
    if (!value || *current.find(field) == *value) return;
    changes.push_back(
        Json::Object{{"field", field}, {"old", *current.find(field)}, {"new", *value}});
    current.set(field, std::move(*value));
  };
  const auto text = [](const std::optional<std::string>& value) {
    return value ? std::optional<Json>(*value) : std::nullopt;
  };
  const auto list = [](const std::optional<std::vector<std::string>>& value) {
    return value ? std::optional<Json>(list_json(*value)) : std::nullopt;
  };
  set("name", text(draft.name));
  set("url", text(draft.url));
  set("kinds", list(draft.kinds));
  set("events", list(draft.events));
  set("state", text(draft.state));
  set("owner_id", draft.owner_id ? std::optional<Json>(*draft.owner_id) : std::nullopt);
  return current;
}

// The row locked, in the version expected.
Result<Json> find_for_change(Transaction& tx, std::int64_t id,
                             std::optional<std::int64_t> version) {
  auto rows = tx.query(kFind, std::move(Params{}.add(id)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return no_webhook(id);
  if (version && (*rows)->int64(0, 0) != *version)
    return fail(ErrorCode::precondition_failed, "The webhook was changed meanwhile; read it again.",
                "stale_version");
  return Json::parse((*rows)->text(0, 1));
}

std::vector<std::string> or_none(const std::optional<std::vector<std::string>>& words) {
  return words ? *words : std::vector<std::string>{};
}

Secret new_key() { return Secret(random_bytes(kWebhookKeyBytes)); }

}  // namespace

Seal webhook_seal(const Secret& key) { return {key, "webhook"}; }

Result<NewWebhook> create_webhook(Database& database, const WebhookDraft& draft, const Seal& seal,
                                  const Actor& actor) {
  const NewWebhook made{.key = new_key()};
  std::int64_t id = 0;
  auto done = in_transaction(database, Pool::api, [&](Transaction& tx) -> Result<void> {
    tx.queue(kLock);
    auto rows = tx.query(kCreate, std::move(Params{}
                                                .add(draft.name.value_or(""))
                                                .add(draft.url.value_or(""))
                                                .add_array(or_none(draft.kinds))
                                                .add_array(or_none(draft.events))
                                                .add(draft.state.value_or("active"))
                                                .add(actor.user_id)
                                                .add_bytes(seal.close(made.key.reveal()))
                                                .add(kMaxWebhooks)
                                                .add_bytes(as_bytes_view(seal.id()))));
    if (!rows) return std::unexpected(rows.error());
    if ((*rows)->empty())
      return fail(ErrorCode::conflict,
                  "There are " + std::to_string(kMaxWebhooks) + " webhooks already.",
                  "too_many_webhooks");
    id = (*rows)->int64(0, 0);
    queue_webhook_event(tx, id, {"created", "[]"}, 1, actor);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return NewWebhook{id, made.key};
}

Result<void> change_webhook(Database& database, std::int64_t id, const WebhookDraft& draft,
                            std::optional<std::int64_t> version, const Actor& actor) {
  return in_transaction(database, Pool::api, [&](Transaction& tx) -> Result<void> {
    auto current = find_for_change(tx, id, version);
    if (!current) return std::unexpected(current.error());
    const bool was_paused = current->find("state")->as_string() == "paused";
    Json::Array changes;
    const Json next = changed_webhook(std::move(*current), draft, changes);
    if (changes.empty()) return {};
    const auto text = [&](const char* field) { return next.find(field)->as_string(); };
    auto rows = tx.query(kChange, std::move(Params{}
                                                .add(id)
                                                .add(text("name"))
                                                .add(text("url"))
                                                .add_array(words_of(*next.find("kinds")))
                                                .add_array(words_of(*next.find("events")))
                                                .add(text("state"))
                                                .add(*next.find("owner_id")->as_int64())));
    if (!rows) return std::unexpected(rows.error());
    queue_webhook_event(tx, id, {"updated", Json(std::move(changes)).dump()}, (*rows)->int64(0, 0),
                        actor);
    if (was_paused && next.find("state")->as_string() == "active")
      tx.queue(kResume, std::move(Params{}.add(id)));
    tx.queue(kHurry, std::move(Params{}.add(id)));
    return {};
  });
}

Result<void> remove_webhook(Database& database, std::int64_t id,
                            std::optional<std::int64_t> version, const Actor& actor) {
  return in_transaction(database, Pool::api, [&](Transaction& tx) -> Result<void> {
    auto current = find_for_change(tx, id, version);
    if (!current) return std::unexpected(current.error());
    tx.queue(kRemove, std::move(Params{}.add(id)));
    queue_webhook_event(tx, id, {"deleted", "[]"}, std::nullopt, actor);
    return {};
  });
}

Result<Secret> rotate_webhook_key(Database& database, std::int64_t id, std::chrono::seconds overlap,
                                  const Seal& seal, const Actor& actor) {
  Secret key = new_key();
  auto done = in_transaction(database, Pool::api, [&](Transaction& tx) -> Result<void> {
    auto rows = tx.query(kRotate, std::move(Params{}
                                                .add(id)
                                                .add_bytes(seal.close(key.reveal()))
                                                .add(static_cast<std::int64_t>(overlap.count()))
                                                .add_bytes(as_bytes_view(seal.id()))));
    if (!rows) return std::unexpected(rows.error());
    if ((*rows)->empty()) return no_webhook(id);
    queue_webhook_event(tx, id, {"updated", R"([{"field":"secret","old":null,"new":null}])"},
                        (*rows)->int64(0, 0), actor);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return key;
}

Result<void> replay_webhook(Database& database, std::int64_t id, const FeedPosition& from,
                            const Actor& actor) {
  return in_transaction(database, Pool::api, [&](Transaction& tx) -> Result<void> {
    if (auto found = find_for_change(tx, id, std::nullopt); !found)
      return std::unexpected(found.error());
    auto rows = tx.query(
        kReplay, std::move(Params{}.add(id).add(std::to_string(from.transaction)).add(from.event)));
    if (!rows) return std::unexpected(rows.error());
    if ((*rows)->empty())
      return fail(ErrorCode::invalid_request, "The cursor lies in the future of this database.",
                  "cursor_unknown");
    const std::string changes = R"([{"field":"cursor","old":null,"new":")" + from.text() + "\"}]";
    queue_webhook_event(tx, id, {"updated", changes}, (*rows)->int64(0, 0), actor);
    return {};
  });
}

Result<std::int64_t> replay_parked(Database& database, std::int64_t id, const Actor& actor) {
  std::int64_t count = 0;
  auto done = in_transaction(database, Pool::api, [&](Transaction& tx) -> Result<void> {
    if (auto found = find_for_change(tx, id, std::nullopt); !found)
      return std::unexpected(found.error());
    auto rows = tx.query(kReplayParked, std::move(Params{}.add(id)));
    if (!rows) return std::unexpected(rows.error());
    count = (*rows)->int64(0, 0);
    if (count > 0)
      queue_webhook_event(
          tx, id,
          {"updated", R"([{"field":"parked","old":)" + std::to_string(count) + R"(,"new":0}])"},
          std::nullopt, actor);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return count;
}

Result<std::vector<WebhookRow>> list_webhooks(Database& database, std::optional<std::int64_t> id) {
  auto rows = database.execute(Pool::api, kList, std::move(Params{}.add(id)));
  if (!rows) return std::unexpected(rows.error());
  if (id && rows->empty()) return no_webhook(*id);
  std::vector<WebhookRow> list;
  for (int row = 0; row < rows->size(); ++row)
    list.push_back({rows->int64(row, 0), std::string(rows->text(row, 1))});
  return list;
}

Result<std::vector<WebhookDeliveryRow>> list_webhook_deliveries(
    Database& database, const WebhookDeliveryFilter& filter) {
  auto rows = database.execute(
      Pool::api, kDeliveries,
      std::move(
          Params{}.add(filter.webhook_id).add(filter.status).add(filter.before).add(filter.limit)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<WebhookDeliveryRow> list;
  for (int row = 0; row < rows->size(); ++row)
    list.push_back({rows->int64(row, 0), std::string(rows->text(row, 1))});
  return list;
}

}  // namespace c360::store
