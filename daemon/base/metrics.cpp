#include "daemon/base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <stdexcept>
#include <vector>

namespace c360 {

void Counter::add(double amount) const { counter_->Increment(amount); }
void Gauge::set(double value) const { gauge_->Set(value); }
void Gauge::add(double amount) const { gauge_->Increment(amount); }
void Histogram::observe(double value) const { histogram_->Observe(value); }

struct Metrics::Families {
  prometheus::Registry registry;
  // By Metric; only the member of the row's type is set.
  struct Family {
    prometheus::Family<prometheus::Counter>* counter = nullptr;
    prometheus::Family<prometheus::Gauge>* gauge = nullptr;
    prometheus::Family<prometheus::Histogram>* histogram = nullptr;
  };
  std::vector<Family> by_metric;
};

namespace {

const MetricRow& row_of(Metric metric) { return kMetricTable[static_cast<std::size_t>(metric)]; }

prometheus::Labels labels_of(const MetricRow& row, LabelValues values) {
  prometheus::Labels labels;
  std::size_t i = 0;
  for (const std::string_view value : values) {
    if (i >= row.labels.size() || row.labels[i].empty())
      throw std::logic_error("too many labels for " + std::string(row.name));
    labels.emplace(row.labels[i], value);
    ++i;
  }
  if (i < row.labels.size() && !row.labels[i].empty())
    throw std::logic_error("too few labels for " + std::string(row.name));
  return labels;
}

prometheus::Histogram::BucketBoundaries bounds_of(Buckets buckets) {
  if (buckets == Buckets::delay) return {kDelayBuckets.begin(), kDelayBuckets.end()};
  return {kLatencyBuckets.begin(), kLatencyBuckets.end()};
}

template <typename T>
T& checked(T* family, const MetricRow& row) {
  if (family == nullptr)
    throw std::logic_error("wrong type of metric for " + std::string(row.name));
  return *family;
}

}  // namespace

Metrics::Metrics() : families_(std::make_unique<Families>()) {
  for (const MetricRow& row : kMetricTable) {
    Families::Family family;
    const std::string name{row.name};
    const std::string help{row.help};
    switch (row.type) {
      case MetricType::counter:
        family.counter =
            &prometheus::BuildCounter().Name(name).Help(help).Register(families_->registry);
        break;
      case MetricType::gauge:
        family.gauge =
            &prometheus::BuildGauge().Name(name).Help(help).Register(families_->registry);
        break;
      case MetricType::histogram:
        family.histogram =
            &prometheus::BuildHistogram().Name(name).Help(help).Register(families_->registry);
        break;
    }
    families_->by_metric.push_back(family);
  }
}
Metrics::~Metrics() = default;

Counter Metrics::counter(Metric metric, LabelValues labels) {
  const MetricRow& row = row_of(metric);
  auto& family = checked(families_->by_metric[static_cast<std::size_t>(metric)].counter, row);
  return Counter{family.Add(labels_of(row, labels))};
}
Gauge Metrics::gauge(Metric metric, LabelValues labels) {
  const MetricRow& row = row_of(metric);
  auto& family = checked(families_->by_metric[static_cast<std::size_t>(metric)].gauge, row);
  return Gauge{family.Add(labels_of(row, labels))};
}
Histogram Metrics::histogram(Metric metric, LabelValues labels) {
  const MetricRow& row = row_of(metric);
  auto& family = checked(families_->by_metric[static_cast<std::size_t>(metric)].histogram, row);
  return Histogram{family.Add(labels_of(row, labels), bounds_of(row.buckets))};
}

void Metrics::remove(Metric metric, LabelValues labels) {
  const MetricRow& row = row_of(metric);
  auto& family = families_->by_metric[static_cast<std::size_t>(metric)];
  const auto drop = [&](auto* f) {
    if (f != nullptr) f->Remove(&f->Add(labels_of(row, labels)));
  };
  drop(family.counter);
  drop(family.gauge);
  if (family.histogram != nullptr) {
    family.histogram->Remove(
        &family.histogram->Add(labels_of(row, labels), bounds_of(row.buckets)));
  }
}

std::string Metrics::serialize() const {
  return prometheus::TextSerializer{}.Serialize(families_->registry.Collect());
}

}  // namespace c360
