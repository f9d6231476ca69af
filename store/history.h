// History: what changed, by whom, in the transaction of the change (domain.md 16). It is the change
// feed too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/draft.h"

namespace c360::store {

struct HistoryEvent {
  std::string event;    // "updated", "status_changed", …
  std::string changes;  // JSON: [{"field", "old", "new"}]
};

// The tracked changes of an update, one event per type: fields with an event of their own, the
// others together as "updated". Empty: nothing worth a row changed.
std::vector<HistoryEvent> history_events(const Draft& draft);

// Every old value, for a row that goes for good.
HistoryEvent removal_event(const Draft& draft);

// What an event is about: a record by its id, anything else by its key.
struct HistorySubject {
  std::string_view kind;
  std::string_view key;  // as in the path: id or code
  bool is_record = true;
};
HistorySubject subject_of(const Resource& resource, std::string_view key);

// Queues the rows. `version` is the row_version after the change; none where rows have none.
void queue_history(Transaction& tx, const HistorySubject& subject,
                   const std::vector<HistoryEvent>& events, std::optional<std::int64_t> version,
                   const Actor& actor, std::optional<std::int64_t> task_id = {},
                   std::string_view outcome = {}, std::string_view comment = {});

}  // namespace c360::store
