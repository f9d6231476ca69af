// What of an outside service is left to people (adapters.md 1.4, 2.5): a job made by the clock
// waits while no more than that is left.
#pragma once

#include <cstdint>
#include <string_view>

#include "daemon/base/error.h"
#include "store/database.h"
#include "store/jobs.h"

namespace c360::daemon {

struct QuotaReserve {
  std::string_view service;
  // Whether the counter of that name counts the calls of such a job.
  bool (*counts)(std::string_view counter);
  // `total` 0: not told.
  bool (*is_reached)(std::int64_t left, std::int64_t total);
};
extern const QuotaReserve kDadataReserve;      // a tenth of the day, at least 200
extern const QuotaReserve kKonturReserve;      // a twentieth of the contract: of the reports,
extern const QuotaReserve kRequisitesReserve;  // of the requisites,
extern const QuotaReserve kWatchReserve;       // and of the watch list

// rate_limited, reason quota_reserve, with the time to wait: the job is to wait. What a person
// asked for never is; neither is any where nobody told within a day what is left.
Result<void> keep_reserve(store::Database& database, const store::Job& job,
                          const QuotaReserve& reserve);

}  // namespace c360::daemon
