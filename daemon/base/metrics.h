// Every metric of the program, declared once in kMetricTable, as Prometheus families.
//
// A handle is cheap to use (some ns) and lives as long as Metrics; keep it where it is used. Label
// values come from small closed sets: mailbox codes, outcomes, route templates; never addresses,
// ids or raw paths. Any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/metric_table.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace c360 {

class Counter {
 public:
  void add(double amount = 1) const;

 private:
  friend class Metrics;
  explicit Counter(prometheus::Counter& counter) : counter_(&counter) {}
  prometheus::Counter* counter_;
};

class Gauge {
 public:
  void set(double value) const;
  void add(double amount) const;

 private:
  friend class Metrics;
  explicit Gauge(prometheus::Gauge& gauge) : gauge_(&gauge) {}
  prometheus::Gauge* gauge_;
};

class Histogram {
 public:
  void observe(double value) const;

 private:
  friend class Metrics;
  explicit Histogram(prometheus::Histogram& histogram) : histogram_(&histogram) {}
  prometheus::Histogram* histogram_;
};

using LabelValues = std::initializer_list<std::string_view>;  // in the order of the table's labels

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Throws std::logic_error when the table says another type or another number of labels.
  Counter counter(Metric metric, LabelValues labels = {});
  Gauge gauge(Metric metric, LabelValues labels = {});
  Histogram histogram(Metric metric, LabelValues labels = {});
  // Drops one series, such as a gauge of a mailbox that is gone from the configuration. Handles to
  // it must not be used afterwards.
  void remove(Metric metric, LabelValues labels);

  // Text exposition format 0.0.4.
  std::string serialize() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace c360
