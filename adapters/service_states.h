// How each outside service does, for the operator: what its gates and its journal say, and what to
// do about it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.h"
#include "store/service_calls.h"

namespace c360::adapters {

struct ServiceStatus {
  store::ServiceRecord record;
  // off; refused (the key); paused (its quota, or ours); unreachable (the breaker is open); failing
  // (the latest call failed); ok; unused.
  std::string state;
  std::string detail;            // why; empty: nothing to tell
  std::string remedy;            // empty: nothing to do
  std::optional<Instant> until;  // of a pause or the breaker
};
// Of every service, by name.
Result<std::vector<ServiceStatus>> service_states(store::Database& database, Instant now);
std::string to_json(const ServiceStatus& status);

}  // namespace c360::adapters
