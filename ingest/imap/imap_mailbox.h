// The Mailbox port over a live IMAP session (RFC 9051; RFC 3501 servers are welcome).
//
// Thread rules and errors are those of ingest/mailbox.h.
#pragma once

#include <memory>

#include "ingest/imap/options.h"
#include "ingest/mailbox.h"

namespace c360::ingest::imap {

// Not connected yet.
std::unique_ptr<Mailbox> make_imap_mailbox(ImapOptions options);

}  // namespace c360::ingest::imap
