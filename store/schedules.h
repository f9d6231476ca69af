// Schedules: rows that make jobs by the clock on the wall (design.md 7, domain.md 19).
//
// A slot is one time of the expression. It makes one job, whichever of the daemons comes first, and
// after a downtime there is one, not one per missed slot. Where the job of an earlier slot is not
// finished the slot is skipped, which ops.job_run tells. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/cron.h"
#include "daemon/base/error.h"
#include "daemon/base/time_zone.h"
#include "store/database.h"
#include "store/jobs.h"

namespace c360::store {

// Makes the jobs of all slots that are due; how many. Schedules whose next time was counted in
// another zone are counted anew first.
Result<std::int64_t> fire_schedules(Database& database, const TimeZone& zone,
                                    std::string_view holder);

struct ScheduleChange {
  std::optional<std::string> cron;
  std::optional<bool> paused;
};
// The next slot counts from now. not_found; validation_failed as of Cron, pointing to /cron.
Result<void> change_schedule(Database& database, std::string_view name,
                             const ScheduleChange& change, const TimeZone& zone);

// A run besides the slots, also of a paused one; the unfinished one where there is one.
Result<EnqueuedJob> run_schedule(Database& database, std::string_view name,
                                 std::optional<std::int64_t> user);

}  // namespace c360::store
