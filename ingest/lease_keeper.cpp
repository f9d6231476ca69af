#include "ingest/lease_keeper.h"

#include <vector>

namespace c360::ingest {

LeaseKeeper::LeaseKeeper(store::Database& database, std::string holder, const Observer& observer,
                         std::function<void()> beat)
    : database_(database),
      holder_(std::move(holder)),
      observer_(observer),
      beat_(std::move(beat)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

LeaseKeeper::~LeaseKeeper() {
  thread_.request_stop();
  thread_.join();
  for (const auto& [key, lease] : leases_) {
    // A failure costs the next holder the rest of the lease's time, no more.
    (void)store::release_lease(database_, lease);
  }
}

Result<std::optional<store::Lease>> LeaseKeeper::hold(std::string_view mailbox,
                                                      std::string_view folder) {
  const Key key{mailbox, folder};
  {
    const std::scoped_lock lock{mutex_};
    if (const auto found = leases_.find(key); found != leases_.end()) return found->second;
  }
  auto lease = store::acquire_lease(database_, mailbox, folder, holder_);
  if (!lease) return std::unexpected(lease.error());
  if (*lease) {
    observer_.observe(event::lease_acquired, {{"mailbox", mailbox}, {"fence", (*lease)->fence}});
    const std::scoped_lock lock{mutex_};
    leases_.insert_or_assign(key, **lease);
  }
  return lease;
}

void LeaseKeeper::release(std::string_view mailbox, std::string_view folder) {
  std::optional<store::Lease> lease;
  {
    const std::scoped_lock lock{mutex_};
    const auto found = leases_.find(Key{mailbox, folder});
    if (found == leases_.end()) return;
    lease = std::move(found->second);
    leases_.erase(found);
  }
  (void)store::release_lease(database_, *lease);
}

void LeaseKeeper::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    beat_();
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, stop, store::kLeaseRenewal, [] { return false; });
    if (stop.stop_requested()) return;
    lock.unlock();
    renew_all();
  }
}

void LeaseKeeper::renew_all() {
  std::vector<store::Lease> held;
  {
    const std::scoped_lock lock{mutex_};
    for (const auto& [key, lease] : leases_) held.push_back(lease);
  }
  for (const store::Lease& lease : held) {
    const auto renewed = store::renew_lease(database_, lease);
    if (renewed) continue;
    if (renewed.error().reason == "lease_lost") drop(lease);
    // Otherwise the database is away: nobody else can take the lease either.
    if (renewed.error().temporary()) return;
  }
}

void LeaseKeeper::drop(const store::Lease& lease) {
  observer_.observe(event::lease_lost, {{"mailbox", lease.mailbox}, {"fence", lease.fence}});
  const std::scoped_lock lock{mutex_};
  const auto found = leases_.find(Key{lease.mailbox, lease.folder});
  if (found != leases_.end() && found->second.fence == lease.fence) leases_.erase(found);
}

}  // namespace c360::ingest
