// What a person does with a quarantined mail: again through the present rules, through as it is, to
// a record of their choice, or away. Done at once and in one transaction, and each attempt is kept;
// the mailbox it came from need not be configured any more.
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
  // An end state, or "pending": the mail is fetched again first. "vanished" of one that was never
  // fetched and has another number by now.
  std::string outcome;
  std::string reason;  // of a mail that stays in quarantine
  std::int64_t record_id = 0;
  std::string record_kind;
};

// Any thread.
class QuarantineDesk {
 public:
  using SettingsOf = std::function<std::optional<MailboxSettings>(std::string_view code)>;
  QuarantineDesk(store::Database& database, const Inboxes& inboxes, SettingsOf settings_of,
                 InboxOptions options, const Clock& clock);

  // not_found; conflict (reason not_open) when somebody was faster. A mail with a target of a
  // person's choice is attached to it by retry and release alike.
  Result<QuarantineDecision> retry(std::int64_t quarantine_id, std::int64_t user_id,
                                   std::string_view comment = {});
  Result<QuarantineDecision> release(std::int64_t quarantine_id, std::int64_t user_id,
                                     std::string_view comment = {});
  // validation_failed without a comment: whoever throws a mail away says why.
  Result<QuarantineDecision> discard(std::int64_t quarantine_id, std::int64_t user_id,
                                     std::string_view comment);
  // The record the mail is to be attached to; none: the mail itself decides again. Nothing happens
  // to the mail yet. validation_failed for a record that is not there or takes no mail.
  Result<QuarantineDecision> set_target(std::int64_t quarantine_id, std::int64_t user_id,
                                        std::optional<std::int64_t> record_id,
                                        std::string_view comment = {});

 private:
  Result<QuarantineDecision> process(std::int64_t quarantine_id, std::int64_t user_id,
                                     bool released, std::string_view comment);
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
