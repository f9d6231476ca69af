// Whose call it was: a call that telephony posts with a number alone is put on the customer, or the
// contact, who has that number (domain.md 13.1; R-101).
#pragma once

#include "store/records.h"

namespace c360::store {

class Draft;

// Resource::find_missing of activities. Of a call with a phone_number: the record, where none was
// sent, and the contact. Only records the actor may write, and contacts he may read, are looked
// at, so that nobody learns whose number it is by calling. Several with the number: the draft says
// so; none: the record stays missing. Errors are of the database.
Result<void> place_call(Records& records, Transaction& tx, Draft& draft);

}  // namespace c360::store
