#include "adapters/service_gate.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

namespace c360::adapters {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// first * 2^times, at most `limit`.
milliseconds doubled(milliseconds first, int times, milliseconds limit) {
  constexpr int kEnough = 20;
  const auto grown = first * (std::int64_t{1} << std::clamp(times, 0, kEnough));
  return std::min(grown, limit);
}

NoAnswer refused(Outcome outcome, std::string reason, std::string detail, Instant until) {
  return {.outcome = outcome,
          .reason = std::move(reason),
          .detail = std::move(detail),
          .retry_at = until};
}

// The generic cell rate algorithm: a call fits when it is not more than the burst ahead of its
// time.
Instant fits_at(const Rate& rate, Instant free_at, Instant now) {
  const microseconds apart = microseconds(rate.per) / rate.calls;
  return std::max(now, free_at - apart * (rate.burst - 1));
}
Instant taken(const Rate& rate, Instant free_at, Instant start) {
  return std::max(free_at, start) + microseconds(rate.per) / rate.calls;
}

std::optional<NoAnswer> closed(GateState& state, const GatePolicy& policy, Instant now) {
  if (state.trial_until && now < *state.trial_until)
    return refused(Outcome::quota, "breaker_open",
                   "the service failed; one call is trying it out just now", *state.trial_until);
  if (state.open_until && now < *state.open_until)
    return refused(Outcome::quota, "breaker_open",
                   fmt::format("the service failed {} times in a row and is left alone until {}",
                               state.failures, to_rfc3339(*state.open_until)),
                   *state.open_until);
  // A trial that was never settled: its daemon is gone.
  if (state.trial_until) state.open_until = state.trial_until;
  if (state.open_until) state.trial_until = now + policy.longest_call;
  return std::nullopt;
}

// Midnight in Moscow after `now`; of the first of the next month.
Instant day_end(Instant now) {
  constexpr std::chrono::hours kMoscow{3};
  return std::chrono::floor<std::chrono::days>(now + kMoscow) + std::chrono::days{1} - kMoscow;
}
Instant month_end(Instant now) {
  constexpr std::chrono::hours kMoscow{3};
  const std::chrono::year_month_day today{std::chrono::floor<std::chrono::days>(now + kMoscow)};
  const auto next = today.year() / today.month() / 1 + std::chrono::months{1};
  return std::chrono::sys_days{next} - kMoscow;
}

// Forgets what was of a period that is over.
std::optional<NoAnswer> spent(PeriodUse& use, std::int64_t limit, Instant ends, Instant now,
                              std::string_view period) {
  if (limit <= 0) return std::nullopt;
  if (now >= use.ends) use = {.ends = ends};
  if (use.calls < limit) return std::nullopt;
  return refused(Outcome::quota, fmt::format("{}_limit", period),
                 fmt::format("our own limit of {} calls a {} is used up; raise it in the settings "
                             "or wait until {}",
                             limit, period, to_rfc3339(use.ends)),
                 use.ends);
}

void open(GateState& state, const GatePolicy& policy, const NoAnswer& none, Instant now) {
  const milliseconds wait =
      none.reason == "tls" ? policy.tls_open
                           : doubled(policy.first_open, state.failures - policy.failures_to_open,
                                     policy.longest_open);
  state.open_until = now + wait;
}

}  // namespace

Result<void> MemoryGateStates::change(const std::string& key,
                                      const std::function<void(GateState&)>& change) {
  const std::scoped_lock lock{mutex_};
  change(states_[key]);
  return {};
}

std::optional<NoAnswer> paused(GateState& state, std::string_view settings, Instant now) {
  if (!state.pause) return std::nullopt;
  if (now >= state.pause->until || state.pause->settings != settings) {
    state.pause.reset();
    return std::nullopt;
  }
  return refused(
      state.pause->cause, "paused",
      fmt::format("nobody asks before {}: {}", to_rfc3339(state.pause->until), state.pause->detail),
      state.pause->until);
}

CallResult<Instant> admit(GateState& state, const GatePolicy& policy, Instant now) {
  state.free_at.resize(policy.rates.size(), now);
  Instant start = now;
  for (std::size_t i = 0; i < policy.rates.size(); ++i)
    start = std::max(start, fits_at(policy.rates[i], state.free_at[i], now));
  if (start - now > policy.longest_wait)
    return std::unexpected(refused(Outcome::quota, "rate", "too many calls at a time", start));
  auto none = spent(state.day, policy.day_calls, day_end(now), now, "day");
  if (!none) none = spent(state.month, policy.month_calls, month_end(now), now, "month");
  if (!none) none = closed(state, policy, now);
  if (none) return std::unexpected(std::move(*none));
  if (policy.day_calls > 0) ++state.day.calls;
  if (policy.month_calls > 0) ++state.month.calls;
  for (std::size_t i = 0; i < policy.rates.size(); ++i)
    state.free_at[i] = taken(policy.rates[i], state.free_at[i], start);
  return start;
}

void settle(GateState& state, const GatePolicy& policy, const NoAnswer* none, Instant now) {
  const bool was_trial = state.trial_until.has_value();
  state.trial_until.reset();
  // Our own doing says nothing about the service; an open breaker stays as it was. What was not
  // even sent counts against no limit of ours.
  if (none != nullptr && none->reason == "unsent") {
    if (policy.day_calls > 0 && now < state.day.ends && state.day.calls > 0) --state.day.calls;
    if (policy.month_calls > 0 && now < state.month.ends && state.month.calls > 0)
      --state.month.calls;
    return;
  }
  if (none != nullptr && none->reason == "interrupted") return;
  if (none != nullptr && none->outcome == Outcome::retryable) {
    ++state.failures;
    if (was_trial || none->reason == "tls" || state.failures >= policy.failures_to_open)
      open(state, policy, *none, now);
    return;
  }
  state.failures = 0;
  state.open_until.reset();
  const bool throttled = none != nullptr && none->outcome == Outcome::quota;
  state.throttled = throttled ? state.throttled + 1 : 0;
}

milliseconds throttle_delay(const GateState& state, const GatePolicy& policy) {
  return doubled(policy.first_throttle, state.throttled, policy.longest_throttle);
}

ServiceGate::ServiceGate(Names names, std::string settings, GatePolicy policy, GateStates& states)
    : names_(std::move(names)),
      settings_(std::move(settings)),
      policy_(std::move(policy)),
      states_(states) {}

CallResult<Instant> ServiceGate::enter(const std::string& operation, Instant now) const {
  CallResult<Instant> start = now;
  const auto ask = [&](const std::string& key, const auto& question) {
    if (!start) return;
    if (auto kept = states_.change(key, question); !kept)
      start = no_answer(Outcome::retryable, "state_unavailable", kept.error().detail);
  };
  const auto look = [&](GateState& state) {
    if (auto none = paused(state, settings_, now)) start = std::unexpected(std::move(*none));
  };
  ask(group_key(), look);
  ask(operation_key(operation), look);
  ask(lane_key(), [&](GateState& state) { start = admit(state, policy_, now); });
  return start;
}

void ServiceGate::leave(const std::string& operation, NoAnswer* none, Instant now) const {
  // Values that cannot be kept are not kept: the answer itself counts more.
  (void)states_.change(lane_key(), [&](GateState& state) {
    if (none != nullptr && none->outcome == Outcome::quota && !none->retry_at)
      none->retry_at = now + throttle_delay(state, policy_);
    settle(state, policy_, none, now);
    if (none == nullptr || none->outcome != Outcome::retryable || !state.open_until) return;
    // A service that names a later time is left alone until then.
    state.open_until = std::max(*state.open_until, none->retry_at.value_or(*state.open_until));
    none->retry_at = state.open_until;
  });
  if (none == nullptr || (none->outcome != Outcome::quota && none->outcome != Outcome::auth))
    return;
  if (none->scope == RefusalScope::recipient) return;
  if (!none->retry_at) none->retry_at = now + policy_.auth_pause;
  const std::string key =
      none->scope == RefusalScope::service ? group_key() : operation_key(operation);
  (void)states_.change(key, [&](GateState& state) {
    state.pause = GatePause{.cause = none->outcome,
                            .until = *none->retry_at,
                            .detail = none->detail,
                            .settings = settings_};
  });
}

Retries::Retries(RetryPolicy policy, std::uint64_t seed) : policy_(policy), random_(seed) {}

std::optional<milliseconds> Retries::next(NoAnswer& none, milliseconds spent, Instant now) {
  ++attempts_;
  if (none.outcome != Outcome::retryable || none.reason == "interrupted") return std::nullopt;
  if (none.reason == "malformed" && ++malformed_ >= policy_.malformed_attempts) {
    none.outcome = Outcome::permanent;
    return std::nullopt;
  }
  if (attempts_ >= policy_.attempts) return std::nullopt;
  const double grown =
      static_cast<double>(policy_.first.count()) * std::pow(policy_.factor, attempts_ - 1);
  const auto most = std::min(policy_.limit, milliseconds(static_cast<std::int64_t>(grown)));
  milliseconds wait{std::uniform_int_distribution<std::int64_t>{0, most.count()}(random_)};
  if (none.retry_at) wait = std::max(wait, std::chrono::ceil<milliseconds>(*none.retry_at - now));
  if (policy_.budget.count() > 0 && spent + wait >= policy_.budget) return std::nullopt;
  return wait;
}

}  // namespace c360::adapters
