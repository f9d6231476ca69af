// Port: asks an outside service whether it works. `daemon` puts the services behind it.
#pragma once

#include <chrono>
#include <string>

#include "daemon/base/error.h"

namespace c360::api {

struct ProbeResult {
  bool works = false;
  std::string outcome;  // adapters::Outcome
  std::string reason;   // a stable word of a failure; may be empty
  std::string told;     // for a person: what was found, or why nothing was
  std::chrono::milliseconds duration{};
};

class ServiceProbe {
 public:
  virtual ~ServiceProbe() = default;
  // Any thread; outside of any transaction; may take as long as a call. One cheap question, asked
  // also where the key was refused before. not_found: no such service; conflict: it is off.
  virtual Result<ProbeResult> probe(const std::string& service) = 0;
};

}  // namespace c360::api
