#include "store/operations/queue_message.h"

#include <array>
#include <utility>

namespace c360::store {
namespace {

// $7 user, $8 contact, $9 counterparty, $10 record. DO UPDATE and not DO NOTHING: it waits for
// whoever is just queuing the same message, and has a row.
constexpr Sql kQueue{"message_queue", R"sql(
WITH wanted AS (
  SELECT coalesce($9::bigint, (SELECT counterparty_id FROM crm.contact WHERE id = $8::bigint),
                  crm.counterparty_of($10::bigint)) AS counterparty_id),
judged AS (
  SELECT w.counterparty_id,
         coalesce(nullif($18, ''),
                  crm.message_refusal($1, $2, $3, $7::bigint, $8::bigint,
                                      w.counterparty_id)) AS reason
    FROM wanted AS w)
INSERT INTO crm.outbound_message AS m
       (channel, purpose, status, reason, address, subject, body, body_html, user_id, contact_id,
        counterparty_id, record_id, template_code, parameters, dedupe_key, in_reply_to,
        document_version_ids, next_attempt_at, created_by)
SELECT $1, $2, CASE WHEN j.reason IS NULL THEN 'queued' ELSE 'suppressed' END, j.reason, $3, $4, $5,
       $6, $7::bigint, $8::bigint, j.counterparty_id,
       coalesce($10::bigint, j.counterparty_id, $8::bigint), $11, $12::jsonb, nullif($13, ''), $14,
       $15::bigint[],
       CASE WHEN j.reason IS NULL THEN greatest(coalesce($16::timestamptz, now()), now()) END,
       $17::bigint
  FROM judged AS j
ON CONFLICT (dedupe_key) DO UPDATE SET dedupe_key = excluded.dedupe_key
RETURNING id, status, coalesce(reason, ''), xmax = 0)sql"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kSentences = {{
    {"no_consent", "The customer has not agreed to promotional messages, or has withdrawn it."},
    {"no_contact", "The contact asked not to be written to."},
    {"blacklisted", "The customer is on the black list."},
    {"no_such_address",
     "A mail server said that there is no such address: correct it, or empty email_fault of the "
     "contact or customer that has it."},
    {"recipient_deleted", "The contact or the customer is deleted."},
    {"user_inactive", "The user is not active."},
    {"recipient_blocked",
     "Telegram said that the recipient does not take messages of the bot: correct the chat, or "
     "empty telegram_fault of the contact that has it."},
    {"channel_off", "The channel was not set up when the message was to be sent."},
    {"too_old", "The message waited for a week and says nothing of today any more."},
}};

}  // namespace

Ticket queue_message(Transaction& tx, const MessageRequest& request) {
  Params params;
  params.add(request.channel)
      .add(request.purpose)
      .add(request.address)
      .add(request.subject)
      .add(request.text)
      .add(request.html)
      .add(request.user_id)
      .add(request.contact_id)
      .add(request.counterparty_id)
      .add(request.record_id)
      .add(request.template_code)
      .add(request.parameters)
      .add(request.dedupe_key)
      .add(request.in_reply_to)
      .add_array(std::span<const std::int64_t>(request.document_version_ids))
      .add(request.not_before)
      .add(request.created_by)
      .add(request.refusal);
  return tx.queue(kQueue, std::move(params));
}

QueuedMessage queued_message(const Rows& rows) {
  return {.id = rows.int64(0, 0),
          .status = std::string(rows.text(0, 1)),
          .reason = std::string(rows.text(0, 2)),
          .fresh = rows.boolean(0, 3)};
}

std::string_view suppression_sentence(std::string_view reason) {
  for (const auto& [code, sentence] : kSentences) {
    if (code == reason) return sentence;
  }
  return "The message is not sent.";
}

}  // namespace c360::store
