// Whom the cards believe, changed: what registers said is kept, and every card is judged anew by it
// without another call (domain.md 5.10; adapters.md 3).
//
// The job that does it carries the policy. The latest of its kind says which policy the cards
// follow, so of many daemons one queues it, and an older one under way gives up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/jobs.h"

namespace c360::store {

inline constexpr std::string_view kRepolicyJob = "counterparty_repolicy";

// Queues the job unless the latest one was of the same policy, or no register has said anything
// yet; whether it did. `policy`: sources, the one believed most first. Once old jobs are purged the
// policy counts as new: the pass it costs then changes nothing.
Result<bool> queue_repolicy(Database& database, const std::vector<std::string>& policy);
// The policy a job of the kind carries. validation_failed: its payload has none.
Result<std::vector<std::string>> policy_of(const Job& job);
// Whether a later job of the kind was queued.
Result<bool> is_repolicy_overtaken(Database& database, const Job& job);

// What a register said of a card.
struct FactKey {
  std::int64_t counterparty_id = 0;
  std::string source;
};
// Where the job is in their order: a piece of the pass begins behind the one before it.
struct RepolicyPlace {
  FactKey last;
  std::int64_t done = 0;
};
RepolicyPlace repolicy_place(const Job& job);
// conflict, reason lease_lost, when the job is not ours any more.
Result<void> keep_repolicy_place(Database& database, const Job& job, const RepolicyPlace& place);
Result<std::int64_t> count_facts(Database& database);
// The next ones in their order, `limit` at most; none: that was all.
Result<std::vector<FactKey>> facts_after(Database& database, const FactKey& last, int limit);

}  // namespace c360::store
