#include "store/operations/find_participants.h"

namespace c360::store {

namespace {

constexpr std::size_t kAddressesPerMail = 100;

constexpr Sql kFind{"find_participants", R"sql(
  SELECT DISTINCT u.i, true, p.id FROM unnest($1::bigint[], $2::text[]) AS u (i, email)
  JOIN crm.user p ON p.email = u.email::citext AND p.is_active
  UNION ALL
  SELECT DISTINCT u.i, false, k.id FROM unnest($1::bigint[], $2::text[]) AS u (i, email),
  LATERAL (SELECT id FROM crm.contact k WHERE k.email = u.email::citext AND k.deleted_at IS NULL
           ORDER BY id LIMIT 3) k
  ORDER BY 1, 2, 3)sql"};

}  // namespace

ParticipantLookup::ParticipantLookup(Transaction& tx,
                                     std::span<const std::vector<std::string>> addresses)
    : tx_(tx), count_(addresses.size()) {
  std::vector<std::int64_t> owners;
  std::vector<std::string> emails;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    for (std::size_t k = 0; k < std::min(addresses[i].size(), kAddressesPerMail); ++k) {
      owners.push_back(static_cast<std::int64_t>(i));
      emails.push_back(addresses[i][k]);
    }
  }
  ticket_ = tx.queue(kFind, std::move(Params{}
                                          .add_array(std::span<const std::int64_t>(owners))
                                          .add_array(std::span<const std::string>(emails))));
}

std::vector<Participants> ParticipantLookup::results() const {
  std::vector<Participants> found(count_);
  const Rows& rows = tx_.rows(ticket_);
  for (int row = 0; row < rows.size(); ++row) {
    Participants& mail = found[static_cast<std::size_t>(rows.int64(row, 0))];
    (rows.boolean(row, 1) ? mail.user_ids : mail.contact_ids).push_back(rows.int64(row, 2));
  }
  return found;
}

}  // namespace c360::store
