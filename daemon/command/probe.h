// A look into a mailbox that changes nothing: connect, sign in, EXAMINE, count.
#pragma once

#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/command/verbs.h"
#include "ingest/mailbox_settings.h"

namespace c360::daemon::command {

struct ProbedFolder {
  std::string name;
  std::int64_t exists = 0;
  std::vector<std::int64_t> taken;  // uids that a first pass by these settings would list
  std::int64_t uidvalidity = 0;
};

struct Probe {
  std::string software;
  bool encrypted = false;
  bool idle = false;
  std::vector<ProbedFolder> folders;
};

// Bounded by the mailbox's own timeouts. The tokens of a mailbox that signs in with them are the
// service's, in its database.
Result<Probe> probe_mailbox(const ingest::MailboxSettings& settings, Context& context);

}  // namespace c360::daemon::command
