// What outside services said last of what is left of the money, the day or the contract
// (ops.service_quota). Any thread.
#pragma once

#include <optional>
#include <string>
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

}  // namespace c360::store
