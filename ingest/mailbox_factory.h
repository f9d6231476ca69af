// What a mailbox of the configuration is: an account on an IMAP server, by password or by token, or
// a drop folder.
#pragma once

#include <string>

#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "ingest/mailbox.h"
#include "ingest/mailbox_settings.h"
#include "store/database.h"

namespace c360::ingest {

// `holder` is this process, as in leases; what is referred to outlives the factory. The mailboxes
// of one factory share their access tokens.
MailboxFactory make_mailbox_factory(const MailboxSettings& settings, const std::string& holder,
                                    store::Database& database, const Observer& observer,
                                    const Clock& clock);

}  // namespace c360::ingest
