#include "daemon/service_journal.h"

#include "store/service_calls.h"

namespace c360::daemon {

void ServiceJournal::record(const adapters::CallRecord& record) {
  const store::ServiceCallEntry entry{
      .service = record.service,
      .operation = record.operation,
      .subject = record.subject,
      .key_fingerprint = record.key_fingerprint,
      .started_at = record.started_at,
      .duration = record.duration,
      .http_status = record.http_status == 0 ? std::nullopt : std::optional(record.http_status),
      .outcome = std::string(adapters::to_string(record.outcome)),
      .reason = record.reason,
      .error = record.error,
      .bytes_in = static_cast<std::int64_t>(record.bytes_in),
      .request_id = record.request_id,
      .retry_at = record.retry_at};
  if (const auto kept = store::keep_service_call(database_, entry); !kept)
    observer_.observe(event::task_failed, {{"task", "service_journal"},
                                           {"code", to_string(kept.error().code)},
                                           {"detail", kept.error().detail}});
}

}  // namespace c360::daemon
