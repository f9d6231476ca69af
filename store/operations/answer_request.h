// What a customer writes under his support request while it waits for him (domain.md 15.1).
#pragma once

#include "store/model/resource.h"

namespace c360::store {

// Of comments: that of a portal user is the answer asked for, and the request goes back to the line
// it came from, in the transaction of the comment. What the service's own people write waits for
// nobody.
Consequence answers_request();

}  // namespace c360::store
