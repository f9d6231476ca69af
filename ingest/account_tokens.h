// The access tokens of a mailbox that signs in with them.
#pragma once

#include <memory>
#include <string>

#include "adapters/access_tokens.h"
#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "ingest/mailbox_settings.h"
#include "store/database.h"

namespace c360::ingest {

// Null for a mailbox with a password. `holder` is this process, as in leases; what is referred to
// outlives the tokens.
std::shared_ptr<adapters::AccessTokens> make_account_tokens(const MailboxSettings& settings,
                                                            const std::string& holder,
                                                            store::Database& database,
                                                            const Observer& observer,
                                                            const Clock& clock);

}  // namespace c360::ingest
