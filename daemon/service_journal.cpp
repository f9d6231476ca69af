#include "daemon/service_journal.h"

#include "store/service_calls.h"
#include "store/service_quotas.h"

namespace c360::daemon {

namespace {

// What the gate refuses is no call.
void count(const adapters::CallRecord& record, Metrics& metrics) {
  if (record.http_status == 0 && record.outcome != adapters::Outcome::retryable) return;
  metrics
      .counter(Metric::adapter_calls_total,
               {record.service, record.operation, adapters::to_string(record.outcome)})
      .add();
  metrics.histogram(Metric::adapter_call_seconds, {record.service, record.operation})
      .observe(std::chrono::duration<double>(record.duration).count());
}

}  // namespace

void ServiceJournal::quota(const adapters::QuotaLeft& left) {
  const auto kept = store::keep_service_quota(database_, {.service = left.service,
                                                          .name = left.name,
                                                          .remaining = left.left,
                                                          .total = left.limit,
                                                          .renews_at = left.renews_at,
                                                          .ends_at = left.ends_at});
  if (!kept)
    observer_.observe(event::task_failed, {{"task", "service_journal"},
                                           {"code", to_string(kept.error().code)},
                                           {"detail", kept.error().detail}});
}

void ServiceJournal::record(const adapters::CallRecord& record) {
  count(record, observer_.metrics());
  const store::ServiceCallEntry entry{
      .service = record.service,
      .operation = record.operation,
      .subject = record.subject,
      .key_fingerprint = record.key_fingerprint,
      .started_at = record.started_at,
      .duration = record.duration,
      .attempt = record.attempt,
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
