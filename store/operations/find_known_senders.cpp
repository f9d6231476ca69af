#include "store/operations/find_known_senders.h"

namespace c360::store {

namespace {

constexpr Sql kKnown{"mail_known_senders", R"sql(
  SELECT u.i
  FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS u (email, record, i),
  LATERAL (SELECT crm.counterparty_of(u.record) AS id OFFSET 0) c
  WHERE u.email <> '' AND (
    EXISTS (SELECT FROM crm.user p WHERE p.email = u.email::citext AND p.is_active)
    OR EXISTS (SELECT FROM crm.contact k
               WHERE k.email = u.email::citext AND k.deleted_at IS NULL
                 AND (k.counterparty_id = c.id OR k.id = u.record
                      OR EXISTS (SELECT FROM crm.record_contact r
                                 WHERE r.record_id = u.record AND r.contact_id = k.id)))
    OR EXISTS (SELECT FROM crm.counterparty_user a
               WHERE a.email = u.email::citext AND a.status <> 'blocked'
                 AND a.counterparty_id = c.id)))sql"};

}  // namespace

KnownSenderLookup::KnownSenderLookup(Transaction& tx, std::span<const SenderOfRecord> senders)
    : tx_(tx), count_(senders.size()) {
  std::vector<std::string> emails;
  std::vector<std::int64_t> records;
  for (const SenderOfRecord& sender : senders) {
    emails.push_back(sender.email);
    records.push_back(sender.record_id);
  }
  ticket_ = tx.queue(kKnown, std::move(Params{}
                                           .add_array(std::span<const std::string>(emails))
                                           .add_array(std::span<const std::int64_t>(records))));
}

std::vector<bool> KnownSenderLookup::results() const {
  std::vector<bool> known(count_, false);
  const Rows& rows = tx_.rows(ticket_);
  for (int row = 0; row < rows.size(); ++row)
    known[static_cast<std::size_t>(rows.int64(row, 0) - 1)] = true;
  return known;
}

}  // namespace c360::store
