// An employee as the configuration names one: by login, e-mail or id.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "store/database.h"

namespace c360::store {

// Queued when made; result() after run().
class EmployeeLookup {
 public:
  EmployeeLookup(Transaction& tx, std::string_view name);
  // nullopt: no active employee has that name, or more than one.
  std::optional<std::int64_t> result() const;

 private:
  Transaction& tx_;
  Ticket ticket_ = 0;
};

// The same in a statement of its own.
Result<std::optional<std::int64_t>> find_employee(Database& database, std::string_view name);

}  // namespace c360::store
