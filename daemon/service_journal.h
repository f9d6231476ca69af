// The journal of calls in the database (store/service_calls.h) and in the metrics.
#pragma once

#include "adapters/service_call.h"
#include "daemon/base/event.h"
#include "store/database.h"

namespace c360::daemon {

// Thread-safe. A call counts more than its record: where that cannot be kept the log says so.
class ServiceJournal final : public adapters::CallJournal {
 public:
  // Both outlive it.
  ServiceJournal(store::Database& database, const Observer& observer)
      : database_(database), observer_(observer) {}
  void record(const adapters::CallRecord& record) override;
  void quota(const adapters::QuotaLeft& left) override;

 private:
  store::Database& database_;
  const Observer& observer_;
};

}  // namespace c360::daemon
