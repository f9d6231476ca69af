// Who may call an outside service now: its rates, its pauses and its circuit breaker.
//
// What is known stands in plain values (GateState), kept through a port (GateStates): in memory of
// one process, or where several daemons share them and a restart forgets nothing. The arithmetic is
// in two pure functions, admit() and settle(). A breaker opens after several failures in a row,
// lets one trial through when its time is over (half-open) and closes on the first sign of life.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/call_outcome.h"
#include "daemon/base/clock.h"

namespace c360::adapters {

// At most `calls` in `per` in the long run, `burst` of them at once.
struct Rate {
  int calls = 1;
  std::chrono::milliseconds per{1'000};
  int burst = 1;
};

struct GatePolicy {
  std::vector<Rate> rates;  // all of them hold
  std::chrono::milliseconds
      longest_wait{};        // for the rates; a call that would wait longer is quota
  int failures_to_open = 5;  // retryable ones in a row
  std::chrono::milliseconds first_open{30'000};  // doubled by each trial that fails
  std::chrono::milliseconds longest_open{600'000};
  std::chrono::milliseconds tls_open{300'000};     // a wrong certificate is mended by people
  std::chrono::milliseconds longest_call{30'000};  // a trial nobody ended counts as failed after it
  std::chrono::milliseconds first_throttle{1'000};  // 429 that says no time; doubled each time
  std::chrono::milliseconds longest_throttle{60'000};
  std::chrono::milliseconds auth_pause{3'600'000};
  // Our own limits, of days and months in Moscow; 0: none. What the service itself allows is its
  // affair: these are for a contract that must not be used up.
  std::int64_t day_calls = 0;
  std::int64_t month_calls = 0;
};

struct GatePause {
  Outcome cause = Outcome::quota;  // or auth
  Instant until;
  std::string detail;    // what the service said, without secrets
  std::string settings;  // of which settings: with others the pause is void
  bool operator==(const GatePause&) const = default;
};

// Calls of the current day or month, whatever became of them.
struct PeriodUse {
  Instant ends;  // in the past: nothing of the current one
  std::int64_t calls = 0;
  bool operator==(const PeriodUse&) const = default;
};

// Of one service, one lane of it (what shares rates and a breaker) or one operation.
struct GateState {
  std::optional<GatePause> pause;
  int failures = 0;                    // retryable ones in a row
  int throttled = 0;                   // refusals for the rate in a row
  std::optional<Instant> open_until;   // the breaker lets nobody through before
  std::optional<Instant> trial_until;  // half-open: one call is under way, until then at most
  std::vector<Instant> free_at;        // by rate: when the next call fits
  PeriodUse day;                       // counted where the policy has a limit
  PeriodUse month;
  bool operator==(const GateState&) const = default;
};

// Where the values are kept.
class GateStates {
 public:
  virtual ~GateStates() = default;
  // Changes the value of that key with nobody else at it; a key never seen has an empty one. Any
  // thread. `change` is called once, or not at all when there is an error.
  virtual Result<void> change(const std::string& key,
                              const std::function<void(GateState&)>& change) = 0;
};

// In this process only.
class MemoryGateStates final : public GateStates {
 public:
  Result<void> change(const std::string& key,
                      const std::function<void(GateState&)>& change) override;

 private:
  std::mutex mutex_;
  std::map<std::string, GateState> states_;
};

// The pause that is in force, as the caller is told; empty when there is none. One of other
// settings, or one that is over, is removed.
std::optional<NoAnswer> paused(GateState& state, std::string_view settings, Instant now);
// When the call may begin: now, or a little later for the rates, whose places are taken by this.
CallResult<Instant> admit(GateState& state, const GatePolicy& policy, Instant now);
// What became of a call that was admitted: nullptr is an answer.
void settle(GateState& state, const GatePolicy& policy, const NoAnswer* none, Instant now);
// How long a service wants peace that sends 429 without a time.
std::chrono::milliseconds throttle_delay(const GateState& state, const GatePolicy& policy);

// The gate of one lane of one service. Any thread.
class ServiceGate {
 public:
  // `group` is what a refusal of the key pauses, `lane` what shares rates and a breaker; both
  // belong to the service. `settings` is a fingerprint of key and addresses.
  struct Names {
    std::string service;
    std::string group;
    std::string lane;
  };
  ServiceGate(Names names, std::string settings, GatePolicy policy, GateStates& states);

  CallResult<Instant> enter(const std::string& operation, Instant now) const;
  // Every call admitted ends here. Completes retry_at of a refusal that has none. One that concerns
  // a recipient alone pauses nothing here.
  void leave(const std::string& operation, NoAnswer* none, Instant now) const;
  const std::string& service() const { return names_.service; }

 private:
  std::string group_key() const { return names_.service + ":" + names_.group; }
  std::string lane_key() const { return group_key() + "/lane/" + names_.lane; }
  std::string operation_key(const std::string& operation) const {
    return group_key() + "/operation/" + operation;
  }

  Names names_;
  std::string settings_;
  GatePolicy policy_;
  GateStates& states_;
};

// How often one question is asked again (adapters.md, 0.2).
struct RetryPolicy {
  int attempts = 5;
  std::chrono::milliseconds first{2'000};
  double factor = 3;
  std::chrono::milliseconds limit{900'000};
  std::chrono::milliseconds budget{};  // over all attempts; 0: none
  int malformed_attempts = 2;          // after so many answers that were none it is permanent

  static RetryPolicy background() { return {}; }
  static RetryPolicy interactive() {
    using std::chrono::milliseconds;
    return {.attempts = 2,
            .first = milliseconds{200},
            .factor = 1,
            .limit = milliseconds{200},
            .budget = milliseconds{5'000}};
  }
};

// Counts the attempts of one question.
class Retries {
 public:
  explicit Retries(RetryPolicy policy, std::uint64_t seed = std::random_device{}());
  // After a failure: how long to wait before the next attempt (full jitter, never before retry_at),
  // or nothing: it is final. `none` becomes permanent when the answers stay malformed. quota and
  // auth are never asked again here; `spent` is the time since the first attempt began.
  std::optional<std::chrono::milliseconds> next(NoAnswer& none, std::chrono::milliseconds spent,
                                                Instant now);
  int attempts() const { return attempts_; }

 private:
  RetryPolicy policy_;
  int attempts_ = 0;
  int malformed_ = 0;
  std::mt19937_64 random_;
};

}  // namespace c360::adapters
