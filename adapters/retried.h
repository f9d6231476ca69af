// One question asked as often as a policy says (adapters.md, 0.2).
#pragma once

#include <chrono>
#include <functional>
#include <type_traits>

#include "adapters/call_outcome.h"
#include "adapters/service_gate.h"
#include "daemon/base/clock.h"

namespace c360::adapters {

// The first answer of `call`, or its last failure. `pause` waits and is false when interrupted.
template <typename Call>
std::invoke_result_t<Call> retried(const RetryPolicy& policy, const Clock& clock,
                                   const std::function<bool(std::chrono::milliseconds)>& pause,
                                   const Call& call) {
  const auto began = clock.steady();
  Retries retries{policy};
  while (true) {
    auto answer = call();
    if (answer) return answer;
    const auto spent =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady() - began);
    const auto wait = retries.next(answer.error(), spent, clock.now());
    if (!wait || !pause(*wait)) return answer;
  }
}

}  // namespace c360::adapters
