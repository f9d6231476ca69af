// The gate of a service: rates, pauses, the breaker with its trial, retries.
#include "adapters/service_gate.h"

#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"

namespace c360::adapters {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const Instant kNow = c360::testing::ManualClock{}.now();

NoAnswer none_of(Outcome outcome, std::string reason = {}) {
  return {.outcome = outcome, .reason = std::move(reason)};
}

class GateTest : public ::testing::Test {
 protected:
  GateTest() {
    policy.failures_to_open = 3;
    policy.first_open = seconds{30};
    policy.longest_open = seconds{100};
    policy.longest_call = seconds{20};
  }
  void fail(int times, Instant now, const std::string& reason = {}) {
    for (int i = 0; i < times; ++i) {
      const NoAnswer none = none_of(Outcome::retryable, reason);
      settle(state, policy, &none, now);
    }
  }
  std::string refusal(Instant now) {
    const auto start = admit(state, policy, now);
    return start ? "" : start.error().reason;
  }

  GatePolicy policy;
  GateState state;
};

TEST_F(GateTest, CallsAreSpacedByTheRateAndOneThatWouldWaitTooLongIsRefused) {
  policy.rates = {{.calls = 10, .per = seconds{1}, .burst = 1}};
  policy.longest_wait = milliseconds{200};

  EXPECT_EQ(admit(state, policy, kNow), kNow);
  EXPECT_EQ(admit(state, policy, kNow), kNow + milliseconds{100});
  EXPECT_EQ(admit(state, policy, kNow), kNow + milliseconds{200});
  const auto fourth = admit(state, policy, kNow);
  ASSERT_FALSE(fourth);
  EXPECT_EQ(fourth.error().outcome, Outcome::quota);
  EXPECT_EQ(fourth.error().reason, "rate");
  EXPECT_EQ(fourth.error().retry_at, kNow + milliseconds{300});
  EXPECT_EQ(admit(state, policy, kNow + seconds{1}), kNow + seconds{1});
}

TEST_F(GateTest, TheLongRateHoldsBesideTheShortOne) {
  // 180 in 5 minutes, 20 of them at once: never over 200 in 5 minutes.
  policy.rates = {{.calls = 10, .per = seconds{1}}, {.calls = 180, .per = minutes{5}, .burst = 20}};
  int calls = 0;
  for (Instant now = kNow; now < kNow + minutes{5}; now += milliseconds{100})
    if (admit(state, policy, now)) ++calls;
  EXPECT_GE(calls, 180);
  EXPECT_LE(calls, 200);
}

TEST_F(GateTest, TheBreakerOpensAfterFailuresInARowLetsOneTrialThroughAndClosesOnAnAnswer) {
  fail(2, kNow);
  settle(state, policy, nullptr, kNow);
  fail(2, kNow);
  EXPECT_EQ(refusal(kNow), "") << "never three in a row";
  fail(1, kNow);
  EXPECT_EQ(refusal(kNow + seconds{29}), "breaker_open");

  EXPECT_EQ(refusal(kNow + seconds{30}), "") << "the trial";
  EXPECT_EQ(refusal(kNow + seconds{31}), "breaker_open") << "one only";
  settle(state, policy, nullptr, kNow + seconds{32});
  EXPECT_EQ(refusal(kNow + seconds{32}), "");
  EXPECT_EQ(refusal(kNow + seconds{32}), "");
}

TEST_F(GateTest, EachTrialThatFailsDoublesTheTimeUpToTheLimit) {
  fail(3, kNow);
  Instant now = kNow + seconds{30};
  for (const int expected : {60, 100, 100}) {
    EXPECT_EQ(refusal(now), "");
    fail(1, now);
    EXPECT_EQ(state.open_until, now + seconds{expected});
    now += seconds{expected};
  }
}

TEST_F(GateTest, ATrialWhoseDaemonDiedIsGivenUpAfterItsTime) {
  fail(3, kNow);
  EXPECT_EQ(refusal(kNow + seconds{30}), "");
  EXPECT_EQ(refusal(kNow + seconds{49}), "breaker_open");
  EXPECT_EQ(refusal(kNow + seconds{50}), "") << "another trial";
  EXPECT_EQ(refusal(kNow + seconds{51}), "breaker_open");
}

TEST_F(GateTest, AWrongCertificateOpensItAtOnceAndAnInterruptionSaysNothing) {
  fail(3, kNow, "interrupted");
  EXPECT_EQ(refusal(kNow), "");
  fail(1, kNow, "tls");
  EXPECT_EQ(state.open_until, kNow + minutes{5});
}

TEST_F(GateTest, ARefusalForTheRateWithoutATimeDoublesItsWait) {
  MemoryGateStates states;
  const ServiceGate gate{{"dadata", "suggestions", "find"}, "settings", {}, states};
  Instant now = kNow;
  for (const int expected : {1, 2, 4, 8, 16, 32, 60, 60}) {
    ASSERT_TRUE(gate.enter("find", now));
    NoAnswer none = none_of(Outcome::quota, "rate");
    gate.leave("find", &none, now);
    EXPECT_EQ(none.retry_at, now + seconds{expected});
    EXPECT_EQ(gate.enter("find", now).error().reason, "paused");
    now = *none.retry_at;
  }
  ASSERT_TRUE(gate.enter("find", now));
  gate.leave("find", nullptr, now);
  NoAnswer none = none_of(Outcome::quota, "rate");
  gate.leave("find", &none, now);
  EXPECT_EQ(none.retry_at, now + seconds{1}) << "an answer begins anew";
}

TEST_F(GateTest, ARefusalPausesItsServiceOrItsOperationAlone) {
  MemoryGateStates states;
  const ServiceGate json{{"kontur", "key", "json"}, "settings", {}, states};
  const ServiceGate pdf{{"kontur", "key", "pdf"}, "settings", {}, states};
  NoAnswer none = none_of(Outcome::auth);
  none.scope = RefusalScope::operation;
  json.leave("briefReport", &none, kNow);
  EXPECT_EQ(json.enter("briefReport", kNow).error().outcome, Outcome::auth);
  EXPECT_TRUE(json.enter("req", kNow));
  EXPECT_TRUE(pdf.enter("briefReport.pdf", kNow));

  none.scope = RefusalScope::service;
  json.leave("briefReport", &none, kNow);
  EXPECT_FALSE(json.enter("req", kNow));
  EXPECT_FALSE(pdf.enter("briefReport.pdf", kNow));
  EXPECT_TRUE(pdf.enter("briefReport.pdf", kNow + minutes{60})) << "after an hour";
}

TEST_F(GateTest, StateIsAValueSoThatARestartForgetsNothing) {
  MemoryGateStates states;
  fail(3, kNow);
  (void)states.change("k", [&](GateState& kept) { kept = state; });
  GateState later;
  (void)states.change("k", [&](GateState& kept) { later = kept; });
  EXPECT_EQ(later, state);
  EXPECT_FALSE(admit(later, policy, kNow));
}

TEST(Retries, WaitsLongerEachTimeWithFullJitterAndEndsAfterItsAttempts) {
  Retries retries{RetryPolicy::background(), /*seed=*/7};
  for (const int longest : {2, 6, 18, 54}) {
    NoAnswer none = none_of(Outcome::retryable);
    const auto wait = retries.next(none, milliseconds{0}, kNow);
    ASSERT_TRUE(wait);
    EXPECT_LE(*wait, seconds{longest});
  }
  NoAnswer last = none_of(Outcome::retryable);
  EXPECT_FALSE(retries.next(last, milliseconds{0}, kNow));
  EXPECT_EQ(last.outcome, Outcome::retryable);
}

TEST(Retries, OnlyWhatMayComeRightIsAskedAgain) {
  for (const Outcome outcome :
       {Outcome::not_found, Outcome::quota, Outcome::auth, Outcome::permanent}) {
    Retries retries{RetryPolicy::background(), 7};
    NoAnswer none = none_of(outcome);
    EXPECT_FALSE(retries.next(none, milliseconds{0}, kNow)) << to_string(outcome);
  }
}

TEST(Retries, TheSecondAnswerThatIsNoneIsFinal) {
  Retries retries{RetryPolicy::background(), 7};
  NoAnswer none = none_of(Outcome::retryable, "malformed");
  EXPECT_TRUE(retries.next(none, milliseconds{0}, kNow));
  EXPECT_FALSE(retries.next(none, milliseconds{0}, kNow));
  EXPECT_EQ(none.outcome, Outcome::permanent);
}

TEST(Retries, APersonWaitsForTwoAttemptsWithinTheBudget) {
  Retries first{RetryPolicy::interactive(), 7};
  NoAnswer none = none_of(Outcome::retryable);
  EXPECT_FALSE(first.next(none, milliseconds{5'000}, kNow)) << "no time left";
  Retries second{RetryPolicy::interactive(), 7};
  none.retry_at = kNow + seconds{60};
  EXPECT_FALSE(second.next(none, milliseconds{10}, kNow)) << "the service wants longer";
  Retries third{RetryPolicy::interactive(), 7};
  none.retry_at.reset();
  EXPECT_TRUE(third.next(none, milliseconds{10}, kNow));
  EXPECT_FALSE(third.next(none, milliseconds{20}, kNow));
}

TEST(ServiceGateTest, AServiceThatNamesALaterTimeThanTheBreakerIsLeftAloneUntilThen) {
  MemoryGateStates states;
  const ServiceGate gate({"dadata", "suggestions", "find"}, "settings",
                         {.rates = {{.calls = 100, .burst = 100}}, .failures_to_open = 1}, states);
  const Instant now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};
  ASSERT_TRUE(gate.enter("find", now));
  NoAnswer none{.outcome = Outcome::retryable, .retry_at = now + std::chrono::hours{1}};

  gate.leave("find", &none, now);

  EXPECT_EQ(none.retry_at, now + std::chrono::hours{1});
  EXPECT_FALSE(gate.enter("find", now + std::chrono::minutes{59}));
  EXPECT_TRUE(gate.enter("find", now + std::chrono::hours{1}));
}

TEST(ServiceGateTest, WhatWasNotSentCountsAgainstNoLimitOfOurs) {
  MemoryGateStates states;
  const ServiceGate gate(
      {"dadata", "suggestions", "find"}, "settings",
      {.rates = {{.calls = 100, .burst = 100}}, .day_calls = 1, .month_calls = 1}, states);
  const Instant now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};

  ASSERT_TRUE(gate.enter("find", now));
  NoAnswer unsent{.outcome = Outcome::retryable, .reason = "unsent"};
  gate.leave("find", &unsent, now);
  ASSERT_TRUE(gate.enter("find", now));
  gate.leave("find", nullptr, now);

  EXPECT_EQ(gate.enter("find", now).error().reason, "day_limit");
}

}  // namespace
}  // namespace c360::adapters
