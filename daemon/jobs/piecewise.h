// Work of a job that is done a piece at a time, each in a transaction of its own under the job's
// lease: what was done stays done when the rest is broken off.
#pragma once

#include <concepts>
#include <cstdint>

#include "daemon/job_worker.h"
#include "store/database.h"

namespace c360::daemon {

// Until a piece is not full. `piece` says how many of `full` it did.
template <std::invocable<store::Transaction&> Piece>
Result<JobYield> in_pieces(store::Database& database, JobRun& run, std::int64_t full, Piece piece) {
  JobYield yield;
  for (std::int64_t found = full; found >= full;) {
    if (run.stopping()) return fail(ErrorCode::unavailable, "told to stop");
    auto done = store::in_transaction(database, store::Pool::work,
                                      [&](store::Transaction& tx) -> Result<void> {
                                        run.check(tx);
                                        auto count = piece(tx);
                                        if (!count) return std::unexpected(count.error());
                                        found = *count;
                                        return {};
                                      });
    if (!done) return std::unexpected(done.error());
    yield.processed += found;
    if (found == 0) break;
    if (auto shown = run.progress(yield.processed); !shown) return std::unexpected(shown.error());
  }
  return yield;
}

}  // namespace c360::daemon
