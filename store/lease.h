// Who may work on a mailbox folder: a row with a holder, a fencing token and an end by the
// database's clock (design.md 4.1).
//
// A new holder gets a larger fence. Every transaction that writes on behalf of the lease queues
// queue_fence_check() first: it fails the transaction (conflict, reason lease_lost) when the lease
// is not ours any more, and keeps others from taking it over until the transaction ends. Renewing
// does not wait for such transactions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "store/database.h"

namespace c360::store {

inline constexpr std::chrono::milliseconds kLeaseDuration{15'000};
inline constexpr std::chrono::milliseconds kLeaseRenewal{5'000};

struct Lease {
  std::string mailbox;
  std::string folder;
  std::string holder;
  std::int64_t fence = 0;
};

// One process run: host name, process id and random bytes. Two runs never share one.
std::string lease_holder();

// The lease, or nullopt while another holder has it.
Result<std::optional<Lease>> acquire_lease(Database& database, std::string_view mailbox,
                                           std::string_view folder, std::string_view holder,
                                           std::chrono::milliseconds duration = kLeaseDuration);
// conflict, reason lease_lost, when another holder has taken it meanwhile. A lease that ran out and
// was not taken is renewed: its fence is still the last one.
Result<void> renew_lease(Database& database, const Lease& lease,
                         std::chrono::milliseconds duration = kLeaseDuration);
// At once free for others; nothing when it is not ours any more.
Result<void> release_lease(Database& database, const Lease& lease);

// No round trip. First in the transaction, so that what follows is not done in vain.
void queue_fence_check(Transaction& tx, const Lease& lease);

}  // namespace c360::store
