// The outside services by the configuration in force: one set for the API and the jobs. A reload
// that changes a setting of theirs makes a new one; who is under way ends with the old.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/channel_http.h"
#include "adapters/dadata_lookups.h"
#include "adapters/focus_reports.h"
#include "adapters/message_channel.h"
#include "adapters/party_register.h"
#include "adapters/stored_gate_states.h"
#include "adapters/traffic_sources.h"
#include "daemon/base/clock.h"
#include "daemon/config.h"
#include "daemon/service_journal.h"
#include "store/database.h"

namespace c360::daemon {

// Thread-safe. `database`, `clock` and `observer` outlive it.
class OutsideServices {
 public:
  OutsideServices(store::Database& database, const Clock& clock, const Observer& observer,
                  const Config& config);

  adapters::PartyRegister& parties() { return parties_; }
  adapters::DadataLookups& lookups() { return lookups_; }
  adapters::FocusReports& reports() { return reports_; }
  adapters::TrafficSources& sources() { return sources_; }
  const std::vector<std::string>& believed_sources() const { return believed_sources_; }

  const adapters::PartyRegisterOptions& party_options() const { return party_options_; }
  // A way out to people, of the worker that asks; null where it is off. This outlives it.
  std::unique_ptr<adapters::MessageChannel> email();
  std::unique_ptr<adapters::MessageChannel> telegram();
  std::unique_ptr<adapters::MessageChannel> sms();
  // Of whoever makes an adapter of his own.
  adapters::ChannelPorts channel_ports();
  // Nothing: there is no service of that name.
  std::optional<bool> is_on(std::string_view service) const;

  // Tells the database which of them are on (store/service_switches.h) and whom the cards believe
  // (store/operations/repolicy.h).
  Result<void> announce();
  // Ends the calls of jobs; those of requests have short limits of their own.
  void interrupt_jobs() {
    parties_.interrupt();
    reports_.interrupt();
    sources_.interrupt();
  }

 private:
  store::Database& database_;
  const adapters::PartyRegisterOptions party_options_;
  const std::vector<std::string> believed_sources_;
  const MessageConfig message_config_;
  const adapters::TelegramOptions telegram_options_;
  const SmsConfig sms_config_;
  const Clock& clock_;
  const Observer& observer_;
  adapters::StoredGateStates gates_;
  ServiceJournal journal_;
  adapters::PartyRegister parties_;
  adapters::DadataLookups lookups_;
  adapters::FocusReports reports_;
  adapters::TrafficSources sources_;
};

}  // namespace c360::daemon
