#include "store/lease.h"

#include <unistd.h>

#include <utility>

#include "daemon/base/digest.h"

namespace c360::store {
namespace {

// clock_timestamp(): the time of this moment, not of the transaction's begin.
constexpr Sql kAcquire{
    "lease.acquire",
    "INSERT INTO ops.mailbox_lease AS l (mailbox, folder, holder, fence, expires_at)"
    " VALUES ($1, $2, $3, 1, clock_timestamp() + $4::bigint * interval '1 millisecond')"
    " ON CONFLICT (mailbox, folder) DO UPDATE"
    "    SET holder = EXCLUDED.holder, fence = l.fence + 1, expires_at = EXCLUDED.expires_at"
    "  WHERE l.expires_at <= clock_timestamp()"
    " RETURNING fence"};
constexpr Sql kRenew{"lease.renew",
                     "UPDATE ops.mailbox_lease"
                     "   SET expires_at = clock_timestamp() + $5::bigint * interval '1 millisecond'"
                     " WHERE mailbox = $1 AND folder = $2 AND holder = $3 AND fence = $4"
                     "   AND expires_at > '-infinity'"};  // not one that was released
constexpr Sql kRelease{"lease.release",
                       "UPDATE ops.mailbox_lease SET expires_at = '-infinity'"
                       " WHERE mailbox = $1 AND folder = $2 AND holder = $3 AND fence = $4"};
constexpr Sql kCheck{"lease.check", "SELECT ops.check_fence($1, $2, $3, $4)"};

Params identity(const Lease& lease) {
  return std::move(
      Params{}.add(lease.mailbox).add(lease.folder).add(lease.holder).add(lease.fence));
}

}  // namespace

std::string lease_holder() {
  char host[256] = "unknown";
  gethostname(host, sizeof host - 1);
  return std::string(host) + ":" + std::to_string(getpid()) + ":" + to_hex(random_bytes(8));
}

Result<std::optional<Lease>> acquire_lease(Database& database, std::string_view mailbox,
                                           std::string_view folder, std::string_view holder,
                                           std::chrono::milliseconds duration) {
  auto rows = database.execute(Pool::work, kAcquire,
                               std::move(Params{}.add(mailbox).add(folder).add(holder).add(
                                   static_cast<std::int64_t>(duration.count()))));
  // Two first holders at once: the one that came second meets the other unique key, which ON
  // CONFLICT does not arbitrate.
  if (!rows && rows.error().reason == "mailbox_lease_fence_key") return std::nullopt;
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return Lease{std::string(mailbox), std::string(folder), std::string(holder), rows->int64(0, 0)};
}

Result<void> renew_lease(Database& database, const Lease& lease,
                         std::chrono::milliseconds duration) {
  auto rows =
      database.execute(Pool::work, kRenew,
                       std::move(identity(lease).add(static_cast<std::int64_t>(duration.count()))));
  if (!rows) return std::unexpected(rows.error());
  if (rows->affected() == 1) return {};
  return fail(ErrorCode::conflict,
              "The lease on mailbox " + lease.mailbox + ", folder " + lease.folder +
                  ", was taken by another process.",
              "lease_lost");
}

Result<void> release_lease(Database& database, const Lease& lease) {
  auto rows = database.execute(Pool::work, kRelease, identity(lease));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

void queue_fence_check(Transaction& tx, const Lease& lease) { tx.queue(kCheck, identity(lease)); }

}  // namespace c360::store
