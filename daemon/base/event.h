// The event vocabulary: code reports a named event once, and the log line and the count follow.
// The rows are in event_table.h.
#pragma once

#include <initializer_list>

#include "daemon/base/event_table.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"

namespace c360 {

// Where events go. Any thread; outlives every part that holds it.
class Observer {
 public:
  Observer(const Log& log, Metrics& metrics) : log_(log), metrics_(metrics) {}

  void observe(const Event& event, std::initializer_list<LogField> fields = {}) const;
  // The event at another level than its row says, such as a failure that repeats.
  void observe_at(LogLevel level, const Event& event,
                  std::initializer_list<LogField> fields = {}) const;
  Metrics& metrics() const { return metrics_; }
  const Log& log() const { return log_; }

 private:
  const Log& log_;
  Metrics& metrics_;
};

}  // namespace c360
