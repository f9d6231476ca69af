// The attachments of a mail on their way out of it.
#pragma once

#include "ingest/inbox.h"

namespace c360::ingest {

// Fills mail.contents, once: small ones in memory, large ones in spool files. unavailable when the
// spool folder is full or gone.
Result<void> take_attachments(ReadMail& mail, const InboxOptions& options);

}  // namespace c360::ingest
