// One row per event: its name in logs and in client360_events_total, and its level. Names are
// noun_verb in the past tense. Grouped by the folder that reports them.
#pragma once

#include <string_view>

#include "daemon/base/log.h"

namespace c360 {

struct Event {
  std::string_view name;
  LogLevel level;
};

namespace event {

// daemon
inline constexpr Event daemon_started{"daemon_started", LogLevel::info};
inline constexpr Event daemon_ready{"daemon_ready", LogLevel::info};
inline constexpr Event daemon_stopping{"daemon_stopping", LogLevel::info};
inline constexpr Event daemon_stopped{"daemon_stopped", LogLevel::info};
inline constexpr Event part_started{"part_started", LogLevel::info};
inline constexpr Event part_stopped{"part_stopped", LogLevel::info};
inline constexpr Event part_failed{"part_failed", LogLevel::error};
inline constexpr Event loop_stalled{"loop_stalled", LogLevel::error};
inline constexpr Event config_applied{"config_applied", LogLevel::info};
inline constexpr Event config_unchanged{"config_unchanged", LogLevel::info};
inline constexpr Event config_refused{"config_refused", LogLevel::error};
inline constexpr Event config_warning{"config_warning", LogLevel::warn};
inline constexpr Event task_failed{"task_failed", LogLevel::error};
inline constexpr Event secrets_sealed{"secrets_sealed", LogLevel::info};
inline constexpr Event job_retried{"job_retried", LogLevel::warn};
inline constexpr Event job_failed{"job_failed", LogLevel::error};
inline constexpr Event renderer_unconfined{"renderer_unconfined", LogLevel::warn};
inline constexpr Event job_lost{"job_lost", LogLevel::warn};

// store
inline constexpr Event migration_applied{"migration_applied", LogLevel::info};
inline constexpr Event database_connected{"database_connected", LogLevel::info};
inline constexpr Event database_unavailable{"database_unavailable", LogLevel::warn};
inline constexpr Event database_recovered{"database_recovered", LogLevel::info};

// ingest
inline constexpr Event mailbox_connected{"mailbox_connected", LogLevel::info};
inline constexpr Event mailbox_failed{"mailbox_failed", LogLevel::warn};
inline constexpr Event mailbox_recovered{"mailbox_recovered", LogLevel::info};
inline constexpr Event mailbox_uidvalidity_changed{"mailbox_uidvalidity_changed", LogLevel::warn};
inline constexpr Event modseq_distrusted{"modseq_distrusted", LogLevel::warn};
inline constexpr Event mailbox_pass_finished{"mailbox_pass_finished", LogLevel::debug};
inline constexpr Event mailbox_compared{"mailbox_compared", LogLevel::debug};
inline constexpr Event lease_acquired{"lease_acquired", LogLevel::info};
inline constexpr Event lease_lost{"lease_lost", LogLevel::warn};
inline constexpr Event message_accepted{"message_accepted", LogLevel::info};
inline constexpr Event message_quarantined{"message_quarantined", LogLevel::warn};
inline constexpr Event message_retried{"message_retried", LogLevel::warn};
inline constexpr Event message_vanished{"message_vanished", LogLevel::warn};
inline constexpr Event flag_failed{"flag_failed", LogLevel::warn};
inline constexpr Event flags_forgotten{"flags_forgotten", LogLevel::warn};

// adapters
inline constexpr Event token_renewed{"token_renewed", LogLevel::info};
inline constexpr Event token_refused{"token_refused", LogLevel::warn};

// api
inline constexpr Event listener_opened{"listener_opened", LogLevel::info};
inline constexpr Event listener_closed{"listener_closed", LogLevel::info};
inline constexpr Event request_finished{"request_finished", LogLevel::debug};
inline constexpr Event request_failed{"request_failed", LogLevel::error};
inline constexpr Event request_refused{"request_refused", LogLevel::info};

}  // namespace event
}  // namespace c360
