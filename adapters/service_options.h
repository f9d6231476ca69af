// What may be set for each kind of call of an outside service (adapters.md, 0.3).
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "adapters/http_client.h"
#include "adapters/service_gate.h"

namespace c360::adapters {

struct CallLimits {
  std::chrono::milliseconds connect{3'000};              // name lookup, connection and TLS
  std::chrono::seconds first_byte{5};                    // and every later silence
  std::chrono::milliseconds whole{10'000};               // the complete exchange, a hard clock
  std::size_t max_answer_bytes = std::size_t{8} << 20U;  // after decoding
  Rate rate;
  std::chrono::milliseconds longest_wait{1'000};  // for the rate
  std::int64_t day_calls = 0;                     // our own limits; 0: none
  std::int64_t month_calls = 0;
  HttpProxy proxy{};

  void apply_to(HttpRequest& request) const {
    request.timeout = whole;
    request.stall_limit = first_byte;
    request.connect_timeout = connect;
    request.max_answer_bytes = max_answer_bytes;
    request.proxy = proxy;
  }
  GatePolicy policy() const {
    GatePolicy policy;
    policy.rates = {rate};
    policy.longest_wait = longest_wait;
    // A trial of the breaker ends with its call.
    policy.longest_call = whole + longest_wait;
    policy.day_calls = day_calls;
    policy.month_calls = month_calls;
    return policy;
  }
};

}  // namespace c360::adapters
