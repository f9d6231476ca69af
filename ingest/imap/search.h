// UID SEARCH, by ESEARCH (RFC 4731) where the server has it: ranges, so a whole mailbox costs
// bytes.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/imap/session.h"
#include "ingest/mailbox.h"

namespace c360::ingest::imap {

// Ascending, without doubles. `criteria` are search keys of RFC 9051, 6.4.4.
Result<std::vector<Uid>> search_uids(Session& session, std::string_view criteria);
// The same, and the mails say these things. A text of other than ASCII goes as UTF-8; a server that
// cannot search for it says NO.
Result<std::vector<Uid>> search_uids(Session& session, std::string_view criteria,
                                     const MailTerms& terms);
// "1-Feb-1994" (RFC 9051, `date`).
std::string search_date(std::chrono::sys_days day);

}  // namespace c360::ingest::imap
