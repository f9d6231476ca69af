#include "daemon/jobs/repolicy.h"

#include "store/operations/autofill.h"
#include "store/operations/repolicy.h"

namespace c360::daemon {

namespace {

using store::Actor;
using store::FactKey;

constexpr int kPage = 100;  // between two looks at what else was queued

class Repolicy {
 public:
  Repolicy(store::Database& database, store::Records& records, JobRun& run,
           std::vector<std::string> policy)
      : database_(database), records_(records), run_(run), policy_(std::move(policy)) {}

  Result<JobYield> work() {
    const auto total = store::count_facts(database_);
    if (!total) return std::unexpected(total.error());
    FactKey last;
    std::int64_t done = 0;
    while (true) {
      const auto overtaken = store::is_repolicy_overtaken(database_, run_.job());
      if (!overtaken) return std::unexpected(overtaken.error());
      if (*overtaken) return yield_;
      const auto page = store::facts_after(database_, last, kPage);
      if (!page) return std::unexpected(page.error());
      if (page->empty()) return yield_;
      for (const FactKey& key : *page) {
        if (run_.stopping()) return fail(ErrorCode::unavailable, "told to stop");
        if (auto judged = judge(key); !judged) return std::unexpected(judged.error());
      }
      last = page->back();
      done += static_cast<std::int64_t>(page->size());
      if (auto shown = run_.progress(done, std::max(done, *total)); !shown)
        return std::unexpected(shown.error());
    }
  }

 private:
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
  JobYield yield_;
};

}  // namespace

void add_repolicy_job(JobHandlers& handlers, const RepolicyPorts& ports) {
  handlers[std::string(store::kRepolicyJob)] = [ports](JobRun& run) -> Result<JobYield> {
    const auto records = ports.records();
    if (!records) return fail(ErrorCode::unavailable, "the records are being replaced");
    auto policy = store::policy_of(run.job());
    if (!policy) return std::unexpected(policy.error());
    return Repolicy(ports.database, *records, run, std::move(*policy)).work();
  };
}

}  // namespace c360::daemon
