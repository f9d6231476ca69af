#include "daemon/jobs/repolicy.h"

#include "store/operations/autofill.h"
#include "store/operations/repolicy.h"

namespace c360::daemon {

namespace {

using std::chrono::steady_clock;
using store::Actor;
using store::FactKey;

constexpr int kPage = 100;  // between two looks at what else was queued

// One piece of the pass.
class Repolicy {
 public:
  Repolicy(const RepolicyPorts& ports, store::Records& records, JobRun& run,
           std::vector<std::string> policy)
      : database_(ports.database),
        records_(records),
        run_(run),
        policy_(std::move(policy)),
        ends_(steady_clock::now() + ports.slice),
        place_(store::repolicy_place(run.job())) {}

  Result<JobYield> work() {
    const auto total = store::count_facts(database_);
    if (!total) return std::unexpected(total.error());
    while (true) {
      const auto overtaken = store::is_repolicy_overtaken(database_, run_.job());
      if (!overtaken) return std::unexpected(overtaken.error());
      if (*overtaken) return yield_;
      const auto page = store::facts_after(database_, place_.last, kPage);
      if (!page) return std::unexpected(page.error());
      if (page->empty()) return yield_;
      const auto is_over = judge_all(*page);
      if (!is_over) return std::unexpected(is_over.error());
      if (auto shown = run_.progress(place_.done, std::max(place_.done, *total)); !shown)
        return std::unexpected(shown.error());
      if (*is_over) return later();
    }
  }

 private:
  // True: the time of this piece is over.
  Result<bool> judge_all(const std::vector<FactKey>& page) {
    for (const FactKey& key : page) {
      if (run_.stopping()) return fail(ErrorCode::unavailable, "told to stop");
      if (auto judged = judge(key); !judged) return std::unexpected(judged.error());
      place_.last = key;
      ++place_.done;
      if (steady_clock::now() >= ends_) return true;
    }
    return false;
  }

  Result<JobYield> later() {
    if (auto kept = store::keep_repolicy_place(database_, run_.job(), place_); !kept)
      return std::unexpected(kept.error());
    yield_.again_after = std::chrono::milliseconds{0};
    return yield_;
  }

  // What another try may mend ends the run; a card that cannot be written is counted.
  Result<void> judge(const FactKey& key) {
    auto judged = changed(key);
    if (judged) {
      yield_.processed += *judged ? 1 : 0;
      return {};
    }
    const Error& error = judged.error();
    // The card went, or got another INN since: its facts are about another company.
    if (error.code == ErrorCode::not_found || error.reason == "inn_changed") return {};
    if (error.temporary() || error.reason == "lease_lost") return std::unexpected(error);
    ++yield_.failed;
    if (!yield_.trouble)
      yield_.trouble =
          with_context(error, "counterparty " + std::to_string(key.counterparty_id)).error();
    return {};
  }

  Result<bool> changed(const FactKey& key) {
    const auto facts = store::stored_facts(database_, key.counterparty_id, key.source);
    if (!facts) return std::unexpected(facts.error());
    if (!*facts) return false;
    const store::AutofillRequest request{
        .id = key.counterparty_id, .policy = policy_, .only_changes = true};
    bool wrote = false;
    auto done = store::in_transaction(
        database_, store::Pool::work, [&](store::Transaction& tx) -> Result<void> {
          run_.check(tx);
          auto filled =
              store::autofill_counterparty(records_, tx, request, **facts, Actor::system("job"));
          if (!filled) return std::unexpected(filled.error());
          wrote = filled->written > 0;
          return {};
        });
    if (!done) return std::unexpected(done.error());
    return wrote;
  }

  store::Database& database_;
  store::Records& records_;
  JobRun& run_;
  const std::vector<std::string> policy_;
  const steady_clock::time_point ends_;
  store::RepolicyPlace place_;
  JobYield yield_;
};

}  // namespace

void add_repolicy_job(JobHandlers& handlers, const RepolicyPorts& ports) {
  handlers[std::string(store::kRepolicyJob)] = [ports](JobRun& run) -> Result<JobYield> {
    const auto records = ports.records();
    if (!records) return fail(ErrorCode::unavailable, "the records are being replaced");
    auto policy = store::policy_of(run.job());
    if (!policy) return std::unexpected(policy.error());
    return Repolicy(ports, *records, run, std::move(*policy)).work();
  };
}

}  // namespace c360::daemon
