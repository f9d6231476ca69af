#include "adapters/stored_gate_states.h"

#include "daemon/base/json.h"
#include "daemon/base/json_lookup.h"
#include "store/service_gates.h"

namespace c360::adapters {

namespace {

std::int64_t microseconds_of(Instant instant) { return instant.time_since_epoch().count(); }

void write_instant(JsonWriter& json, std::string_view name, const std::optional<Instant>& instant) {
  if (instant) json.member(name, microseconds_of(*instant));
}

std::optional<Instant> instant_in(const Json& json, std::string_view name) {
  const Json* value = member(json, name);
  const auto count = value == nullptr || !value->is_number() ? std::nullopt : value->as_int64();
  return count ? std::optional(Instant{Instant::duration{*count}}) : std::nullopt;
}

std::int64_t number_in(const Json& json, std::string_view name) {
  const Json* value = member(json, name);
  return value == nullptr || !value->is_number() ? 0 : value->as_int64().value_or(0);
}

void write_use(JsonWriter& json, std::string_view name, const PeriodUse& use) {
  if (use.calls == 0) return;
  json.key(name).begin_object().member("ends", microseconds_of(use.ends));
  json.member("calls", use.calls).end_object();
}

PeriodUse use_in(const Json& json, std::string_view name) {
  const Json* use = member(json, name);
  if (use == nullptr) return {};
  return {.ends = instant_in(*use, "ends").value_or(Instant{}), .calls = number_in(*use, "calls")};
}

std::optional<GatePause> pause_in(const Json& json) {
  const Json* pause = member(json, "pause");
  if (pause == nullptr) return std::nullopt;
  const auto until = instant_in(*pause, "until");
  if (!until) return std::nullopt;
  return GatePause{.cause = text_of(*pause, "cause") == "auth" ? Outcome::auth : Outcome::quota,
                   .until = *until,
                   .detail = text_of(*pause, "detail"),
                   .settings = text_of(*pause, "settings")};
}

// For longer nobody throttles: a limit is spent.
constexpr std::chrono::minutes kShortPause{15};

}  // namespace

Result<void> StoredGateStates::change(const std::string& key,
                                      const std::function<void(GateState&)>& change) {
  return store::change_service_gate(database_, key, [&](std::string& text) -> Result<void> {
    GateState state = gate_state(text);
    const GateState before = state;
    change(state);
    if (state != before) text = to_json(state);
    return {};
  });
}

Result<void> lift_refusals(store::Database& database, const std::string& service, Instant now) {
  const auto gates = store::service_gates(database);
  if (!gates) return std::unexpected(gates.error());
  StoredGateStates states(database);
  for (const store::StoredServiceGate& gate : *gates) {
    if (!gate.key.starts_with(service + ":")) continue;
    auto lifted = states.change(gate.key, [now](GateState& state) {
      if (state.pause &&
          (state.pause->cause == Outcome::auth || state.pause->until - now > kShortPause))
        state.pause.reset();
      state.open_until.reset();
    });
    if (!lifted) return lifted;
  }
  return {};
}

std::string to_json(const GateState& state) {
  JsonWriter json;
  json.begin_object();
  if (state.pause) {
    json.key("pause").begin_object().member("cause", to_string(state.pause->cause));
    json.member("until", microseconds_of(state.pause->until));
    json.member("detail", state.pause->detail).member("settings", state.pause->settings);
    json.end_object();
  }
  json.member("failures", state.failures).member("throttled", state.throttled);
  write_instant(json, "open_until", state.open_until);
  write_instant(json, "trial_until", state.trial_until);
  json.key("free_at").begin_array();
  for (const Instant each : state.free_at) json.integer(microseconds_of(each));
  json.end_array();
  write_use(json, "day", state.day);
  write_use(json, "month", state.month);
  return json.end_object().take();
}

GateState gate_state(std::string_view json) {
  const auto read = Json::parse(json);
  if (!read || !read->is_object()) return {};
  GateState state{.pause = pause_in(*read),
                  .failures = static_cast<int>(number_in(*read, "failures")),
                  .throttled = static_cast<int>(number_in(*read, "throttled")),
                  .open_until = instant_in(*read, "open_until"),
                  .trial_until = instant_in(*read, "trial_until"),
                  .free_at = {},
                  .day = use_in(*read, "day"),
                  .month = use_in(*read, "month")};
  const Json* free_at = member(*read, "free_at");
  if (free_at == nullptr || !free_at->is_array()) return state;
  for (const Json& each : free_at->as_array())
    if (each.is_number())
      state.free_at.emplace_back(Instant::duration{each.as_int64().value_or(0)});
  return state;
}

}  // namespace c360::adapters
