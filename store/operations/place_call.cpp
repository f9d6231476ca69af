#include "store/operations/place_call.h"

#include <string>

#include "store/draft.h"

namespace c360::store {
namespace {

// Contacts with the number in $1 that the actor in $2 may read.
std::string contacts_with_number(const Records& records, const Actor& actor) {
  const Resource& contact = records.registry().get("contact");
  return "FROM crm.record_phone n JOIN crm.contact ct ON ct.id = n.record_id WHERE n.e164 = "
         "$1::text AND ct.deleted_at IS NULL AND $2::bigint IS NOT DISTINCT FROM $2 AND " +
         records.access().predicate(actor, contact, Right::read, "ct", "$2::bigint").sql;
}

std::string may_write(const Records& records, const Actor& actor, std::string_view kind,
                      std::string_view alias) {
  return records.access()
      .predicate(actor, records.registry().get(kind), Right::write, alias, "$2::bigint")
      .sql;
}

// A contact stands for its counterparty, where it has one.
std::string places(const Records& records, const Actor& actor) {
  return "SELECT min(m.place), min(m.contact), count(DISTINCT m.place), count(DISTINCT m.contact) "
         "FROM (SELECT coalesce(k.id, c.id) AS place, c.id AS contact FROM (SELECT ct.id, "
         "ct.counterparty_id, " +
         may_write(records, actor, "contact", "ct") + " AS mine " +
         contacts_with_number(records, actor) +
         ") c LEFT JOIN crm.counterparty k ON k.id = c.counterparty_id WHERE CASE WHEN k.id IS "
         "NULL THEN c.mine ELSE k.deleted_at IS NULL AND " +
         may_write(records, actor, "counterparty", "k") +
         " END UNION ALL SELECT k.id, NULL FROM crm.record_phone n JOIN crm.counterparty k ON k.id "
         "= n.record_id WHERE n.e164 = $1::text AND k.deleted_at IS NULL AND " +
         may_write(records, actor, "counterparty", "k") + ") m";
}

// Those of the record in $3, or of the counterparty behind it.
std::string contacts_of_record(const Records& records, const Actor& actor) {
  return "SELECT min(ct.id), count(DISTINCT ct.id) " + contacts_with_number(records, actor) +
         " AND (ct.id = $3::bigint OR ct.counterparty_id = crm.counterparty_of($3::bigint) OR "
         "EXISTS (SELECT FROM crm.record_contact rc WHERE rc.record_id = $3::bigint AND "
         "rc.contact_id = ct.id))";
}

Result<void> find_place(Records& records, Transaction& tx, Draft& draft, std::string_view e164) {
  const Plan plan = records.queries().keep({}, places(records, draft.actor()));
  const auto found = tx.query(plan.sql, Params{}.add(e164).add(draft.actor().user_id));
  if (!found) return std::unexpected(found.error());
  const Rows& rows = **found;
  if (rows.int64(0, 2) > 1) {
    draft.wrong("parent_record_id", "call_ambiguous",
                "Several records have this number: name the one that was called.");
  }
  if (rows.int64(0, 2) != 1) return {};
  draft.set("parent_record_id", std::string(rows.text(0, 0)));
  if (rows.int64(0, 3) == 1 && !draft.has("contact_id")) {
    draft.set("contact_id", std::string(rows.text(0, 1)));
  }
  return {};
}

Result<void> find_contact(Records& records, Transaction& tx, Draft& draft, std::string_view e164) {
  const Plan plan = records.queries().keep({}, contacts_of_record(records, draft.actor()));
  Params params;
  params.add(e164).add(draft.actor().user_id).add(draft.get("parent_record_id"));
  const auto found = tx.query(plan.sql, std::move(params));
  if (!found) return std::unexpected(found.error());
  if ((*found)->int64(0, 1) == 1) draft.set("contact_id", std::string((*found)->text(0, 0)));
  return {};
}

}  // namespace

Result<void> place_call(Records& records, Transaction& tx, Draft& draft) {
  if (draft.get("type") != "call" || !draft.has("phone_number")) return {};
  const bool has_place = draft.is_set("parent_record_id");
  if (has_place && draft.is_set("contact_id")) return {};
  const auto& normalise = records.options().normalise_phone;
  const auto phone = normalise ? normalise(*draft.get("phone_number")) : std::nullopt;
  if (!phone || phone->e164.empty()) return {};
  return has_place ? find_contact(records, tx, draft, phone->e164)
                   : find_place(records, tx, draft, phone->e164);
}

}  // namespace c360::store
