// The port api::RegisterLookup over DaData.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/party_register.h"
#include "api/register_lookup.h"
#include "daemon/base/clock.h"

namespace c360::daemon {

// `parties` and `clock` outlive it. `policy`: whom the card believes, the first most.
std::unique_ptr<api::RegisterLookup> make_register_lookup(adapters::PartyRegister& parties,
                                                          std::vector<std::string> policy,
                                                          const Clock& clock);

}  // namespace c360::daemon
