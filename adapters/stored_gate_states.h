// GateStates in the database: rates, own limits, pauses and breakers hold over all daemons, and a
// restart forgets none of them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "adapters/service_gate.h"
#include "store/database.h"

namespace c360::adapters {

class StoredGateStates final : public GateStates {
 public:
  // `database` outlives it.
  explicit StoredGateStates(store::Database& database) : database_(database) {}
  // One transaction, two round trips. While the database is away nobody may call: an error.
  Result<void> change(const std::string& key,
                      const std::function<void(GateState&)>& change) override;

 private:
  store::Database& database_;
};

// Before somebody asks by hand: what was refused for the key, a breaker that is open and a limit
// that is spent count no longer, because he may know that they were mended. A short pause does.
Result<void> lift_refusals(store::Database& database, const std::string& service, Instant now);

std::string to_json(const GateState& state);
// Of text that to_json() wrote. What cannot be read counts as unknown: a row that somebody spoiled
// must not stop a service for ever.
GateState gate_state(std::string_view json);

}  // namespace c360::adapters
