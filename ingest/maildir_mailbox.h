// The Mailbox port over a Maildir drop folder: other programs put mails into new/, what was taken
// in moves to cur/ or is removed.
//
// A Maildir names its mails by file; the numbers they get here lie in the file `client360-uids`
// beside new/, written before a number is used. Without that file all begin anew under another
// UIDVALIDITY, and known mails are known by their bytes. Writers must rename a whole file into
// new/, as the format has it. Only regular files are read, never through a link.
#pragma once

#include <filesystem>
#include <memory>

#include "ingest/mailbox.h"

namespace c360::ingest {

// `folder` holds new/ and cur/, which are made when missing; a mail over `message_bytes` is
// refused. The only mailbox name there is, is INBOX.
std::unique_ptr<Mailbox> make_maildir_mailbox(std::filesystem::path folder,
                                              std::uint64_t message_bytes);

}  // namespace c360::ingest
