// One cheap question to each outside service: DaData for what is left of the day, Kontur.Focus for
// the contract, Metrika for its counters, Telegram for the bot, the SMS gateway for the balance.
#pragma once

#include <string>

#include "adapters/call_outcome.h"
#include "api/service_probe.h"
#include "daemon/base/clock.h"
#include "daemon/outside_services.h"
#include "store/database.h"

namespace c360::daemon {

// Thread-safe: each question has a connection of its own. What it is given outlives it.
class ServiceProbes final : public api::ServiceProbe {
 public:
  ServiceProbes(OutsideServices& services, store::Database& database, const Clock& clock)
      : services_(services), database_(database), clock_(clock) {}
  Result<api::ProbeResult> probe(const std::string& service) override;

 private:
  adapters::CallResult<std::string> ask(const std::string& service);
  adapters::CallResult<std::string> ask_dadata();
  adapters::CallResult<std::string> ask_kontur();
  adapters::CallResult<std::string> ask_metrika();

  OutsideServices& services_;
  store::Database& database_;
  const Clock& clock_;
};

}  // namespace c360::daemon
