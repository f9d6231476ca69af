#include "store/operations/notices.h"

#include <utility>

#include "daemon/base/text.h"
#include "store/operations/queue_message.h"

namespace c360::store {
namespace {

constexpr Sql kUnread{"notices.unread", R"sql(
SELECT count(*) FROM crm.notification
 WHERE user_id = $1 AND in_inbox AND read_at IS NULL)sql"};
constexpr Sql kMarkThese{"notices.mark_these", R"sql(
UPDATE crm.notification SET read_at = now()
 WHERE user_id = $1 AND in_inbox AND read_at IS NULL AND id = ANY ($2::bigint[]))sql"};
constexpr Sql kMarkAll{"notices.mark_all", R"sql(
UPDATE crm.notification SET read_at = now()
 WHERE user_id = $1 AND in_inbox AND read_at IS NULL AND ($2::bigint = 0 OR id <= $2))sql"};

// One that is long past is only shown in the inbox.
constexpr Sql kTellReminders{"notices.reminders", R"sql(
WITH due AS MATERIALIZED (
  SELECT a.id, a.parent_record_id, coalesce(a.responsible_id, a.created_by) AS whom,
         CASE WHEN a.remind_at < now() - interval '7 days' THEN 'none'
              ELSE coalesce(a.remind_channel, '') END AS way
    FROM crm.activity AS a
   WHERE a.type = 'reminder' AND a.reminded_at IS NULL AND a.deleted_at IS NULL
     AND a.remind_at <= now() AND a.status = 'planned'
   ORDER BY a.remind_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED),
settled AS (
  UPDATE crm.activity AS a SET reminded_at = now() FROM due WHERE a.id = due.id RETURNING a.id)
SELECT (SELECT count(*) FROM settled),
       (SELECT sum(crm.notify('reminder', due.id, ARRAY[due.whom], way => nullif(due.way, '')))
          FROM due JOIN settled ON settled.id = due.id
         WHERE crm.record_is_live(due.parent_record_id)))sql"};

// One row for each way. A customer's own people are written to in the words of the service desk,
// and not of what was taken back before it went out. What nothing carries at this moment is not
// kept for the day somebody sets the channel up.
constexpr Sql kUnsent{"notices.unsent", R"sql(
WITH unsent AS MATERIALIZED (
  SELECT * FROM crm.notification
   WHERE sent_at IS NULL AND ways <> '{}' ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
SELECT n.id, w.way, n.user_id, n.contact_id, s.counterparty_id, n.record_id, n.event, n.text,
       c.text,
       CASE WHEN n.user_id IS NULL
                 AND (s.deleted_at IS NOT NULL
                      OR n.comment_id IS NOT NULL AND (c.id IS NULL OR c.is_internal)) THEN NULL
            ELSE CASE w.way WHEN 'email' THEN coalesce(u.email, p.email, l.email)::text
                  WHEN 'telegram' THEN u.telegram_chat_id::text
                  ELSE (SELECT min(f.e164) FROM crm.user_phone AS f
                         WHERE f.user_id = u.id AND f.source_field = 'phone_mobile') END END,
       coalesce(o.is_on, false)
  FROM unsent AS n CROSS JOIN LATERAL unnest(n.ways) AS w (way)
  LEFT JOIN ops.service_switch AS o ON o.service = w.way
  LEFT JOIN crm.user AS u ON u.id = n.user_id
  LEFT JOIN crm.contact AS p ON p.id = n.contact_id
  LEFT JOIN crm.counterparty_user AS l ON l.id = n.account_id
  LEFT JOIN crm.support_request AS s ON s.id = n.record_id AND n.user_id IS NULL
  LEFT JOIN crm.comment AS c ON c.id = n.comment_id AND c.deleted_at IS NULL
 ORDER BY n.id, w.way)sql"};
constexpr Sql kSent{"notices.sent", R"sql(
UPDATE crm.notification SET sent_at = now() WHERE id = ANY ($1::bigint[]))sql"};

MessageRequest message_of(const Rows& rows, int row, const HtmlToText& to_text) {
  MessageRequest message;
  message.channel = rows.text(row, 1);
  message.user_id = rows.optional_int64(row, 2);
  message.contact_id = rows.optional_int64(row, 3);
  message.counterparty_id = rows.optional_int64(row, 4);
  message.record_id = rows.optional_int64(row, 5);
  message.purpose = !message.user_id                  ? "support_reply"
                    : rows.text(row, 6) == "reminder" ? "reminder"
                                                      : "notification";
  message.text = rows.text(row, 7);
  if (message.channel == "email")
    message.subject = utf8_prefix(message.text, kMaxMessageSubjectCharacters);
  if (const auto said = rows.optional_text(row, 8))
    message.text = utf8_prefix(message.text + "\n\n" + to_text(*said), kMaxMessageBodyBytes);
  message.address = rows.text(row, 9);
  message.dedupe_key = "notification:" + std::to_string(rows.int64(row, 0)) + ":" + message.channel;
  return message;
}

}  // namespace

Result<std::int64_t> unread_notifications(Database& database, std::int64_t user) {
  auto rows = database.execute(Pool::api, kUnread, std::move(Params{}.add(user)));
  if (!rows) return std::unexpected(rows.error());
  return rows->int64(0, 0);
}

Result<ReadCount> mark_notifications_read(Database& database, std::int64_t user,
                                          std::span<const std::int64_t> ids, std::int64_t last) {
  ReadCount count;
  auto done = in_transaction(database, Pool::api, [&](Transaction& tx) -> Result<void> {
    Params params;
    params.add(user);
    ids.empty() ? params.add(last) : params.add_array(ids);
    const Ticket marked = tx.queue(ids.empty() ? kMarkAll : kMarkThese, std::move(params));
    const Ticket left = tx.queue(kUnread, std::move(Params{}.add(user)));
    if (auto ran = tx.run(); !ran) return ran;
    count = {tx.rows(marked).affected(), tx.rows(left).int64(0, 0)};
    return {};
  });
  if (!done) return std::unexpected(std::move(done).error());
  return count;
}

Result<std::int64_t> tell_reminders(Transaction& tx, int limit) {
  auto told = tx.query(kTellReminders, std::move(Params{}.add(limit)));
  if (!told) return std::unexpected(told.error());
  return (*told)->int64(0, 0);
}

Result<std::int64_t> send_notifications(Transaction& tx, int limit, const HtmlToText& to_text) {
  auto rows = tx.query(kUnsent, std::move(Params{}.add(limit)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::int64_t> ids;
  for (int row = 0; row < (*rows)->size(); ++row) {
    const std::int64_t id = (*rows)->int64(row, 0);
    if (ids.empty() || ids.back() != id) ids.push_back(id);
    // The address or the words went since: there is nothing to send to, and the inbox has it. That
    // a customer was not written to is to be seen.
    if ((*rows)->text(row, 9).empty()) continue;
    MessageRequest message = message_of(**rows, row, to_text);
    const bool is_on = (*rows)->boolean(row, 10);
    if (!is_on && message.user_id) continue;
    if (!is_on) message.refusal = "channel_off";
    queue_message(tx, message);
  }
  if (ids.empty()) return 0;
  tx.queue(kSent, Params{}.add_array(std::span<const std::int64_t>(ids)));
  return static_cast<std::int64_t>(ids.size());
}

}  // namespace c360::store
