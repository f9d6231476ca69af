// The state of the gates in front of outside services, shared by all daemons and kept over restarts
// (ops.service_gate). What the text means is adapters' affair.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/database.h"

namespace c360::store {

// Changes the text of that key with nobody else at it, in a transaction of its own; a key never
// seen has "{}". `change` is called once, or not at all when there is an error; its own error
// leaves the text as it was.
Result<void> change_service_gate(Database& database, std::string_view key,
                                 const std::function<Result<void>(std::string& state)>& change);

struct StoredServiceGate {
  std::string key;
  std::string state;
};
// Those of the services (ops.service_switch), by key; not those of single recipients.
Result<std::vector<StoredServiceGate>> service_gates(Database& database);
// Gates of recipients that nobody has used for `age`, `limit` at most; how many.
Result<std::int64_t> purge_recipient_gates(Database& database, std::chrono::hours age,
                                           std::int64_t limit);

}  // namespace c360::store
