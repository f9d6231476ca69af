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
  ServiceProbes(OutsideServices& services, store::Database& database, const Clock& clock,
                std::chrono::milliseconds longest = std::chrono::seconds{15})
      : services_(services), database_(database), clock_(clock), longest_(longest) {}
  Result<api::ProbeResult> probe(const std::string& service) override;
  // By the clock: whom the service refused, or told to wait, does not ask. What was found is kept
  // as after the other (store/service_probes.h).
  Result<api::ProbeResult> look(const std::string& service);
  // The question costs nothing of what is paid for or counted.
  bool is_free(std::string_view service) const;

 private:
  adapters::CallResult<std::string> ask(const std::string& service);
  adapters::CallResult<std::string> ask_dadata();
  adapters::CallResult<std::string> ask_kontur();
  adapters::CallResult<std::string> ask_metrika();

  OutsideServices& services_;
  store::Database& database_;
  const Clock& clock_;
  const std::chrono::milliseconds longest_;  // of one question
};

}  // namespace c360::daemon
