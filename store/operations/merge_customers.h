// What a merge of two counterparties does besides moving rows: marks that stand once only, and the
// projects and releases they take part in (domain.md 5.1). Shared by merge_records.cpp and
// unmerge_records.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/actor.h"
#include "store/database.h"

namespace c360::store {

// Rows that pin each other's counterparty move one after the other: the foreign keys are looked at
// when all is done.
void queue_deferred_pins(Transaction& tx);

// The source has refused advertising, and the target has not agreed since: with the surviving
// customer the refusal holds too.
struct CarriedRefusal {
  std::string basis;                        // to be put down
  std::optional<std::string> basis_before;  // of the target's consent
};
Result<std::optional<CarriedRefusal>> carried_refusal(Transaction& tx, std::int64_t source,
                                                      std::int64_t target);

// Before the rows move: main contacts and primary legal entities of the source give up their mark
// where the target has one, and its links come along. Gives what unjoin_customers() takes:
// {"contacts_demoted": [id], "entities_demoted": [id], "projects": [{id, joined}], "releases": …}.
Result<Json> join_customers(Transaction& tx, std::int64_t source, std::int64_t target,
                            const Actor& actor);

// Queued after the rows went back.
void queue_parting(Transaction& tx, std::int64_t target, std::int64_t source, const Json& joined,
                   const Actor& actor);

}  // namespace c360::store
