// Mails that come as a file instead of from a server: one mail, or an mbox of any size. They take
// the way of every other mail of the mailbox they are imported into: ledger row, raw mail, rules,
// one end state each, the same bytes only once.
//
// They lie in a pseudo-folder of that mailbox, with sequence numbers as uids (design.md 11). Each
// batch is committed before more of the file is read, so what is held does not depend on the file.
// An import that is broken off has done what came before: sent again, that part is known by its
// bytes. What it had stored and not yet applied the mailbox's poller finishes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "ingest/inbox.h"
#include "ingest/intake.h"
#include "ingest/lease_keeper.h"
#include "ingest/mailbox_settings.h"
#include "store/database.h"

namespace c360::ingest {

// No server's folder: a configuration that names it is refused.
inline constexpr std::string_view kImportFolder = "(import)";
inline constexpr std::int64_t kImportUidvalidity = 1;

enum class ImportFormat : std::uint8_t { detected, message, mbox };

struct ImportReport {
  std::int64_t id = 0;  // of its row in ops.mail_import, which tells the same while it runs
  std::int64_t read_bytes = 0;
  std::int64_t mails = 0;
  std::map<std::string, std::int64_t> outcomes;  // how many ended in which state
  std::int64_t pending = 0;                      // stored; the poller tries them again
};

// Fills the buffer with what comes next; 0 at the end. Its errors end the import.
using ImportRead = std::function<Result<std::size_t>(std::span<char> into)>;

struct ImportSource {
  ImportFormat format = ImportFormat::detected;
  ImportRead read;
  std::optional<std::int64_t> bytes;  // how long it is, where that is known
};

// Any thread; one import of a mailbox at a time, in all daemons.
class MailImport {
 public:
  MailImport(store::Database& database, const Inboxes& inboxes, IntakeOptions options,
             const Observer& observer, const Clock& clock);

  // conflict (reason import_running): another import into this mailbox is under way.
  // malformed_message (not_an_mbox, not_a_mail, empty): not what it should be, nothing was taken.
  // `report` tells what was done, also when an error ended it.
  Result<void> run(const MailboxSettings& mailbox, const ImportSource& source,
                   ImportReport& report);

 private:
  store::Database& database_;
  const Inboxes& inboxes_;
  const IntakeOptions options_;
  const Observer& observer_;
  const Clock& clock_;
};

}  // namespace c360::ingest
