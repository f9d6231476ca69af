// Secrets in the database under the key in force (store/sealed_secrets.h): those of before are
// sealed when a daemon starts, is given another key, and every minute; metrics say how far it is.
#pragma once

#include <functional>
#include <memory>

#include "daemon/base/event.h"
#include "daemon/config.h"
#include "daemon/scheduler.h"
#include "store/database.h"
#include "store/sealed_secrets.h"

namespace c360::daemon {

store::SecretSeals seals_of(const Config& config);

// conflict, reason sealed_by_another_key, where there are secrets that neither key opens; the rest
// is sealed all the same.
Result<store::SealCounts> seal_secrets(store::Database& database, const Config& config,
                                       const Observer& observer);

// `config` is asked for at each run, because a reload makes another.
PeriodicTask sealing(store::Database& database,
                     std::function<std::shared_ptr<const Config>()> config,
                     const Observer& observer);

}  // namespace c360::daemon
