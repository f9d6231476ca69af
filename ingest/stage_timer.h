// How long a stage of a batch takes, into client360_mail_batch_seconds.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "daemon/base/event.h"
#include "daemon/base/metric_table.h"
#include "daemon/base/metrics.h"

namespace c360::ingest {

// From its making to its end. The stages are named in metric_table.h.
class StageTimer {
 public:
  StageTimer(const Observer& observer, const std::string& mailbox, std::string_view stage)
      : histogram_(observer.metrics().histogram(Metric::mail_batch_seconds, {mailbox, stage})) {}
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;
  ~StageTimer() {
    histogram_.observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count());
  }

 private:
  Histogram histogram_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace c360::ingest
