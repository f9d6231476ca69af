#include "daemon/jobs/watch_list.h"

#include <algorithm>

#include "daemon/base/time_zone.h"
#include "daemon/jobs/quota_reserve.h"
#include "store/operations/watch_list.h"

namespace c360::daemon {

namespace {

using adapters::KonturFocus;
using adapters::WatchedParty;
using std::chrono::days;
using std::chrono::sys_days;
using store::Transaction;

constexpr days kDeepest{90};  // what the service still knows of
constexpr int kCallsPerRun = 20;
// The days of the service are those of Moscow, wherever the business is.
constexpr std::string_view kZone = "Europe/Moscow";

std::vector<std::string> inns_of(const std::vector<WatchedParty>& parties) {
  std::vector<std::string> inns;
  inns.reserve(parties.size());
  for (const WatchedParty& party : parties) inns.push_back(party.inn);
  return inns;
}

class WatchList {
 public:
  WatchList(const WatchPorts& ports, JobRun& run, sys_days today)
      : ports_(ports), run_(run), today_(today) {}

  Result<JobYield> work() {
    if (auto asked = ask_for_changes(); !asked) return std::unexpected(asked.error());
    if (auto told = tell_of_new(); !told) return std::unexpected(told.error());
    return yield_;
  }

 private:
  Result<void> ask_for_changes() {
    const auto through = store::watched_through(ports_.database);
    if (!through) return std::unexpected(through.error());
    if (!*through) return {};
    for (sys_days day = std::max(**through + days{1}, today_ - kDeepest); day < today_;
         day += days{1}) {
      if (auto done = ask_for(day); !done) return done;
    }
    return {};
  }

  Result<void> ask_for(sys_days day) {
    if (auto may = may_call(); !may) return may;
    const auto changed = ports_.reports.changed_on(day);
    if (!changed) return without(changed.error());
    return in_step([&](Transaction& tx) -> Result<void> {
      const auto queued = store::queue_changed(tx, inns_of(*changed), day);
      if (!queued) return std::unexpected(queued.error());
      yield_.processed += *queued;
      return {};
    });
  }

  Result<void> tell_of_new() {
    for (int call = 0; call < kCallsPerRun; ++call) {
      const auto inns = store::unwatched_inns(ports_.database, KonturFocus::kMaxWatched);
      if (!inns) return std::unexpected(inns.error());
      if (inns->empty()) return {};
      if (auto may = may_call(); !may) return may;
      const auto recognised = ports_.reports.watch(*inns);
      if (!recognised) return without(recognised.error());
      auto kept = in_step([&](Transaction& tx) -> Result<void> {
        store::queue_watched(tx, *inns, inns_of(*recognised), today_ - days{1});
        return {};
      });
      if (!kept) return kept;
    }
    yield_.again_after = std::chrono::milliseconds{0};
    return {};
  }

  Result<void> may_call() const {
    if (run_.stopping()) return fail(ErrorCode::unavailable, "told to stop");
    return keep_reserve(ports_.database, run_.job(), kRequisitesReserve);
  }

  Result<void> without(const adapters::NoAnswer& none) const {
    return std::unexpected(adapters::to_error(none, ports_.clock.now()));
  }

  template <typename Body>
  Result<void> in_step(const Body& body) {
    return store::in_transaction(ports_.database, store::Pool::work, [&](Transaction& tx) {
      run_.check(tx);
      return body(tx);
    });
  }

  const WatchPorts& ports_;
  JobRun& run_;
  const sys_days today_;
  JobYield yield_;
};

}  // namespace

void add_watch_job(JobHandlers& handlers, const WatchPorts& ports) {
  handlers[std::string(store::kWatchJob)] = [ports](JobRun& run) -> Result<JobYield> {
    const auto& options = ports.reports.options();
    if (!options.is_on() || !options.watch) return JobYield{};
    const auto zone = TimeZone::named(kZone);
    if (!zone) return std::unexpected(zone.error());
    const auto local = zone->local(std::chrono::floor<std::chrono::seconds>(ports.clock.now()));
    const sys_days today{std::chrono::floor<days>(local).time_since_epoch()};
    return WatchList(ports, run, today).work();
  };
}

}  // namespace c360::daemon
