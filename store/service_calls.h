// The journal of calls to outside services (ops.service_call), without secrets: whoever writes it
// has redacted. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "store/database.h"
#include "store/job_lists.h"

namespace c360::store {

// adapters.md, 0.5.
struct ServiceCallEntry {
  std::string service;
  std::string operation;
  std::string subject;
  std::string key_fingerprint;
  Instant started_at;
  std::chrono::milliseconds duration{};
  int attempt = 1;
  std::optional<int> http_status;
  std::string outcome;
  std::string reason;
  std::string error;
  std::int64_t bytes_in = 0;
  std::string request_id;
  std::optional<Instant> retry_at;
};
Result<void> keep_service_call(Database& database, const ServiceCallEntry& call);

// Empty texts and missing numbers do not filter.
struct ServiceCallFilter {
  std::string service;
  std::string outcome;
  std::optional<std::int64_t> before;  // ids below
  int limit = 50;
};
// One JSON object each, newest first.
Result<std::vector<JobListRow>> list_service_calls(Database& database,
                                                   const ServiceCallFilter& filter);
// Older than `age`, `limit` at most; how many.
Result<std::int64_t> purge_service_calls(Database& database, std::chrono::hours age,
                                         std::int64_t limit);

// What is known of a service but for its gates.
struct ServiceRecord {
  std::string service;
  bool is_on = false;
  bool is_configured = false;
  std::int64_t calls_today = 0;  // UTC
  std::int64_t failed_today = 0;
  std::optional<Instant> last_call_at;
  std::string last_outcome;  // empty: none
  std::string last_error;    // of the latest call that failed, in the last 24 h
  std::optional<Instant> last_error_at;
  std::optional<Instant> probed_at;  // the latest question whether it works
  bool probe_works = false;
  std::string probe_told;  // what it said, or why it said nothing
};
// All of them, by name.
Result<std::vector<ServiceRecord>> service_records(Database& database);

}  // namespace c360::store
