// What outside services said last of what is left of the money, the day or the contract
// (ops.service_quota). Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "store/database.h"

namespace c360::store {

struct ServiceQuota {
  std::string service;
  std::string name;                      // "suggestions", "balance", methods of a contract
  std::optional<std::string> remaining;  // a decimal number; nothing: without limit
  std::optional<std::string> total;      // nothing: not told
  std::optional<Instant> renews_at;      // a new day or month begins
  std::optional<Instant> ends_at;        // the contract is over
  Instant told_at{};                     // set when it is kept
};
// In place of what was said before.
Result<void> keep_service_quota(Database& database, const ServiceQuota& quota);
// All of them, by service and name.
Result<std::vector<ServiceQuota>> service_quotas(Database& database);

// What is left of one counter.
struct QuotaRest {
  std::string name;
  std::int64_t left = 0;
  std::int64_t total = 0;        // 0: not told
  std::chrono::seconds holds{};  // until the counter begins anew, or what was told is too old
};
// Of the service, for a job that was made by the clock; none for a job that somebody asked for, and
// nothing that was told more than a day ago. Our own calls since it was told are taken off.
Result<std::vector<QuotaRest>> quota_for_scheduled(Database& database, std::string_view service,
                                                   std::int64_t job);

}  // namespace c360::store
