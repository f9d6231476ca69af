#include "daemon/service_tasks.h"

#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "adapters/service_states.h"

namespace c360::daemon {

namespace {

double seconds_of(Instant instant) {
  return std::chrono::duration<double>(instant.time_since_epoch()).count();
}

class ServiceGauges {
 public:
  ServiceGauges(store::Database& database, const Clock& clock, Metrics& metrics)
      : database_(database), clock_(clock), metrics_(metrics) {}

  Result<void> operator()() {
    const auto states = adapters::service_states(database_, clock_.now());
    if (!states) return std::unexpected(states.error());
    std::set<Series> now;
    for (const adapters::ServiceStatus& status : *states) show(status, now);
    for (const auto& [metric, service, quota] : *shown_)
      if (!now.contains({metric, service, quota})) metrics_.remove(metric, {service, quota});
    *shown_ = std::move(now);
    return {};
  }

 private:
  using Series = std::tuple<Metric, std::string, std::string>;

  void show(const adapters::ServiceStatus& status, std::set<Series>& now) {
    const std::string& service = status.record.service;
    metrics_.gauge(Metric::adapter_auth_failed, {service}).set(status.state == "refused" ? 1 : 0);
    metrics_.gauge(Metric::adapter_breaker_open, {service}).set(status.open_until ? 1 : 0);
    metrics_.gauge(Metric::adapter_retry_at_timestamp_seconds, {service})
        .set(status.until ? seconds_of(*status.until) : 0);
    const auto add = [&](Metric metric, const std::string& quota, double value) {
      metrics_.gauge(metric, {service, quota}).set(value);
      now.emplace(metric, service, quota);
    };
    for (const store::ServiceQuota& quota : status.quotas) {
      if (quota.remaining)
        add(Metric::adapter_quota_remaining, quota.name,
            std::strtod(quota.remaining->c_str(), nullptr));
      if (quota.ends_at)
        add(Metric::adapter_quota_ends_timestamp_seconds, quota.name, seconds_of(*quota.ends_at));
    }
  }

  store::Database& database_;
  const Clock& clock_;
  Metrics& metrics_;
  // Shared, because std::function wants to copy.
  std::shared_ptr<std::set<Series>> shown_ = std::make_shared<std::set<Series>>();
};

}  // namespace

PeriodicTask service_gauges(store::Database& database, const Clock& clock, Metrics& metrics) {
  return {"service_gauges", std::chrono::seconds{15}, ServiceGauges(database, clock, metrics)};
}

}  // namespace c360::daemon
