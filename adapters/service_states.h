// How each outside service does, for the operator: what its gates and its journal say, and what to
// do about it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.h"
#include "store/service_calls.h"
#include "store/service_quotas.h"

namespace c360::adapters {

struct ServiceStatus {
  store::ServiceRecord record;
  // not_configured (it has no key); off; refused (the key); paused (its quota, or ours); expired
  // (the contract); spent (nothing is left); unreachable (the breaker is open); failing (the latest
  // call failed); ok; unused.
  std::string state;
  std::string detail;                 // why; empty: nothing to tell
  std::string remedy;                 // empty: nothing to do
  std::optional<Instant> until;       // of a pause or the breaker
  std::optional<Instant> open_until;  // of the breaker
  std::vector<store::ServiceQuota> quotas;

  // It did not work when it was last asked, and nothing has since.
  bool probe_failed() const;
  // It is on and of no use until somebody does something, or time passes.
  bool is_hindered() const;
};
// Of every service, by name.
Result<std::vector<ServiceStatus>> service_states(store::Database& database, Instant now);
std::string to_json(const ServiceStatus& status);

}  // namespace c360::adapters
