// A dry run of the configured rules without a running service and without a database.
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/clock.h"
#include "daemon/base/json.h"
#include "daemon/config.h"

namespace c360::daemon {

// As ingest::dry_run; invalid_request with every mistake when the rules do not load.
Result<Json> dry_run_here(const Config& config, std::string_view kind, std::string raw_mail,
                          Instant now);

}  // namespace c360::daemon
