#include "store/operations/match_contact.h"

#include "daemon/base/text.h"

namespace c360::store {

namespace {

// Before anybody is looked for: who makes a contact of the same customer at this moment goes first.
constexpr Sql kLockCustomers{"match_contact_lock", R"sql(
  SELECT id FROM crm.counterparty WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE)sql"};
constexpr Sql kContacts{"match_contact", R"sql(
  SELECT u.i, k.id, k.row_version, k.counterparty_id, k.full_name, k.email, k.position, k.department,
         k.phone, k.is_main,
         (SELECT p.e164 FROM crm.record_phone p WHERE p.record_id = k.id AND p.e164 IS NOT NULL
          ORDER BY p.source_field, p.raw LIMIT 1)
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY
         AS u (counterparty_id, email, e164, name, i)
  JOIN crm.contact k ON k.counterparty_id = u.counterparty_id AND k.deleted_at IS NULL
   AND ((u.email <> '' AND k.email = u.email::citext)
        OR (u.e164 <> '' AND EXISTS (SELECT 1 FROM crm.record_phone p
                                     WHERE p.record_id = k.id AND p.e164 = u.e164))
        OR (u.name <> '' AND replace(lower(k.full_name), 'ё', 'е') = u.name))
  ORDER BY u.i, k.id)sql"};
constexpr Sql kMains{"match_contact_mains", R"sql(
  SELECT u.i, EXISTS (SELECT 1 FROM crm.contact k WHERE k.counterparty_id = u.counterparty_id
                      AND k.is_main AND k.deleted_at IS NULL)
  FROM unnest($1::bigint[]) WITH ORDINALITY AS u (counterparty_id, i))sql"};

// ё = е, letter case and runs of blanks do not make another name.
std::string comparable_name(std::string_view name) {
  std::string folded;
  bool blank = false;
  for (const char c : to_lower(trimmed(name))) {
    const bool space = c == ' ' || c == '\t' || c == '\n';
    if (space && blank) continue;
    blank = space;
    folded += space ? ' ' : c;
  }
  std::string result;
  for (std::size_t at = 0; at < folded.size();) {
    const char32_t c = next_code_point(folded, at);
    append_utf8(result, c == U'ё' ? U'е' : c);
  }
  return result;
}

bool differ(std::string_view a, std::string_view b) {
  return !a.empty() && !b.empty() && to_lower(a) != to_lower(b);
}
bool agree(std::string_view a, std::string_view b) {
  return !a.empty() && to_lower(a) == to_lower(b);
}

}  // namespace

bool same_contact(const ContactIdentity& a, const ContactIdentity& b) {
  if (agree(a.email, b.email)) return true;
  if (differ(a.email, b.email)) return false;
  if (agree(a.e164, b.e164)) return true;
  if (differ(a.e164, b.e164)) return false;
  const std::string name = comparable_name(a.full_name);
  return !name.empty() && name == comparable_name(b.full_name);
}

ContactLookup::ContactLookup(Transaction& tx, std::span<const ContactClue> clues)
    : tx_(tx), count_(clues.size()) {
  std::vector<std::int64_t> counterparties;
  std::vector<std::string> emails;
  std::vector<std::string> phones;
  std::vector<std::string> names;
  for (const ContactClue& clue : clues) {
    counterparties.push_back(clue.counterparty_id);
    emails.push_back(clue.identity.email);
    phones.push_back(clue.identity.e164);
    names.push_back(comparable_name(clue.identity.full_name));
  }
  tx_.queue(kLockCustomers,
            std::move(Params{}.add_array(std::span<const std::int64_t>(counterparties))));
  Params params;
  params.add_array(std::span<const std::int64_t>(counterparties));
  params.add_array(std::span<const std::string>(emails));
  params.add_array(std::span<const std::string>(phones));
  params.add_array(std::span<const std::string>(names));
  contacts_ = tx.queue(kContacts, std::move(params));
  mains_ = tx.queue(kMains,
                    std::move(Params{}.add_array(std::span<const std::int64_t>(counterparties))));
}

std::vector<ContactLookup::Found> ContactLookup::results() const {
  std::vector<Found> found(count_);
  const Rows& rows = tx_.rows(contacts_);
  for (int row = 0; row < rows.size(); ++row) {
    KnownContact contact{.id = rows.int64(row, 1),
                         .version = rows.int64(row, 2),
                         .counterparty_id = rows.int64(row, 3),
                         .identity = {.full_name = std::string(rows.text(row, 4)),
                                      .email = std::string(rows.text(row, 5)),
                                      .e164 = std::string(rows.text(row, 10))},
                         .position = std::string(rows.text(row, 6)),
                         .department = std::string(rows.text(row, 7)),
                         .phone = std::string(rows.text(row, 8)),
                         .is_main = rows.boolean(row, 9)};
    found[static_cast<std::size_t>(rows.int64(row, 0) - 1)].contacts.push_back(std::move(contact));
  }
  const Rows& mains = tx_.rows(mains_);
  for (int row = 0; row < mains.size(); ++row)
    found[static_cast<std::size_t>(mains.int64(row, 0) - 1)].counterparty_has_main =
        mains.boolean(row, 1);
  return found;
}

}  // namespace c360::store
