// When each outside service was asked last whether it works, and what it said (ops.service_probe).
// Any thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "store/database.h"

namespace c360::store {

struct ServiceProbeEntry {
  std::string service;
  bool works = false;
  std::string outcome;
  std::string reason;
  std::string told;  // redacted
  std::chrono::milliseconds duration{};
};
// In place of the one before; the interval counts anew.
Result<void> keep_service_probe(Database& database, const ServiceProbeEntry& probe);
// Services that are on and were not asked for `interval`, the longest ago first. One that is seen
// for the first time is due after an interval.
Result<std::vector<std::string>> due_service_probes(Database& database,
                                                    std::chrono::seconds interval);

}  // namespace c360::store
