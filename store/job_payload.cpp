#include "store/job_payload.h"

#include <utility>

namespace c360::store {
namespace {

constexpr Sql kKeep{"jobs.keep_payload",
                    "UPDATE ops.job SET payload = payload || $2::jsonb WHERE id = $1"};

}  // namespace

Result<void> keep_job_payload(Database& database, const Job& job, std::string_view members) {
  return in_transaction(database, Pool::work, [&](Transaction& tx) -> Result<void> {
    queue_job_check(tx, job);
    tx.queue(kKeep, std::move(Params{}.add(job.id).add(members)));
    return {};
  });
}

}  // namespace c360::store
