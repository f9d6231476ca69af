// What a job that is done in pieces keeps for its next piece: members of its payload.
#pragma once

#include <string_view>

#include "store/jobs.h"

namespace c360::store {

// `members`: a JSON object; others stay. conflict, reason lease_lost, when the job is not ours any
// more.
Result<void> keep_job_payload(Database& database, const Job& job, std::string_view members);

}  // namespace c360::store
