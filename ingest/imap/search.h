// UID SEARCH, by ESEARCH (RFC 4731) where the server has it: ranges, so a whole mailbox costs
// bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ingest/imap/session.h"
#include "ingest/mailbox.h"

namespace c360::ingest::imap {

// Ascending, without doubles. `criteria` are search keys of RFC 9051, 6.4.4.
Result<std::vector<Uid>> search_uids(Session& session, std::string_view criteria);

}  // namespace c360::ingest::imap
