// What the clocks of the service desk bring about (domain.md 4.7, 15.1). The clocks themselves run
// in the database with every change of a request (crm.run_support_clocks); crm.support_alarm holds
// what they do when a time comes.
#pragma once

#include <cstdint>

#include "store/database.h"

namespace c360::store {

// Warns who works on a request and who supervises, and notes breaches: state, history,
// notification. `limit` alarms at most, the earliest first; each once however many daemons look. A
// warning that comes after the breach (nothing ran for a while) is settled without a word, and so
// is a breach of more than a week ago, but for its history. How many.
Result<std::int64_t> ring_support_alarms(Transaction& tx, int limit);

}  // namespace c360::store
