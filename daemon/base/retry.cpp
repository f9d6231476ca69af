#include "daemon/base/retry.h"

#include <algorithm>
#include <cmath>

namespace c360 {

Backoff::Backoff(BackoffOptions options, std::uint64_t seed) : options_(options), random_(seed) {}

std::chrono::milliseconds Backoff::next() {
  const double grown = static_cast<double>(options_.first.count()) *
                       std::pow(options_.factor, std::min(failures_, 60));
  const double delay = std::min(grown, static_cast<double>(options_.limit.count()));
  ++failures_;
  std::uniform_real_distribution<double> share{1.0 - options_.jitter, 1.0};
  return std::chrono::milliseconds{static_cast<std::int64_t>(delay * share(random_))};
}

}  // namespace c360
