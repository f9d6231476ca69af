// The Mailbox port over a live IMAP session (RFC 9051; RFC 3501 servers are welcome).
//
// Thread rules and errors are those of ingest/mailbox.h.
#pragma once

#include <memory>

#include "adapters/access_tokens.h"
#include "ingest/imap/options.h"
#include "ingest/mailbox.h"

namespace c360::ingest::imap {

// Not connected yet. With `tokens` they are what signs in, instead of the password.
std::unique_ptr<Mailbox> make_imap_mailbox(
    ImapOptions options, std::shared_ptr<adapters::AccessTokens> tokens = nullptr);

}  // namespace c360::ingest::imap
