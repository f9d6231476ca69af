// What a person does with a quarantined mail: again through the present rules, through as it is, or
// away. Done at once and in one transaction; the mailbox it came from need not be configured any
// more.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "ingest/inbox.h"
#include "store/database.h"

namespace c360::ingest {

struct QuarantineDecision {
  std::string outcome;  // an end state, or "pending": the mail is fetched again first
  std::string reason;   // of a mail that stays in quarantine
  std::int64_t record_id = 0;
  std::string record_kind;
};

// Any thread.
class QuarantineDesk {
 public:
  using SettingsOf = std::function<std::optional<MailboxSettings>(std::string_view code)>;
  QuarantineDesk(store::Database& database, const Inboxes& inboxes, SettingsOf settings_of,
                 InboxOptions options, const Clock& clock);

  // not_found; conflict (reason not_open) when somebody was faster.
  Result<QuarantineDecision> retry(std::int64_t quarantine_id, std::int64_t user_id);
  Result<QuarantineDecision> release(std::int64_t quarantine_id, std::int64_t user_id);
  Result<QuarantineDecision> discard(std::int64_t quarantine_id, std::int64_t user_id,
                                     std::string_view comment);

 private:
  Result<QuarantineDecision> process(std::int64_t quarantine_id, std::int64_t user_id,
                                     bool released);
  // The open entry as it is now, without holding it.
  Result<store::MailLog::Quarantined> look_at(std::int64_t quarantine_id);
  MailboxSettings settings_for(const store::MailLog::Quarantined& entry) const;
  Result<ReadMail> read_again(const store::MailLog::Quarantined& entry, bool released);

  store::Database& database_;
  const Inboxes& inboxes_;
  SettingsOf settings_of_;
  InboxOptions options_;
  const Clock& clock_;
};

}  // namespace c360::ingest
