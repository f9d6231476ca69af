// Rows of history as JSON: the history of a record, the card, the timeline.
#pragma once

#include <string>
#include <string_view>

#include "store/database.h"

namespace c360::store {

// Columns over h (crm.history_event) and u (its actor), as history_json reads them.
inline constexpr std::string_view kHistoryColumns =
    "h.id, h.event, h.happened_at, h.actor_id, concat_ws(' ', u.last_name, u.first_name), "
    "h.on_behalf_of_id, h.role, h.task_id, h.outcome, h.version, h.comment, h.changes, "
    "h.request_id, h.origin, h.mail_message_id";

// A JSON array of the first `size` rows.
std::string history_json(const Rows& rows, int size);

}  // namespace c360::store
