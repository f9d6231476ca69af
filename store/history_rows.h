// Rows of history as JSON: the history of a record, the card, the timeline.
#pragma once

#include <string>
#include <string_view>

#include "store/access.h"
#include "store/database.h"

namespace c360::store {

// Columns over h (crm.history_event) and u (its actor), as history_json reads them.
inline constexpr std::string_view kHistoryColumns =
    "h.id, h.event, h.happened_at, h.actor_id, concat_ws(' ', u.last_name, u.first_name), "
    "h.on_behalf_of_id, h.role, h.task_id, h.outcome, h.version, h.comment, h.changes, "
    "h.request_id, h.origin, h.mail_message_id";

// The changes of the event `event` (an alias) of a row of the resource, as SQL: all of them to whom
// the personal fields of that row are shown, to others those of the other fields. `key` and `user`
// are SQL, the row's key and the reader's id.
std::string shown_changes(const AccessRules& access, const Resource& resource, const Actor& actor,
                          std::string_view event, std::string_view key, std::string_view user);
// kHistoryColumns with these changes.
std::string history_columns(std::string_view changes);

// A JSON array of the first `size` rows.
std::string history_json(const Rows& rows, int size);

}  // namespace c360::store
