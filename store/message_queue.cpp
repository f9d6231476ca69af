#include "store/message_queue.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/base/text.h"

namespace c360::store {
namespace {

using std::chrono::milliseconds;

// What waits in quiet hours, and may be very much of it, is left out by an index of the rest.
constexpr std::string_view kUrgent = "AND purpose NOT IN ('promo', 'reminder')";

// $1 channel, $2 lease. The fields of a claim. What nobody could send for a week, because the
// channel was off or no daemon ran, is not sent as if it were of today.
constexpr std::string_view kClaim = R"sql(
WITH next AS (
  SELECT id FROM crm.outbound_message
   WHERE channel = $1 AND status = 'queued' AND next_attempt_at <= now()
     {}
   ORDER BY next_attempt_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED),
judged AS (
  SELECT m.id, CASE WHEN m.next_attempt_at < now() - interval '7 days' THEN 'too_old'
                    ELSE crm.message_refusal(m.channel, m.purpose, m.address, m.user_id,
                                             m.contact_id, m.counterparty_id) END AS refusal
    FROM crm.outbound_message AS m JOIN next USING (id))
UPDATE crm.outbound_message AS m
   SET status = CASE WHEN refusal IS NULL THEN 'sending' ELSE 'suppressed' END,
       reason = refusal, attempts = attempts + (refusal IS NULL)::integer,
       parts_begun = parts_taken,
       claimed_until = CASE WHEN refusal IS NULL
                            THEN clock_timestamp() + $2::bigint * interval '1 millisecond' END,
       updated_at = clock_timestamp(), row_version = row_version + 1
  FROM judged WHERE m.id = judged.id
RETURNING m.id, m.row_version, m.status = 'suppressed', m.reason, m.channel, m.purpose, m.address,
          m.subject, m.body, m.body_html, m.record_id, m.counterparty_id, m.in_reply_to,
          m.document_version_ids::text[], m.attempts, m.parts_taken, m.provider_message_id,
          coalesce(m.unclear_at > now() - interval '5 minutes', false))sql";

constexpr std::string_view kUntil = R"sql(
WITH next AS (
  SELECT (SELECT min(next_attempt_at) FROM crm.outbound_message
           WHERE channel = $1 AND status = 'queued' {}) AS queued)
SELECT (extract(epoch FROM greatest(least(queued,
         (SELECT min(next_attempt_at) FROM crm.outbound_message
           WHERE channel = $1 AND status = 'sent'),
         (SELECT min(next_attempt_at) FROM crm.outbound_message
           WHERE channel = $1 AND status = 'unknown'),
         (SELECT min(claimed_until) FROM crm.outbound_message
           WHERE channel = $1 AND status = 'sending')) - now(), interval '0')) * 1000)::bigint,
       coalesce(queued <= now(), false)
  FROM next)sql";

// The statement over all that is queued, and over what is urgent.
class QueueSql {
 public:
  QueueSql(std::string_view name, std::string_view text)
      : names_{std::string(name), std::string(name) + "_urgent"},
        texts_{fmt::format(fmt::runtime(text), ""), fmt::format(fmt::runtime(text), kUrgent)} {}
  Sql of(bool urgent_only) const {
    const std::size_t which = urgent_only ? 1 : 0;
    return {names_.at(which), texts_.at(which)};
  }

 private:
  std::array<std::string, 2> names_;
  std::array<std::string, 2> texts_;
};

// $1 id, $2 version, $3 the service's id, $4 the new address, $5 the former one, $6 until the
// service is asked whether it arrived. The customer's last contact follows by a trigger.
constexpr Sql kSent{"messages_sent", R"sql(
WITH done AS (
  UPDATE crm.outbound_message
     SET status = 'sent', sent_at = clock_timestamp(), claimed_until = NULL,
         next_attempt_at = clock_timestamp() + $6::bigint * interval '1 millisecond',
         last_error = NULL, reason = NULL, provider_message_id = nullif($3, ''),
         address = coalesce(nullif($4, ''), address),
         updated_at = clock_timestamp(), row_version = row_version + 1
   WHERE id = $1 AND row_version = $2 AND status = 'sending'
  RETURNING id, contact_id, channel),
moved AS (
  UPDATE crm.contact AS c
     SET telegram = $4, updated_at = clock_timestamp(), row_version = c.row_version + 1
    FROM done
   WHERE $4 <> '' AND done.channel = 'telegram' AND c.id = done.contact_id AND c.telegram = $5
  RETURNING c.id, c.row_version),
told AS (
  INSERT INTO crm.history_event (record_id, record_kind, event, changes, version, origin)
  SELECT id, 'contact', 'updated',
         jsonb_build_array(jsonb_build_object('field', 'telegram', 'old', $5::text, 'new', $4::text)),
         row_version, 'job'
    FROM moved)
SELECT 1 FROM done)sql"};

// $3 the part, $4 lease, of kPartTaken $5 the service's id. The fence stays that of the claim.
constexpr Sql kPartBegun{"messages_part_begun", R"sql(
UPDATE crm.outbound_message
   SET parts_begun = $3, claimed_until = clock_timestamp() + $4::bigint * interval '1 millisecond'
 WHERE id = $1 AND row_version = $2 AND status = 'sending'
RETURNING 1)sql"};
constexpr Sql kPartTaken{"messages_part_taken", R"sql(
UPDATE crm.outbound_message
   SET parts_begun = $3, parts_taken = $3,
       provider_message_id = coalesce(provider_message_id, nullif($5, '')),
       claimed_until = clock_timestamp() + $4::bigint * interval '1 millisecond'
 WHERE id = $1 AND row_version = $2 AND status = 'sending'
RETURNING 1)sql"};

// $3 detail, $4 the service's id, $5 retries, $6 delay, $7 until it is asked about.
constexpr Sql kUnclear{"messages_unclear", R"sql(
UPDATE crm.outbound_message
   SET status = CASE WHEN unclear_attempts < $5::integer THEN 'queued' ELSE 'unknown' END,
       next_attempt_at = clock_timestamp() + interval '1 millisecond' *
                         CASE WHEN unclear_attempts < $5::integer THEN $6::bigint
                              ELSE $7::bigint END,
       unclear_at = clock_timestamp(),
       unclear_attempts = unclear_attempts + 1, claimed_until = NULL, last_error = $3,
       reason = 'unclear', provider_message_id = coalesce(nullif($4, ''), provider_message_id),
       updated_at = clock_timestamp(), row_version = row_version + 1
 WHERE id = $1 AND row_version = $2 AND status = 'sending'
RETURNING 1)sql"};

// $3 reason, $4 detail, $5 delay, $6 whether the attempt counts, $7 whether there is no such
// address.
constexpr Sql kRefused{"messages_refused", R"sql(
WITH refused AS (
  UPDATE crm.outbound_message
     SET status = CASE WHEN $5::bigint IS NULL THEN 'failed' ELSE 'queued' END,
         next_attempt_at = clock_timestamp() + $5::bigint * interval '1 millisecond',
         attempts = attempts - (NOT $6::boolean)::integer, claimed_until = NULL, reason = $3,
         last_error = $4, updated_at = clock_timestamp(), row_version = row_version + 1
   WHERE id = $1 AND row_version = $2 AND status = 'sending'
  RETURNING channel, address)
SELECT CASE WHEN $7::boolean AND channel = 'email'
            THEN crm.note_dead_mail_address(address, $4, NULL, 'job')
            WHEN $7::boolean AND channel = 'telegram'
            THEN crm.note_dead_chat(address, $4, 'job') END FROM refused)sql"};

// $1 channel, $2 retries, $3 delay, $4 whether the channel notes its parts, $5 attempts, $6 until
// it is asked about.
constexpr Sql kRecover{"messages_recover", R"sql(
WITH lost AS (
  SELECT id, $4::boolean AND parts_begun = parts_taken AND attempts <= $5::integer AS is_clear
    FROM crm.outbound_message
   WHERE channel = $1 AND status = 'sending' AND claimed_until <= clock_timestamp()
   ORDER BY claimed_until LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED)
UPDATE crm.outbound_message AS m
   SET status = CASE WHEN is_clear OR unclear_attempts < $2::integer
                     THEN 'queued' ELSE 'unknown' END,
       next_attempt_at = clock_timestamp() + interval '1 millisecond' *
                         CASE WHEN is_clear THEN 0 WHEN unclear_attempts < $2::integer
                              THEN $3::bigint ELSE $6::bigint END,
       unclear_at = CASE WHEN NOT is_clear THEN clock_timestamp() END,
       unclear_attempts = unclear_attempts + (NOT is_clear)::integer, claimed_until = NULL,
       reason = CASE WHEN NOT is_clear THEN 'unclear' END,
       last_error = 'the process that was sending it went away without a word',
       updated_at = clock_timestamp(), row_version = row_version + 1
  FROM lost WHERE m.id = lost.id)sql"};

// Each status by itself: of both together no index has the order.
constexpr Sql kDeliveryCheck{"messages_delivery_check", R"sql(
WITH unclear AS (
  SELECT id FROM crm.outbound_message
   WHERE channel = $1 AND status = 'unknown' AND next_attempt_at <= now()
   ORDER BY next_attempt_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED),
sent AS (
  SELECT id FROM crm.outbound_message
   WHERE channel = $1 AND status = 'sent' AND next_attempt_at <= now()
     AND NOT EXISTS (SELECT FROM unclear)
   ORDER BY next_attempt_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED),
next AS (SELECT id FROM unclear UNION ALL SELECT id FROM sent)
UPDATE crm.outbound_message AS m
   SET next_attempt_at = clock_timestamp() + $2::bigint * interval '1 millisecond',
       row_version = row_version + 1
  FROM next WHERE m.id = next.id
RETURNING m.id, m.row_version, m.status = 'unknown', m.address, m.provider_message_id, m.record_id,
          extract(epoch FROM now() - CASE m.status WHEN 'unknown' THEN m.unclear_at
                                                   ELSE m.sent_at END)::bigint)sql"};

// $3 status, $4 detail, $5 delay, $6 the service's id. One that was unknown was sent when nobody
// heard of it.
constexpr Sql kDelivery{"messages_delivery", R"sql(
UPDATE crm.outbound_message
   SET status = $3, delivered_at = CASE WHEN $3 = 'delivered' THEN clock_timestamp() END,
       sent_at = CASE WHEN $3 IN ('sent', 'delivered') THEN coalesce(sent_at, unclear_at)
                      ELSE sent_at END,
       reason = CASE $3 WHEN 'failed' THEN 'undeliverable' WHEN 'unknown' THEN reason END,
       last_error = coalesce(nullif($4, ''), CASE $3 WHEN 'unknown' THEN last_error END),
       provider_message_id = coalesce(provider_message_id, nullif($6, '')),
       next_attempt_at = clock_timestamp() + $5::bigint * interval '1 millisecond',
       updated_at = clock_timestamp(), row_version = row_version + 1
 WHERE id = $1 AND row_version = $2 AND status IN ('sent', 'unknown'))sql"};

constexpr Sql kFiles{"messages_files", R"sql(
SELECT v.file_name, v.mime_type, v.content_sha256, v.size_bytes
  FROM unnest($1::bigint[]) WITH ORDINALITY AS w (id, place)
  JOIN crm.document_version AS v ON v.id = w.id
  JOIN crm.document AS d ON d.id = v.document_id AND d.deleted_at IS NULL
 ORDER BY w.place)sql"};

// The row as it is, locked: what is refused says why.
constexpr Sql kLook{"messages_look", R"sql(
SELECT status, row_version FROM crm.outbound_message WHERE id = $1 FOR NO KEY UPDATE)sql"};
constexpr Sql kCancel{"messages_cancel", R"sql(
UPDATE crm.outbound_message
   SET status = 'canceled', next_attempt_at = NULL, updated_at = clock_timestamp(),
       row_version = row_version + 1
 WHERE id = $1)sql"};
constexpr Sql kRetry{"messages_retry", R"sql(
WITH judged AS (
  SELECT id, crm.message_refusal(channel, purpose, address, user_id, contact_id,
                                 counterparty_id) AS refusal
    FROM crm.outbound_message WHERE id = $1)
UPDATE crm.outbound_message AS m
   SET status = CASE WHEN refusal IS NULL THEN 'queued' ELSE 'suppressed' END, reason = refusal,
       next_attempt_at = CASE WHEN refusal IS NULL THEN now() END, attempts = 0,
       unclear_attempts = 0, last_error = NULL, updated_at = clock_timestamp(),
       row_version = row_version + 1
  FROM judged WHERE m.id = judged.id)sql"};
// An update rings no bell by itself.
constexpr Sql kRing{"messages_ring", "SELECT pg_notify('c360_job', '')"};

constexpr Sql kDepths{"messages_depths", R"sql(
SELECT c.channel,
       (SELECT count(*) FROM crm.outbound_message m
         WHERE m.channel = c.channel AND m.status = 'queued'),
       (SELECT count(*) FROM crm.outbound_message m
         WHERE m.channel = c.channel AND m.status = 'failed'),
       (SELECT count(*) FROM crm.outbound_message m
         WHERE m.channel = c.channel AND m.status = 'unknown'),
       (SELECT coalesce((extract(epoch FROM now() - min(m.next_attempt_at)) * 1000)::bigint, 0)
          FROM crm.outbound_message m
         WHERE m.channel = c.channel AND m.status = 'queued' AND m.next_attempt_at <= now())
  FROM (VALUES ('email'), ('telegram'), ('sms')) AS c (channel))sql"};

std::unexpected<Error> claim_lost(const MessageClaim& claim) {
  return fail(ErrorCode::conflict, "message " + std::to_string(claim.id) + " is not ours any more",
              "lease_lost");
}

std::string short_error(std::string_view text) {
  return std::string(utf8_prefix(text, kMaxMessageErrorBytes));
}

void add_delay(Params& params, const std::optional<milliseconds>& delay) {
  delay ? params.add(static_cast<std::int64_t>(delay->count())) : params.add_null();
}

Params of_claim(const MessageClaim& claim) {
  Params params;
  params.add(claim.id).add(claim.version);
  return params;
}

Result<void> note(Database& database, const MessageClaim& claim, const Sql& sql, Params params) {
  auto rows = database.execute(Pool::work, sql, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return claim_lost(claim);
  return {};
}

MessageClaim claim_of(const Rows& rows) {
  const auto text = [&](int column) { return std::string(rows.text(0, column)); };
  MessageClaim claim{.id = rows.int64(0, 0),
                     .version = rows.int64(0, 1),
                     .suppressed = rows.boolean(0, 2),
                     .reason = text(3),
                     .channel = text(4),
                     .purpose = text(5),
                     .address = text(6),
                     .subject = text(7),
                     .text = text(8),
                     .html = text(9),
                     .record_id = rows.optional_int64(0, 10),
                     .counterparty_id = rows.optional_int64(0, 11),
                     .in_reply_to = text(12),
                     .document_version_ids = {},
                     .attempts = static_cast<int>(rows.int64(0, 14)),
                     .parts_taken = static_cast<int>(rows.int64(0, 15)),
                     .provider_message_id = text(16),
                     .maybe_sent = rows.boolean(0, 17)};
  for (const std::string& id : rows.text_array(0, 13))
    claim.document_version_ids.push_back(std::stoll(id));
  return claim;
}

// not_found, precondition_failed; else the status.
Result<std::string> look(Transaction& tx, std::int64_t id, std::optional<std::int64_t> version) {
  auto rows = tx.query(kLook, std::move(Params{}.add(id)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty())
    return fail(ErrorCode::not_found, "There is no message " + std::to_string(id) + ".");
  if (version && (*rows)->int64(0, 1) != *version)
    return fail(ErrorCode::precondition_failed,
                "The message has changed; read it again: its version is now " +
                    std::to_string((*rows)->int64(0, 1)) + ".");
  return std::string((*rows)->text(0, 0));
}

}  // namespace

Result<std::optional<MessageClaim>> claim_message(Database& database, std::string_view channel,
                                                  milliseconds lease, bool urgent_only) {
  static const QueueSql kSql{"messages_claim", kClaim};
  Params params;
  params.add(channel).add(static_cast<std::int64_t>(lease.count()));
  auto rows = database.execute(Pool::work, kSql.of(urgent_only), std::move(params));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return claim_of(*rows);
}

Result<NextMessage> next_message(Database& database, std::string_view channel, bool urgent_only) {
  static const QueueSql kSql{"messages_until", kUntil};
  auto rows = database.execute(Pool::work, kSql.of(urgent_only), std::move(Params{}.add(channel)));
  if (!rows) return std::unexpected(rows.error());
  NextMessage next{.is_due = rows->boolean(0, 1)};
  if (const auto until = rows->optional_int64(0, 0)) next.until = milliseconds{*until};
  return next;
}

Result<void> note_sent(Database& database, const MessageClaim& claim,
                       std::string_view provider_message_id, std::string_view new_address,
                       std::optional<milliseconds> first_look) {
  Params params = of_claim(claim);
  params.add(provider_message_id).add(new_address).add(claim.address);
  add_delay(params, first_look);
  return note(database, claim, kSent, std::move(params));
}

Result<void> note_unclear(Database& database, const MessageClaim& claim, std::string_view detail,
                          std::string_view provider_message_id, const UnclearRule& rule) {
  Params params = of_claim(claim);
  params.add(short_error(detail))
      .add(provider_message_id)
      .add(rule.retries)
      .add(static_cast<std::int64_t>(rule.delay.count()));
  add_delay(params, rule.first_look);
  return note(database, claim, kUnclear, std::move(params));
}

Result<void> note_part_begun(Database& database, const MessageClaim& claim, int part,
                             milliseconds lease) {
  Params params = of_claim(claim);
  params.add(part).add(static_cast<std::int64_t>(lease.count()));
  return note(database, claim, kPartBegun, std::move(params));
}

Result<void> note_part_taken(Database& database, const MessageClaim& claim, int part,
                             std::string_view provider_message_id, milliseconds lease) {
  Params params = of_claim(claim);
  params.add(part).add(static_cast<std::int64_t>(lease.count())).add(provider_message_id);
  return note(database, claim, kPartTaken, std::move(params));
}

Result<void> note_refused(Database& database, const MessageClaim& claim,
                          const MessageRefusal& refusal) {
  Params params = of_claim(claim);
  params.add(refusal.reason).add(short_error(refusal.detail));
  add_delay(params, refusal.delay);
  params.add(refusal.counts).add(refusal.no_such_address && !refusal.delay);
  return note(database, claim, kRefused, std::move(params));
}

Result<std::int64_t> recover_messages(Database& database, std::string_view channel,
                                      const UnclearRule& rule) {
  Params params;
  params.add(channel)
      .add(rule.retries)
      .add(static_cast<std::int64_t>(rule.delay.count()))
      .add(rule.knows_parts)
      .add(rule.clear_attempts);
  add_delay(params, rule.first_look);
  auto rows = database.execute(Pool::work, kRecover, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return rows->affected();
}

Result<std::optional<SentMessage>> claim_delivery_check(Database& database,
                                                        std::string_view channel,
                                                        milliseconds lease) {
  Params params;
  params.add(channel).add(static_cast<std::int64_t>(lease.count()));
  auto rows = database.execute(Pool::work, kDeliveryCheck, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return SentMessage{.id = rows->int64(0, 0),
                     .version = rows->int64(0, 1),
                     .is_unknown = rows->boolean(0, 2),
                     .address = std::string(rows->text(0, 3)),
                     .provider_message_id = std::string(rows->text(0, 4)),
                     .record_id = rows->optional_int64(0, 5),
                     .age = std::chrono::seconds{rows->int64(0, 6)}};
}

Result<void> note_delivery(Database& database, const SentMessage& message, Delivered delivered,
                           std::string_view detail, std::optional<milliseconds> delay) {
  const auto status = [&]() -> std::string_view {
    switch (delivered) {
      case Delivered::yes:
        return "delivered";
      case Delivered::no:
        return "failed";
      case Delivered::on_its_way:
        return "sent";
      case Delivered::unknown:
        break;
    }
    return message.is_unknown ? "unknown" : "sent";
  }();
  const bool is_over = delivered == Delivered::yes || delivered == Delivered::no;
  Params params;
  params.add(message.id).add(message.version).add(status).add(short_error(detail));
  add_delay(params, is_over ? std::nullopt : delay);
  params.add(message.provider_message_id);
  auto rows = database.execute(Pool::work, kDelivery, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::vector<MessageFile>> message_files(Transaction& tx,
                                               const std::vector<std::int64_t>& version_ids) {
  Params params;
  params.add_array(std::span<const std::int64_t>(version_ids));
  auto rows = tx.query(kFiles, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  if (static_cast<std::size_t>((*rows)->size()) != version_ids.size())
    return fail(ErrorCode::not_found, "A document that was to be attached is deleted.",
                "attachment_gone");
  std::vector<MessageFile> files;
  for (int row = 0; row < (*rows)->size(); ++row) {
    MessageFile file{.file_name = std::string((*rows)->text(row, 0)),
                     .media_type = std::string((*rows)->text(row, 1)),
                     .size_bytes = (*rows)->int64(row, 3)};
    const std::string digest = (*rows)->bytes(row, 2);
    std::copy_n(digest.begin(), std::min(digest.size(), file.sha256.size()), file.sha256.begin());
    files.push_back(std::move(file));
  }
  return files;
}

Result<void> cancel_message(Transaction& tx, std::int64_t id, std::optional<std::int64_t> version) {
  auto status = look(tx, id, version);
  if (!status) return std::unexpected(status.error());
  if (*status != "queued")
    return fail(ErrorCode::conflict,
                "Only a queued message can be canceled; this one is " + *status + ".",
                "message_not_queued");
  tx.queue(kCancel, std::move(Params{}.add(id)));
  return {};
}

Result<void> retry_message(Transaction& tx, std::int64_t id, std::optional<std::int64_t> version) {
  auto status = look(tx, id, version);
  if (!status) return std::unexpected(status.error());
  if (*status != "failed" && *status != "canceled" && *status != "suppressed" &&
      *status != "unknown")
    return fail(ErrorCode::conflict,
                "Only a message that was not sent can be sent again; this one is " + *status + ".",
                "message_not_finished");
  tx.queue(kRetry, std::move(Params{}.add(id)));
  tx.queue(kRing);
  return {};
}

Result<std::vector<MessageDepth>> message_depths(Database& database) {
  auto rows = database.execute(Pool::work, kDepths);
  if (!rows) return std::unexpected(rows.error());
  std::vector<MessageDepth> depths;
  for (int row = 0; row < rows->size(); ++row)
    depths.push_back({.channel = std::string(rows->text(row, 0)),
                      .queued = rows->int64(row, 1),
                      .failed = rows->int64(row, 2),
                      .unknown = rows->int64(row, 3),
                      .oldest_due = milliseconds{rows->int64(row, 4)}});
  return depths;
}

}  // namespace c360::store
