#include "store/operations/bounced_messages.h"

#include <vector>

#include "daemon/base/text.h"
#include "store/message_queue.h"

namespace c360::store {
namespace {

// $1 messages, $2 bounces, $3 recipients, $4 whether there is no such address, $5 details. What
// waits for its second try has been handed over; what is being sent has been too, and whoever
// sends it finds that it is not his any more: that it was sent is noted here then.
constexpr Sql kBounce{"messages_bounce", R"sql(
WITH told AS (
  SELECT DISTINCT ON (m.id) m.id, u.mail, u.detail,
         u.gone::boolean AND lower(u.recipient) = lower(m.address) AS gone
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[])
         AS u (message, mail, recipient, gone, detail)
    JOIN crm.outbound_message AS m ON m.id = u.message AND m.channel = 'email'
   ORDER BY m.id, lower(u.recipient) = lower(m.address) DESC, u.mail),
failed AS (
  UPDATE crm.outbound_message AS m
     SET status = 'failed', reason = 'bounced', last_error = told.detail, claimed_until = NULL,
         next_attempt_at = NULL, sent_at = coalesce(m.sent_at, clock_timestamp()),
         updated_at = clock_timestamp(), row_version = m.row_version + 1
    FROM told
   WHERE m.id = told.id
     AND (m.status IN ('sending', 'sent', 'unknown')
          OR (m.status = 'queued' AND m.unclear_attempts > 0))
  RETURNING m.address, told.mail, told.detail, told.gone)
SELECT crm.note_dead_mail_address(address, detail, mail, 'mail') FROM failed WHERE gone)sql"};

}  // namespace

void queue_bounces(Transaction& tx, std::span<const BouncedMessage> bounces) {
  if (bounces.empty()) return;
  std::vector<std::int64_t> messages;
  std::vector<std::int64_t> mails;
  std::vector<std::string> recipients;
  std::vector<std::string_view> gone;
  std::vector<std::string> details;
  for (const BouncedMessage& bounce : bounces) {
    messages.push_back(bounce.message_id);
    mails.push_back(bounce.mail_id);
    recipients.push_back(bounce.recipient);
    gone.emplace_back(bounce.no_such_address ? "t" : "f");
    details.emplace_back(utf8_prefix(bounce.detail, kMaxMessageErrorBytes));
  }
  Params params;
  params.add_array(std::span<const std::int64_t>(messages))
      .add_array(std::span<const std::int64_t>(mails))
      .add_array(std::span<const std::string>(recipients))
      .add_array(std::span<const std::string_view>(gone))
      .add_array(std::span<const std::string>(details));
  tx.queue(kBounce, std::move(params));
}

}  // namespace c360::store
