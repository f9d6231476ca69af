#include "adapters/service_states.h"

#include <algorithm>
#include <cstdlib>

#include "adapters/stored_gate_states.h"
#include "daemon/base/json.h"
#include "store/service_gates.h"

namespace c360::adapters {

namespace {

// The worst that the gates of a service say: refused before paused before unreachable.
struct Hindrance {
  std::optional<GatePause> pause;
  std::optional<Instant> open_until;
};

void add_gate(Hindrance& worst, const GateState& state, Instant now) {
  if (state.pause && state.pause->until > now) {
    const bool worse = !worst.pause ||
                       (worst.pause->cause != Outcome::auth && state.pause->cause == Outcome::auth);
    if (worse) worst.pause = state.pause;
  }
  if (state.open_until && *state.open_until > now)
    worst.open_until = std::max(worst.open_until.value_or(Instant{}), *state.open_until);
}

// What was said of a period that is over says nothing of the next.
bool is_spent(const store::ServiceQuota& quota, Instant now) {
  const bool current = !quota.renews_at || *quota.renews_at > now;
  return current && quota.remaining && std::strtod(quota.remaining->c_str(), nullptr) <= 0;
}
bool is_over(const store::ServiceQuota& quota, Instant now) {
  return quota.ends_at && *quota.ends_at <= now;
}

// Whether a quota says that it is of no use.
bool judge_quotas(ServiceStatus& status, Instant now) {
  const store::ServiceRecord& record = status.record;
  for (const store::ServiceQuota& quota : status.quotas) {
    // A call that brought an answer since says more than what was told before.
    if (record.last_outcome == "found" && record.last_call_at > quota.told_at) continue;
    if (is_over(quota, now)) {
      status.state = "expired";
      status.detail = "the contract for " + quota.name + " ended " + to_rfc3339(*quota.ends_at);
      status.remedy = "renew the contract";
      return true;
    }
    if (is_spent(quota, now)) {
      status.state = "spent";
      status.detail = "nothing is left of " + quota.name;
      status.until = quota.renews_at;
      status.remedy = "wait, or pay for more";
      return true;
    }
  }
  return false;
}

void judge(ServiceStatus& status, const Hindrance& hindrance, Instant now) {
  const store::ServiceRecord& record = status.record;
  if (!record.is_on && !record.is_configured) {
    status.state = "not_configured";
    status.detail = "no key is set";
    status.remedy = "give the key as a credential or a file, and reload";
  } else if (!record.is_on) {
    status.state = "off";
    status.detail = "it is switched off in the settings";
    status.remedy = "switch it on, and reload";
  } else if (hindrance.pause) {
    const bool refused = hindrance.pause->cause == Outcome::auth;
    status.state = refused ? "refused" : "paused";
    status.detail = hindrance.pause->detail;
    status.until = hindrance.pause->until;
    status.remedy = refused ? "check the key and what the contract allows, put the new key into "
                              "its file and reload; it is tried again by itself within the hour"
                            : "wait, or raise the limit with the service or in the settings";
  } else if (judge_quotas(status, now)) {
    status.remedy += " with the service, then probe it";
  } else if (hindrance.open_until) {
    status.state = "unreachable";
    status.detail = record.last_error;
    status.until = hindrance.open_until;
    status.remedy = "check the network, the address and the certificates; it is tried by itself";
  } else if (status.probe_failed()) {
    status.state = "failing";
    status.detail = record.probe_told;
    status.remedy = "see the calls of the service, mend what is told, then probe it";
  } else if (!record.last_call_at) {
    status.state = record.probed_at ? "ok" : "unused";
  } else if (record.last_outcome == "found" || record.last_outcome == "not_found") {
    status.state = "ok";
  } else {
    status.state = "failing";
    status.detail = record.last_error;
    status.remedy = "see the calls of the service; what failed for a while is tried again";
  }
}

void add_instant(JsonWriter& json, std::string_view name, const std::optional<Instant>& instant) {
  json.key(name);
  instant ? json.string(to_rfc3339(*instant)) : json.null();
}

void add_text(JsonWriter& json, std::string_view name, const std::string& text) {
  json.key(name);
  text.empty() ? json.null() : json.string(text);
}

void add_quota(JsonWriter& json, const store::ServiceQuota& quota) {
  json.begin_object().member("name", quota.name);
  add_text(json, "remaining", quota.remaining.value_or(""));
  add_text(json, "total", quota.total.value_or(""));
  add_instant(json, "renews_at", quota.renews_at);
  add_instant(json, "ends_at", quota.ends_at);
  add_instant(json, "told_at", quota.told_at);
  json.end_object();
}

}  // namespace

bool ServiceStatus::probe_failed() const {
  return record.probed_at && !record.probe_works &&
         (!record.last_call_at || *record.last_call_at <= *record.probed_at);
}

bool ServiceStatus::is_hindered() const {
  return (state == "failing" && probe_failed()) || state == "refused" || state == "paused" ||
         state == "expired" || state == "spent" || state == "unreachable";
}

Result<std::vector<ServiceStatus>> service_states(store::Database& database, Instant now) {
  auto records = store::service_records(database);
  if (!records) return std::unexpected(records.error());
  const auto gates = store::service_gates(database);
  if (!gates) return std::unexpected(gates.error());
  auto quotas = store::service_quotas(database);
  if (!quotas) return std::unexpected(quotas.error());
  std::vector<ServiceStatus> statuses;
  for (store::ServiceRecord& record : *records) {
    ServiceStatus status{
        .record = std::move(record), .state = {}, .detail = {}, .remedy = {}, .quotas = {}};
    Hindrance hindrance;
    for (const store::StoredServiceGate& gate : *gates)
      if (gate.key.starts_with(status.record.service + ":"))
        add_gate(hindrance, gate_state(gate.state), now);
    for (const store::ServiceQuota& quota : *quotas)
      if (quota.service == status.record.service) status.quotas.push_back(quota);
    status.open_until = hindrance.open_until;
    judge(status, hindrance, now);
    statuses.push_back(std::move(status));
  }
  return statuses;
}

std::string to_json(const ServiceStatus& status) {
  const store::ServiceRecord& record = status.record;
  JsonWriter json;
  json.begin_object().member("service", record.service).member("is_on", record.is_on);
  json.member("state", status.state);
  add_text(json, "detail", status.detail);
  add_text(json, "remedy", status.remedy);
  add_instant(json, "until", status.until);
  json.member("calls_today", record.calls_today).member("failed_today", record.failed_today);
  add_instant(json, "last_call_at", record.last_call_at);
  add_text(json, "last_outcome", record.last_outcome);
  add_text(json, "last_error", record.last_error);
  add_instant(json, "last_error_at", record.last_error_at);
  json.member("is_configured", record.is_configured).key("quotas").begin_array();
  for (const store::ServiceQuota& quota : status.quotas) add_quota(json, quota);
  json.end_array();
  add_instant(json, "probed_at", record.probed_at);
  json.key("probe_works");
  record.probed_at ? json.boolean(record.probe_works) : json.null();
  add_text(json, "probe_told", record.probe_told);
  return json.end_object().take();
}

}  // namespace c360::adapters
