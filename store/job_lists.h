// Jobs, runs and schedules as the API shows them: one JSON object each, newest first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/database.h"

namespace c360::store {

struct JobListRow {
  std::int64_t id = 0;
  std::string json;
};

// Empty texts and missing numbers do not filter.
struct JobFilter {
  std::string status;
  std::string kind;
  std::optional<std::int64_t> record_id;
  std::optional<std::int64_t> before;  // ids below: the last one of the page before
  int limit = 50;
};
Result<std::vector<JobListRow>> list_jobs(Database& database, const JobFilter& filter);
// not_found.
Result<std::string> job_json(Database& database, std::int64_t id);

struct JobRunFilter {
  std::string job;  // name of a schedule or a kind
  std::string result;
  std::optional<std::int64_t> job_id;
  std::optional<std::int64_t> before;
  int limit = 50;
};
Result<std::vector<JobListRow>> list_job_runs(Database& database, const JobRunFilter& filter);

// All of them, by name.
Result<std::vector<std::string>> list_schedules(Database& database);
// not_found.
Result<std::string> schedule_json(Database& database, std::string_view name);

}  // namespace c360::store
