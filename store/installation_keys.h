// Keys that an installation makes for itself, nobody sets and all its daemons share: of the
// Message-IDs by which an answer finds its record (ingest/thread_id.h), of the links that withdraw
// a consent (unsubscribe.h). Sealed in the database where webhooks.key_file names a key
// (sealed_secrets.h), the same keys as before: what they signed stays good.
#pragma once

#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/seal.h"
#include "daemon/base/secret.h"
#include "store/database.h"

namespace c360::store {

inline constexpr std::string_view kThreadKey = "mail-thread";
inline constexpr std::string_view kUnsubscribeKey = "unsubscribe";

// One that is gone is made anew, the same for all who ask. conflict, reason sealed_by_another_key,
// where `seals` (SecretSeals::installation) does not open it.
Result<Secret> installation_key(Database& database, std::string_view name, const SealRing& seals);

}  // namespace c360::store
