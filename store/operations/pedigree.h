// Where the requisites of a counterparty come from: each value with its source and the values
// before it, put together from the history and from what autofill noted beside it
// (crm.requisite_write).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/records.h"

namespace c360::store {

// The fields that registers know of, as columns of crm.counterparty.
inline constexpr std::array<std::string_view, 22> kRequisiteFields = {"name",
                                                                      "full_name",
                                                                      "short_name",
                                                                      "legal_form_code",
                                                                      "kind",
                                                                      "inn",
                                                                      "kpp",
                                                                      "ogrn",
                                                                      "ogrn_on",
                                                                      "okpo",
                                                                      "okved",
                                                                      "registered_on",
                                                                      "juridical_address",
                                                                      "post_address",
                                                                      "ceo_name",
                                                                      "ceo_position",
                                                                      "ceo_since",
                                                                      "phone",
                                                                      "email",
                                                                      "registry_status",
                                                                      "liquidated_on",
                                                                      "unreliable"};

// Who may say what a requisite is: `person` (the API and the portal), `mail`, `import`, `dadata`,
// `kontur`, and `system` for what the program did by itself. Whoever stands before another in the
// policy is believed more; system is never in it and counts as a person.
inline constexpr std::array<std::string_view, 5> kRequisiteSources = {"person", "import", "mail",
                                                                      "dadata", "kontur"};

// One value of one field, from `at` on.
struct RequisiteEntry {
  std::optional<std::string> value;  // PostgreSQL text form; none: it was empty
  std::string source;
  std::optional<std::int64_t> actor_id;
  std::optional<Instant> at;
  std::optional<Instant> obtained_at;  // from the register
  bool is_decided = false;             // a person had it overwritten
};

struct Pedigree {
  std::int64_t version = 0;
  bool name_is_auto = false;
  // By field, the latest one last and never empty: its value is the one on the card.
  std::map<std::string, std::vector<RequisiteEntry>, std::less<>> entries;

  const RequisiteEntry& current(std::string_view field) const {
    return entries.find(field)->second.back();
  }
};

// Locks the row with `lock`. not_found where the actor does not see it, forbidden where he may only
// read it and `lock` is set.
Result<Pedigree> read_pedigree(const Records& records, Transaction& tx, std::int64_t id,
                               const Actor& actor, bool lock);

// GET /counterparties/{id}/pedigree: a JSON object with `items` (field, value, source, at,
// obtained_at, actor_id, earlier values newest first) and `conflicts` with what registers say
// otherwise (field, ours, ours_source, theirs, source, obtained_at).
Result<std::string> pedigree_json(Database& database, const Records& records, std::int64_t id,
                                  const Actor& actor);

}  // namespace c360::store
