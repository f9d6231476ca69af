// Customers nobody takes care of: without contact for a time, or without an open reminder
// (domain.md 16, 19; ).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "store/database.h"

namespace c360::store {

// Counts them, keeps the counts for every daemon, and tells each responsible person who wants the
// digest how many are his. How many people were told.
Result<std::int64_t> count_stale_customers(Transaction& tx, int days_without_contact);
// As counted last, by condition: no_contact, no_reminder. Empty before the first count.
Result<std::map<std::string, std::int64_t>> read_stale_customers(Database& database);

}  // namespace c360::store
