// Cards filled by a register: POST /counterparties/{id}/autofill, a look without a card at POST
// /counterparties/autofill, and GET /counterparties/{id}/pedigree (domain.md 5.10; ).
#pragma once

#include <functional>
#include <vector>

#include "api/api.h"
#include "daemon/base/json.h"
#include "store/records.h"

namespace c360::api {

// Done after a record was created, in the same transaction; changes the view that is answered.
using AfterCreation = std::function<Result<void>(store::Transaction& tx, store::RecordView& view)>;

// What a register says of the INN of `card`, a counterparty that is to be made (`?autofill=true`),
// asked for here, outside of any transaction; what fills the card with it. `services` outlives it.
// forbidden before any call; validation_failed, reason inn_required; what the register answers.
Result<AfterCreation> filling_of(const ApiServices& services, const store::Resource& resource,
                                 const Json& card, const store::Actor& actor);

void add_autofill_routes(std::vector<Route>& routes, const ApiServices& services,
                         const ApiOptions& options);

}  // namespace c360::api
