#include "daemon/base/event.h"

namespace c360 {

void Observer::observe(const Event& event, std::initializer_list<LogField> fields) const {
  observe_at(event.level, event, fields);
}

void Observer::observe_at(LogLevel level, const Event& event,
                          std::initializer_list<LogField> fields) const {
  metrics_.counter(Metric::events_total, {event.name}).add();
  log_.write(level, event.name, fields);
}

}  // namespace c360
