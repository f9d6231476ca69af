#include "daemon/jobs/report_batch.h"

#include <algorithm>
#include <limits>
#include <random>

#include "daemon/jobs/report_making.h"
#include "store/operations/report_batch.h"

namespace c360::daemon {

namespace {

using adapters::NoAnswer;
using adapters::Outcome;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using store::Transaction;

// Short: other jobs wait for the thread meanwhile.
constexpr seconds kSlice{5};
// Of one item (adapters.md, 0.1).
constexpr int kMalformedAttempts = 2;
// Where nobody says when to ask again.
constexpr seconds kAfterRefusal{3'600};
constexpr seconds kWhileOff{300};
constexpr seconds kShortestWait{1};

// What concerns every report of the batch alike.
bool stops_all(const NoAnswer& none) {
  return none.outcome == Outcome::quota || none.outcome == Outcome::auth || none.reason == "off";
}

seconds wait_after(const NoAnswer& none) {
  if (none.retry_at)
    return std::max(kShortestWait,
                    std::chrono::ceil<seconds>(*none.retry_at - SystemClock{}.now()));
  return none.reason == "off" ? kWhileOff : kAfterRefusal;
}

std::string_view remedy_of(const NoAnswer& none) {
  if (none.reason == "off") return "Switch Kontur.Focus on and reload, or cancel the batch.";
  if (none.outcome == Outcome::auth)
    return "Check the key and what the contract allows, and reload; it goes on by itself then.";
  if (none.reason == "day_limit" || none.reason == "month_limit")
    return "Wait, or raise kontur_focus.day_limit or month_limit, reload and resume the batch.";
  if (none.reason == "contract_limit" || none.reason == "paused")
    return "Wait, or pay for more with Kontur, run `client360 adapter probe kontur` and resume the "
           "batch.";
  return "Nothing: it goes on by itself.";
}

std::string_view reason_of(const NoAnswer& none) {
  return none.reason.empty() ? to_string(none.outcome) : none.reason;
}

std::string_view state_of(ReportEnd end) {
  return end == ReportEnd::ready ? "ready" : end == ReportEnd::unknown ? "not_found" : "gone";
}

// One slice.
class ReportBatch {
 public:
  ReportBatch(const ExpressReportPorts& ports, JobRun& run) : ports_(ports), run_(run) {}

  Result<JobYield> work() {
    if (auto noted = note_wait("", ""); !noted) return std::unexpected(noted.error());
    const auto ends = steady_clock::now() + kSlice;
    while (!run_.stopping()) {
      const auto step = next();
      if (!step) return std::unexpected(step.error());
      if (step->rests) return later(milliseconds{0});
      if (!step->item) return whole();
      if (!step->is_kept) {
        if (auto done = treat(*step->item); !done) return std::unexpected(done.error());
      }
      if (wait_) return later(*wait_);
      ++yield_.processed;
      if (steady_clock::now() >= ends) return later(milliseconds{0});
    }
    return fail(ErrorCode::unavailable, "told to stop");
  }

 private:
  Result<JobYield> later(milliseconds wait) {
    yield_.again_after = wait;
    return yield_;
  }
  // The run tells of the whole batch, not of its last slice.
  Result<JobYield> whole() {
    const auto failed = store::failed_batch_items(ports_.database, run_.job());
    if (!failed) return std::unexpected(failed.error());
    yield_.failed = *failed;
    return yield_;
  }

  Result<store::BatchStep> next() {
    store::BatchStep step;
    auto done = in_step([&](Transaction& tx) -> Result<void> {
      auto found = store::next_batch_item(tx, run_.job());
      if (!found) return std::unexpected(found.error());
      step = *found;
      if (step.is_kept)
        store::queue_batch_item_end(
            tx, run_.job(), {.counterparty_id = step.item->counterparty_id, .state = "kept"});
      return {};
    });
    if (!done) return std::unexpected(done.error());
    return step;
  }

  Result<void> treat(const store::BatchItem& item) {
    const auto began = steady_clock::now();
    const auto end_of = [&](std::string_view state) {
      return store::BatchItemEnd{
          .counterparty_id = item.counterparty_id,
          .state = state,
          .took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began)};
    };
    ReportMaking making(ports_, run_, item.counterparty_id, item.attempts + 1,
                        [&](Transaction& tx, ReportEnd end) {
                          store::queue_batch_item_end(tx, run_.job(), end_of(state_of(end)));
                        });
    auto made = making.make();
    if (made && *made == ReportEnd::gone) {
      return in_step([&](Transaction& tx) -> Result<void> {
        store::queue_batch_item_end(tx, run_.job(), end_of("gone"));
        return {};
      });
    }
    if (made) return {};
    const ReportTrouble& trouble = made.error();
    if (!trouble.none) return std::unexpected(trouble.error);
    if (stops_all(*trouble.none)) return wait_for(trouble);
    if (const auto delay = delay_before_next(trouble, item)) return put_off(trouble, item, *delay);
    store::BatchItemEnd end = end_of("failed");
    end.reason = reason_of(*trouble.none);
    end.detail = trouble.none->detail;
    return making.give_up(
        trouble, [&](Transaction& tx) { store::queue_batch_item_end(tx, run_.job(), end); });
  }

  // An item has its attempts as a job of its own would. None: it is not asked about again.
  std::optional<milliseconds> delay_before_next(const ReportTrouble& trouble,
                                                const store::BatchItem& item) {
    store::Job attempt;
    attempt.attempts = item.attempts + 1;
    attempt.max_attempts = std::numeric_limits<int>::max();
    const NoAnswer& none = *trouble.none;
    if (none.outcome != Outcome::retryable) return std::nullopt;
    if (none.reason == "malformed" && attempt.attempts >= kMalformedAttempts) return std::nullopt;
    return run_.service_retry().delay(trouble.error, attempt,
                                      std::uniform_real_distribution<double>{}(random_));
  }

  Result<void> wait_for(const ReportTrouble& trouble) {
    wait_ = wait_after(*trouble.none);
    yield_.trouble = trouble.error;
    return note_wait(reason_of(*trouble.none), remedy_of(*trouble.none));
  }

  Result<void> put_off(const ReportTrouble& trouble, const store::BatchItem& item,
                       milliseconds delay) {
    wait_ = delay;
    yield_.trouble = trouble.error;
    auto noted = in_step([&](Transaction& tx) -> Result<void> {
      store::queue_batch_item_attempt(tx, run_.job(), item.counterparty_id,
                                      reason_of(*trouble.none), trouble.none->detail);
      return {};
    });
    if (!noted) return noted;
    return note_wait(reason_of(*trouble.none), remedy_of(*trouble.none));
  }

  Result<void> note_wait(std::string_view reason, std::string_view remedy) {
    return store::note_batch_wait(ports_.database, run_.job(), reason, remedy);
  }

  template <typename Body>
  Result<void> in_step(Body body) {
    return store::in_transaction(ports_.database, store::Pool::work, [&](Transaction& tx) {
      run_.check(tx);
      return body(tx);
    });
  }

  const ExpressReportPorts& ports_;
  JobRun& run_;
  JobYield yield_;
  std::optional<milliseconds> wait_;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace

void add_report_batch_job(JobHandlers& handlers, const ExpressReportPorts& ports) {
  handlers[std::string(store::kReportBatchJob)] = [ports](JobRun& run) {
    return ReportBatch(ports, run).work();
  };
}

}  // namespace c360::daemon
