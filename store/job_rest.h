// Jobs whose outside service is to be left alone for a while.
#pragma once

#include <cstdint>

#include "store/jobs.h"

namespace c360::store {

// After `job` was given back because its service is to be left alone: the queued jobs of its kind
// wait as it does, instead of each finding out for itself, one after another at their end (50 ms
// apart). Those that somebody asked for and those of the clock wait apart. Those that another one
// is just looking at are left out. How many.
Result<std::int64_t> put_off_jobs_like(Database& database, const Job& job,
                                       const JobSettlement& settlement);

}  // namespace c360::store
