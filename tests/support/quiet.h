// An observer that says nothing, for parts that want one.
#pragma once

#include "daemon/base/event.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"

namespace c360::testing {

struct Quiet {
  Log log{LogTarget::none};
  Metrics metrics;
  Observer observer{log, metrics};
};

}  // namespace c360::testing
