// Back-off with jitter: how long to wait before try number n.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace c360 {

struct BackoffOptions {
  std::chrono::milliseconds first{1'000};  // before the second try
  std::chrono::milliseconds limit{300'000};
  double factor = 2.0;
  double jitter = 0.5;  // the delay is uniform in [d * (1 - jitter), d]
};

// Counts failures in a row; not thread-safe, one owner.
class Backoff {
 public:
  explicit Backoff(BackoffOptions options, std::uint64_t seed = std::random_device{}());
  // The delay after one more failure.
  std::chrono::milliseconds next();
  void reset() { failures_ = 0; }
  int failures() const { return failures_; }

 private:
  BackoffOptions options_;
  int failures_ = 0;
  std::mt19937_64 random_;
};

}  // namespace c360
