#include "store/webhook_queue.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "daemon/base/text.h"
#include "store/model/registry.h"

namespace c360::store {

namespace {

constexpr std::size_t kMaxDeliveryErrorBytes = 500;
// What last_error begins with where it is no answer of the receiver.
constexpr std::string_view kHindrance = "nothing is sent: ";

// Neither this nor kFeed and kRelease are waited for until they are on the disk, or idle webhooks
// would write there several times a second each: what a server that loses its power forgets of
// them is done again.
constexpr Sql kClaim{"webhook_queue.claim", R"sql(
WITH RECURSIVE next AS (
  SELECT id FROM ops.webhook
   WHERE state = 'active' AND next_look_at <= now()
     AND (claimed_until IS NULL OR claimed_until <= now())
     AND (secret_key_id IS NULL OR secret_key_id = ANY ($3::bytea[]))
   ORDER BY next_look_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED),
ours AS (
  UPDATE ops.webhook AS w
     SET holder = $1, fence = fence + 1,
         claimed_until = clock_timestamp() + $2::bigint * interval '1 millisecond'
    FROM next WHERE w.id = next.id
  RETURNING w.*),
member AS (
  SELECT m.group_id FROM crm.group_member AS m JOIN ours ON m.user_id = ours.owner_id
   UNION
  SELECT n.parent_id FROM crm.group_nesting AS n JOIN member ON n.child_id = member.group_id)
SELECT w.id, w.fence, w.row_version, w.url, w.kinds, w.events, w.position_xid::text,
       w.position_event, w.failures,
       (SELECT count(*) FROM ops.webhook_delivery
         WHERE webhook_id = w.id AND status = 'queued'), u.id, u.login, u.kind = 'service',
       ARRAY(SELECT group_id FROM member ORDER BY group_id), w.secret, w.secret_sealed,
       CASE WHEN w.former_until > now() THEN w.former_secret END,
       CASE WHEN w.former_until > now() THEN w.former_sealed END,
       coalesce(starts_with(w.last_error, $4), false),
       set_config('synchronous_commit', 'off', true)
  FROM ours AS w LEFT JOIN crm.user AS u ON u.id = w.owner_id AND u.is_active)sql"};

constexpr Sql kHindered{"webhook_queue.hindered", R"sql(
UPDATE ops.webhook SET last_error = nullif($4, '')
 WHERE id = $1 AND holder = $2 AND fence = $3 AND last_error IS DISTINCT FROM nullif($4, '')
RETURNING 1)sql"};

// What nobody looks at because nobody can: $1 ids of our keys, $2 why, $3 milliseconds.
constexpr Sql kUnread{"webhook_queue.unread", R"sql(
UPDATE ops.webhook SET last_error = $2
 WHERE state = 'active' AND NOT secret_key_id = ANY ($1::bytea[])
   AND next_look_at <= now() - $3::bigint * interval '1 millisecond'
   AND (claimed_until IS NULL OR claimed_until <= now()) AND last_error IS DISTINCT FROM $2
RETURNING id)sql"};

constexpr Sql kRelease{"webhook_queue.release", R"sql(
UPDATE ops.webhook
   SET holder = NULL, claimed_until = NULL,
       next_look_at = CASE WHEN row_version = $4 THEN now() + $5::bigint * interval '1 millisecond'
                           ELSE now() END
 WHERE id = $1 AND holder = $2 AND fence = $3
RETURNING set_config('synchronous_commit', 'off', true))sql"};

// A position that somebody moved meanwhile (replay) stays as it is, and what was read is dropped.
constexpr Sql kFeed{"webhook_queue.feed", R"sql(
WITH ours AS (
  UPDATE ops.webhook
     SET position_xid = $4::xid8, position_event = $5,
         claimed_until = clock_timestamp() + $8::bigint * interval '1 millisecond'
   WHERE id = $1 AND holder = $2 AND fence = $3 AND position_xid = $6::xid8 AND position_event = $7
  RETURNING id),
made AS (
  INSERT INTO ops.webhook_delivery AS d (webhook_id, event_id, xid, subject, event, body)
  SELECT ours.id, e.id, e.xid::xid8,
         coalesce(e.body::json->>'record_id',
                  (e.body::json->>'record_kind') || ' ' || (e.body::json->>'record_key')),
         e.event, e.body
    FROM ours, unnest($9::bigint[], $10::text[], $11::text[], $12::text[]) AS e (id, xid, event, body)
  ON CONFLICT (webhook_id, event_id) DO UPDATE
     SET status = 'queued', body = excluded.body, attempts = 0, queued_at = now(),
         next_attempt_at = now(), delivered_at = NULL)
SELECT set_config('synchronous_commit', 'off', true) FROM ours)sql"};

// What is held back is read by itself: it is little, and joined row by row the plan that a
// statement with parameters gets reads the queue once for each of its rows.
constexpr Sql kDue{"webhook_queue.due", R"sql(
WITH later AS MATERIALIZED (
  SELECT subject, xid, event_id FROM ops.webhook_delivery
   WHERE webhook_id = $1 AND status = 'queued' AND next_attempt_at > now())
SELECT d.event_id, d.subject, d.event, d.body, d.attempts
  FROM ops.webhook AS w JOIN ops.webhook_delivery AS d ON d.webhook_id = w.id
 WHERE w.id = $1 AND w.holder = $2 AND w.fence = $3 AND w.state = 'active' AND w.row_version = $4
   AND EXISTS (SELECT FROM crm.user u WHERE u.id = w.owner_id AND u.is_active)
   AND d.status = 'queued' AND d.next_attempt_at <= now()
   AND NOT EXISTS (SELECT FROM later
                    WHERE later.subject = d.subject
                      AND (later.xid, later.event_id) < (d.xid, d.event_id))
 ORDER BY d.xid, d.event_id LIMIT $5)sql"};

// $4 of the lease, $5 the event, $6 the status that came, $7 milliseconds, $8 the version. It is
// not waited for until it is on the disk: what a server that loses its power forgets of the last
// second is sent again, under the same id, as after any crash between sending and noting.
constexpr Sql kDelivered{"webhook_queue.delivered", R"sql(
WITH ours AS (
  UPDATE ops.webhook
     SET claimed_until = clock_timestamp() + $4::bigint * interval '1 millisecond', failures = 0,
         last_error = NULL, last_attempt_at = clock_timestamp(),
         last_delivered_at = clock_timestamp()
   WHERE id = $1 AND holder = $2 AND fence = $3
  RETURNING id, row_version)
UPDATE ops.webhook_delivery AS d
   SET status = 'delivered', attempts = attempts + 1, http_status = $6, took_ms = $7,
       last_error = NULL, last_attempt_at = clock_timestamp(), delivered_at = clock_timestamp()
  FROM ours WHERE d.webhook_id = ours.id AND d.event_id = $5
RETURNING ours.row_version = $8, set_config('synchronous_commit', 'off', true))sql"};

// $8 the version, $9 the error, $10 the delay, $11 whether it is the receiver, $12 hours.
constexpr Sql kFailed{"webhook_queue.failed", R"sql(
WITH ours AS (
  UPDATE ops.webhook
     SET claimed_until = clock_timestamp() + $4::bigint * interval '1 millisecond',
         failures = failures + $11::boolean::integer, last_error = $9,
         last_attempt_at = clock_timestamp()
   WHERE id = $1 AND holder = $2 AND fence = $3 AND row_version = $8
  RETURNING id),
tried AS (
  UPDATE ops.webhook_delivery AS d
     SET attempts = attempts + 1, http_status = $6, took_ms = $7, last_error = $9,
         last_attempt_at = clock_timestamp(),
         next_attempt_at = clock_timestamp() + $10::bigint * interval '1 millisecond',
         status = CASE WHEN queued_at <= now() - $12::bigint * interval '1 hour'
                       THEN 'parked' ELSE 'queued' END
    FROM ours WHERE d.webhook_id = ours.id AND d.event_id = $5
  RETURNING d.status),
others AS (
  UPDATE ops.webhook_delivery AS d
     SET status = 'parked', last_error = coalesce(d.last_error, $9)
    FROM ours
   WHERE $11::boolean AND d.webhook_id = ours.id AND d.status = 'queued' AND d.event_id <> $5
     AND d.queued_at <= now() - $12::bigint * interval '1 hour'
  RETURNING 1)
SELECT (SELECT count(*) FROM tried WHERE status = 'parked') + (SELECT count(*) FROM others)
  FROM ours)sql"};

constexpr Sql kPurge{"webhook_queue.purge", R"sql(
DELETE FROM ops.webhook_delivery WHERE (webhook_id, event_id) IN (
  SELECT webhook_id, event_id FROM ops.webhook_delivery
   WHERE delivered_at < now() - $1::bigint * interval '1 hour'
   ORDER BY delivered_at LIMIT $2))sql"};

constexpr Sql kDepths{"webhook_queue.depths", R"sql(
SELECT w.id, queued.n, parked.n,
       CASE WHEN w.state = 'active' THEN (extract(epoch FROM queued.age) * 1000)::bigint ELSE 0 END
  FROM ops.webhook AS w
 CROSS JOIN LATERAL (
    SELECT count(*) AS n, coalesce(max(now() - queued_at), interval '0') AS age
      FROM ops.webhook_delivery WHERE webhook_id = w.id AND status = 'queued') AS queued
 CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM ops.webhook_delivery
     WHERE webhook_id = w.id AND status = 'parked') AS parked)sql"};

std::unexpected<Error> claim_lost(const WebhookClaim& claim) {
  return fail(ErrorCode::conflict,
              "Webhook " + std::to_string(claim.id) + " is not held by this process any more.",
              "lease_lost");
}

Params identity_of(const WebhookClaim& claim) {
  return std::move(Params{}.add(claim.id).add(claim.holder).add(claim.fence));
}

std::int64_t ms(std::chrono::milliseconds time) { return time.count(); }

// One key, as it stood before sealing or sealed; none where it is another's.
std::optional<Secret> read_key(const Rows& rows, int plain, const SealRing& seals) {
  if (!rows.is_null(0, plain)) return Secret(rows.bytes(0, plain));
  if (rows.is_null(0, plain + 1)) return std::nullopt;
  return seals.open(rows.bytes(0, plain + 1));
}

// A former key alone would sign for those who have not noticed the rotation, and for nobody else.
std::vector<Secret> read_keys(const Rows& rows, int column, const SealRing& seals) {
  std::vector<Secret> keys;
  if (auto newest = read_key(rows, column, seals)) {
    keys.push_back(std::move(*newest));
    if (auto former = read_key(rows, column + 2, seals)) keys.push_back(std::move(*former));
  }
  return keys;
}

WebhookClaim read_claim(const Rows& rows, std::string_view holder, std::chrono::milliseconds lease,
                        const SealRing& seals) {
  WebhookClaim claim;
  claim.holder = holder;
  claim.lease = lease;
  int column = 0;
  claim.id = rows.int64(0, column++);
  claim.fence = rows.int64(0, column++);
  claim.version = rows.int64(0, column++);
  claim.url = rows.text(0, column++);
  claim.kinds = rows.text_array(0, column++);
  claim.events = rows.text_array(0, column++);
  const std::string_view xid = rows.text(0, column++);
  std::from_chars(xid.data(), xid.data() + xid.size(), claim.position.transaction);
  claim.position.event = rows.int64(0, column++);
  claim.failures = static_cast<int>(rows.int64(0, column++));
  claim.queued = rows.int64(0, column++);
  if (const auto user = rows.optional_int64(0, column++)) {
    Actor owner;
    owner.user_id = user;
    owner.login = rows.text(0, column);
    owner.is_service = rows.boolean(0, column + 1);
    owner.groups = rows.text_array(0, column + 2);
    claim.owner = std::move(owner);
  }
  column += 3;
  claim.keys = read_keys(rows, column, seals);
  claim.hindered = rows.boolean(0, column + 4);
  return claim;
}

// A kind that a later version does not have any more is nobody's.
std::vector<const Resource*> wanted_kinds(const WebhookClaim& claim, const Registry& registry) {
  std::vector<const Resource*> kinds;
  for (const auto& resource : registry.all())
    if (in_feed(*resource) &&
        (claim.kinds.empty() || std::ranges::count(claim.kinds, resource->kind) > 0))
      kinds.push_back(resource.get());
  return kinds;
}

Params feed_params(const WebhookClaim& claim, const FeedPage& page) {
  std::vector<std::int64_t> ids;
  std::vector<std::string> transactions;
  std::vector<std::string> events;
  std::vector<std::string> bodies;
  for (const FeedEvent& event : page.events) {
    ids.push_back(event.position.event);
    transactions.push_back(std::to_string(event.position.transaction));
    events.push_back(event.event);
    bodies.push_back(event.json);
  }
  Params params = identity_of(claim);
  params.add(std::to_string(page.position.transaction))
      .add(page.position.event)
      .add(std::to_string(claim.position.transaction))
      .add(claim.position.event)
      .add(ms(claim.lease));
  params.add_array(ids).add_array(transactions).add_array(events).add_array(bodies);
  return params;
}

Params attempt_params(const WebhookClaim& claim, const DeliveryAttempt& attempt) {
  Params params = identity_of(claim);
  params.add(ms(claim.lease)).add(attempt.event_id);
  attempt.http_status == 0 ? params.add_null() : params.add(attempt.http_status);
  params.add(ms(attempt.took)).add(claim.version);
  return params;
}

std::string shown_hindrance(std::string_view why) {
  return std::string(utf8_prefix(std::string(kHindrance).append(why), kMaxDeliveryErrorBytes));
}

}  // namespace

Result<std::optional<WebhookClaim>> claim_webhook(Database& database, std::string_view holder,
                                                  std::chrono::milliseconds lease,
                                                  const SealRing& seals) {
  Params params;
  params.add(holder).add(ms(lease)).add_bytes_array(seals.ids()).add(kHindrance);
  auto rows = database.execute(Pool::work, kClaim, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return read_claim(*rows, holder, lease, seals);
}

Result<std::vector<std::int64_t>> note_unread(Database& database, const SealRing& seals,
                                              std::string_view why,
                                              std::chrono::milliseconds patience) {
  Params params;
  params.add_bytes_array(seals.ids()).add(shown_hindrance(why)).add(ms(patience));
  auto rows = database.execute(Pool::work, kUnread, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::int64_t> ids;
  for (int row = 0; row < rows->size(); ++row) ids.push_back(rows->int64(row, 0));
  return ids;
}

Result<bool> note_hindrance(Database& database, const WebhookClaim& claim, std::string_view why) {
  const std::string shown = why.empty() ? std::string() : shown_hindrance(why);
  auto rows = database.execute(Pool::work, kHindered, std::move(identity_of(claim).add(shown)));
  if (!rows) return std::unexpected(rows.error());
  return !rows->empty();
}

Result<void> release_webhook(Database& database, const WebhookClaim& claim,
                             std::chrono::milliseconds wait) {
  auto done = database.execute(Pool::work, kRelease,
                               std::move(identity_of(claim).add(claim.version).add(ms(wait))));
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<bool> feed_webhook(Database& database, const Records& records, WebhookClaim& claim) {
  if (!claim.owner || claim.queued >= kMaxQueuedDeliveries) return false;
  const FeedQuery query{.after = claim.position,
                        .kinds = wanted_kinds(claim, records.registry()),
                        .events = claim.events};
  auto page = Feed(database, records).read(query, *claim.owner);
  if (!page) return std::unexpected(page.error());
  // Where nothing happened the position stays: it is written with what moved it only.
  if (!page->moved || page->position == claim.position) return false;
  auto rows = database.execute(Pool::work, kFeed, feed_params(claim, *page));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return claim_lost(claim);
  claim.position = page->position;
  claim.queued += static_cast<std::int64_t>(page->events.size());
  return page->more && claim.queued < kMaxQueuedDeliveries;
}

Result<std::vector<DueDelivery>> due_deliveries(Database& database, const WebhookClaim& claim,
                                                int limit) {
  auto rows = database.execute(Pool::work, kDue,
                               std::move(identity_of(claim).add(claim.version).add(limit)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<DueDelivery> due;
  for (int row = 0; row < rows->size(); ++row)
    due.push_back({.event_id = rows->int64(row, 0),
                   .subject = std::string(rows->text(row, 1)),
                   .event = std::string(rows->text(row, 2)),
                   .body = std::string(rows->text(row, 3)),
                   .attempts = static_cast<int>(rows->int64(row, 4))});
  return due;
}

Result<bool> note_delivered(Database& database, const WebhookClaim& claim,
                            const DeliveryAttempt& attempt) {
  auto rows = database.execute(Pool::work, kDelivered, attempt_params(claim, attempt));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return claim_lost(claim);
  return rows->boolean(0, 0);
}

Result<std::int64_t> note_failed(Database& database, const WebhookClaim& claim,
                                 const DeliveryAttempt& attempt) {
  Params params = attempt_params(claim, attempt);
  params.add(utf8_prefix(attempt.error, kMaxDeliveryErrorBytes))
      .add(ms(attempt.delay))
      .add(attempt.of_receiver)
      .add(static_cast<std::int64_t>(attempt.retry_limit.count()));
  auto rows = database.execute(Pool::work, kFailed, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return claim_lost(claim);
  return rows->int64(0, 0);
}

Result<std::int64_t> purge_deliveries(Database& database, std::chrono::hours age,
                                      std::int64_t limit) {
  auto rows =
      database.execute(Pool::work, kPurge,
                       std::move(Params{}.add(static_cast<std::int64_t>(age.count())).add(limit)));
  if (!rows) return std::unexpected(rows.error());
  return rows->affected();
}

Result<std::vector<WebhookDepth>> webhook_depths(Database& database) {
  auto rows = database.execute(Pool::work, kDepths);
  if (!rows) return std::unexpected(rows.error());
  std::vector<WebhookDepth> depths;
  for (int row = 0; row < rows->size(); ++row)
    depths.push_back({rows->int64(row, 0), rows->int64(row, 1), rows->int64(row, 2),
                      std::chrono::milliseconds{rows->int64(row, 3)}});
  return depths;
}

}  // namespace c360::store
