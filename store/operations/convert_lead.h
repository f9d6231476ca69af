// A lead becomes a deal (domain.md 6.3, 6.4; ): whichever way its status becomes
// deal_creation, the deal is made in the same transaction.
#pragma once

#include "store/model/resource.h"

namespace c360::store {

// Entering deal_creation makes the deal, unless there is one; leaving it is refused while the deal
// lives, except to administrators. An import brings its own deals.
Consequence lead_to_deal();

}  // namespace c360::store
