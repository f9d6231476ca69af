#include "daemon/jobs/stale_customers.h"

#include "store/operations/stale_customers.h"

namespace c360::daemon {

void add_stale_customers_job(JobHandlers& handlers, store::Database& database, int days) {
  handlers["stale_customers"] = [&database, days](JobRun& run) -> Result<JobYield> {
    JobYield yield;
    // Done with its effect: a digest is not sent twice because the run was tried again.
    auto done = store::in_transaction(database, store::Pool::work,
                                      [&](store::Transaction& tx) -> Result<void> {
                                        run.check(tx);
                                        auto told = store::count_stale_customers(tx, days);
                                        if (!told) return std::unexpected(told.error());
                                        yield.processed = *told;
                                        run.done_with(tx);
                                        return {};
                                      });
    if (!done) return std::unexpected(done.error());
    return yield;
  };
}

}  // namespace c360::daemon
