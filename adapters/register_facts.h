// What a register answered, as facts for the card of a counterparty (adapters.md, 3; domain.md,
// 5.10).
#pragma once

#include <string>

#include "adapters/requisites.h"
#include "daemon/base/clock.h"
#include "store/operations/autofill.h"

namespace c360::adapters {

// `source` is `dadata` or `kontur`. A field the answer has not is no fact; a status this program
// does not know is left out with a warning.
store::RegisterFacts register_facts(const Requisites& requisites, std::string source,
                                    Instant obtained_at);

}  // namespace c360::adapters
