#include "daemon/jobs/watch_list.h"

#include <algorithm>

#include "daemon/base/json_lookup.h"
#include "daemon/base/time_zone.h"
#include "daemon/jobs/quota_reserve.h"
#include "store/job_payload.h"
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

constexpr std::string_view kBadId = "bad_id";

bool is_malformed(const adapters::CallResult<std::vector<WatchedParty>>& answer) {
  return !answer && answer.error().reason == "malformed";
}

// Asking for something else may do well: not so where the method or the key is refused.
bool is_of_this_question_alone(const adapters::NoAnswer& none) {
  return none.reason == kBadId || none.reason == "too_large" || none.reason == "malformed";
}

class WatchList {
 public:
  WatchList(const WatchPorts& ports, JobRun& run, sys_days today)
      : ports_(ports), run_(run), today_(today) {
    if (const auto payload = Json::parse(run.job().payload)) place_ = text_of(*payload, "place");
  }

  Result<JobYield> work() {
    if (auto asked = ask_for_changes(); !asked) return std::unexpected(asked.error());
    if (auto gone = forget_gone(); !gone) return std::unexpected(gone.error());
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

  // A day that is refused for good stops no other: a later one that is answered leaves it behind.
  // Where none is, the next run asks for all of them again.
  Result<void> ask_for(sys_days day) {
    if (auto may = may_call(); !may) return may;
    auto changed = ports_.reports.changed_on(day);
    if (is_malformed(changed)) changed = ports_.reports.changed_on(day);
    if (!changed && is_of_this_question_alone(changed.error())) return went_wrong(changed.error());
    if (!changed) return without(changed.error());
    return in_step([&](Transaction& tx) -> Result<void> {
      const auto queued = store::queue_changed(tx, inns_of(*changed), day);
      if (!queued) return std::unexpected(queued.error());
      yield_.processed += *queued;
      return {};
    });
  }

  // The list can only be added to or replaced: where somebody is to leave it, it begins anew with
  // some of those that stay, and the others are told like new ones.
  Result<void> forget_gone() {
    const auto staying = store::watch_list_without_gone(ports_.database, KonturFocus::kMaxWatched);
    if (!staying) return std::unexpected(staying.error());
    if (!*staying) return {};
    const std::vector<std::string>& inns = **staying;
    std::vector<std::string> recognised;
    if (!inns.empty()) {
      if (auto may = may_call(); !may) return may;
      const auto told = ports_.reports.watch_only(inns);
      if (!told && is_of_this_question_alone(told.error())) return went_wrong(told.error());
      if (!told) return without(told.error());
      recognised = inns_of(*told);
    }
    return in_step([&](Transaction& tx) -> Result<void> {
      store::queue_watch_list_anew(tx, inns);
      store::queue_watched(tx, inns, recognised, today_ - days{1});
      place_.clear();  // those behind it are to be told again
      return {};
    });
  }

  Result<void> tell_of_new() {
    for (int call = 0; call < kCallsPerRun; ++call) {
      const auto inns = store::unwatched_inns(ports_.database, place_, KonturFocus::kMaxWatched);
      if (!inns) return std::unexpected(inns.error());
      if (inns->empty()) return {};
      if (auto told = tell_of(*inns); !told) return told;
      place_ = inns->back();
    }
    JsonWriter json;
    json.begin_object().member("place", place_).end_object();
    if (auto kept = store::keep_job_payload(ports_.database, run_.job(), json.take()); !kept)
      return kept;
    yield_.again_after = std::chrono::milliseconds{0};
    return {};
  }

  // Where they are refused together, whom the service refuses alone is left out for a month.
  Result<void> tell_of(const std::vector<std::string>& inns) {
    if (auto may = may_call(); !may) return may;
    const auto recognised = ports_.reports.watch(inns);
    if (recognised) return note_told(inns, inns_of(*recognised));
    if (recognised.error().reason != kBadId) return without(recognised.error());
    if (inns.size() == 1) {
      if (auto noted = note_told(inns, {}); !noted) return noted;
      return went_wrong(recognised.error());
    }
    const auto middle = inns.begin() + static_cast<std::ptrdiff_t>(inns.size() / 2);
    if (auto first = tell_of({inns.begin(), middle}); !first) return first;
    return tell_of({middle, inns.end()});
  }

  Result<void> note_told(const std::vector<std::string>& inns,
                         const std::vector<std::string>& recognised) {
    return in_step([&](Transaction& tx) -> Result<void> {
      store::queue_watched(tx, inns, recognised, today_ - days{1});
      return {};
    });
  }

  Result<void> may_call() const {
    if (run_.stopping()) return fail(ErrorCode::unavailable, "told to stop");
    return keep_reserve(ports_.database, run_.job(), kWatchReserve);
  }

  Result<void> without(const adapters::NoAnswer& none) {
    return std::unexpected(run_.unanswered(none, ports_.clock.now()));
  }

  // And the run goes on.
  Result<void> went_wrong(const adapters::NoAnswer& none) {
    ++yield_.failed;
    if (!yield_.trouble) yield_.trouble = adapters::to_error(none, ports_.clock.now());
    return {};
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
  std::string place_;  // behind the INN told last: those before it were told by an earlier piece
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
