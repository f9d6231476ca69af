// What people did with held mails: each attempt is kept (ops.quarantine_attempt), and where a held
// mail is to go is theirs to say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace c360::store {

struct QuarantineAttempt {
  std::int64_t quarantine_id = 0;
  std::string action;  // retry, release, discard, set_target
  std::optional<std::int64_t> user_id;
  std::string comment;
  std::optional<std::int64_t> target_record_id;
  std::optional<std::int64_t> rule_set_version;
  std::string rule;
  std::string outcome;  // an end state, or "pending"
  std::string reason;   // of a mail that stays
  std::string details;
  std::optional<std::int64_t> record_id;
};
// Queued.
void queue_attempt(Transaction& tx, const QuarantineAttempt& attempt);

struct QuarantineTarget {
  std::int64_t record_id = 0;
  std::string kind;
};
// The record a person chose for the mail; nullopt: the mail itself decides.
Result<std::optional<QuarantineTarget>> quarantine_target(Transaction& tx,
                                                          std::int64_t quarantine_id);
// Queued; the caller has seen that there is such a record.
void queue_quarantine_target(Transaction& tx, std::int64_t quarantine_id,
                             std::optional<std::int64_t> record_id);

// Open entries with id > after, ascending; empty texts do not narrow.
struct QuarantineFilter {
  std::string reason;
  std::string mailbox;  // code
  std::int64_t after = 0;
};
Result<std::vector<std::int64_t>> open_quarantine(Database& database,
                                                  const QuarantineFilter& filter,
                                                  std::size_t limit);

}  // namespace c360::store
