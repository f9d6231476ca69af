// The card of a counterparty filled with what a register says (domain.md 5.10; adapters.md 3).
//
// The register is asked before, outside of any transaction; here its facts are applied in one. What
// is empty is filled; a value of somebody the policy believes more stays and is told as a conflict;
// nothing a register leaves out is ever cleared. Every change stands in the history, its source in
// the pedigree.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/records.h"

namespace c360::store {

// What a register says, by the fields of kRequisiteFields in PostgreSQL text form. `legal_form` is
// its short name, resolved here; `inn` is always there.
struct RegisterFacts {
  std::string source;  // dadata, kontur
  Instant obtained_at;
  std::vector<std::pair<std::string, std::string>> values;
  std::string legal_form;             // "ООО"; empty: not said
  std::vector<std::string> warnings;  // fields that were dropped, and why

  std::optional<std::string_view> value(std::string_view field) const;
};

enum class AutofillMode : std::uint8_t { fill_empty, overwrite, preview };
std::optional<AutofillMode> autofill_mode(std::string_view name);

// Whom to ask about.
struct AutofillTarget {
  std::string id;   // INN, or OGRN where there is no INN; empty: neither
  std::string kpp;  // of a branch; empty: the head office
  // Of a card that is no branch, as somebody wrote it: the division is meant where the head office
  // has another.
  std::string typed_kpp;
  std::int64_t version = 0;
};
// What the card says now. not_found, forbidden as for a change.
Result<AutofillTarget> autofill_target(Database& database, const Records& records, std::int64_t id,
                                       const Actor& actor);

struct AutofillRequest {
  std::int64_t id = 0;
  AutofillMode mode = AutofillMode::fill_empty;
  std::vector<std::string> policy;        // sources, the one believed most first
  std::optional<std::int64_t> version{};  // If-Match
  // Where no value changes the card stays as it is, without an event: only that it was asked about
  // is noted.
  bool only_changes = false;
  bool is_new = false;  // the card was made in this transaction: its job has nothing left to do
};

struct AutofillResult {
  std::string json;    // mode, source, obtained_at, written[], conflicts[], warnings[], record
  std::string record;  // the counterparty as it is now; empty where nothing was saved
  std::int64_t version = 0;
  int written = 0;
};

// In the transaction given, which stays open. conflict, reason inn_changed, where the card got
// another INN since the register was asked; what a change of a counterparty answers besides.
Result<AutofillResult> autofill_counterparty(Records& records, Transaction& tx,
                                             const AutofillRequest& request,
                                             const RegisterFacts& facts, const Actor& actor);
// The same in a transaction of its own, begun anew when another one was in the way.
Result<AutofillResult> autofill_counterparty(Database& database, Records& records,
                                             const AutofillRequest& request,
                                             const RegisterFacts& facts, const Actor& actor);

// The latest facts of `source`, as they were stored; none: it was never asked.
Result<std::optional<RegisterFacts>> stored_facts(Database& database, std::int64_t id,
                                                  std::string_view source);

}  // namespace c360::store
