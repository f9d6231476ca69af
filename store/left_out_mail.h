// Mail that a listing left out: it has a row, `ignored` by a rule of the program, and was never
// fetched (design.md 11).
#pragma once

#include <cstdint>

#include "store/database.h"

namespace c360::store {

// A person wants it taken in after all: the row is pending, and the next pass over its folder
// fetches the mail, through the rules as they are then. not_found; conflict where it was not left
// out (reason not_left_out), its mailbox is switched off (mailbox_disabled), or its folder has
// another UIDVALIDITY by now, under which it is listed anew (renumbered).
Result<void> process_left_out(Database& database, std::int64_t mail_id);

}  // namespace c360::store
