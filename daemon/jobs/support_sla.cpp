#include "daemon/jobs/support_sla.h"

#include "daemon/jobs/expiry.h"
#include "daemon/jobs/piecewise.h"
#include "store/operations/support_clocks.h"

namespace c360::daemon {

namespace {

constexpr int kPiece = 500;  // alarms of one transaction

}  // namespace

void add_support_jobs(JobHandlers& handlers, store::Database& database,
                      const std::function<std::shared_ptr<store::Records>()>& records) {
  handlers["support_sla"] = [&database, records](JobRun& run) -> Result<JobYield> {
    const auto in_use = records();
    if (!in_use) return fail(ErrorCode::unavailable, "the records are being replaced");
    auto yield = in_pieces(database, run, kPiece, [](store::Transaction& tx) {
      return store::ring_support_alarms(tx, kPiece);
    });
    if (!yield) return yield;
    if (auto done = expire_due("support_sla", database, *in_use, run, *yield); !done)
      return std::unexpected(done.error());
    return yield;
  };
}

}  // namespace c360::daemon
