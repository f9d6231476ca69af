// The operator's listener: /metrics, /healthz, /readyz, /-/reload, /-/config. It has an address of
// its own and no tokens; nothing of it answers on the API listener.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adapters/service_states.h"
#include "api/router.h"
#include "daemon/reload_requests.h"
#include "ingest/intake.h"

namespace c360::daemon {

// One part of the daemon, as /readyz shows it.
struct PartReadiness {
  std::string part;    // "database", "api", "rules", "loops"
  bool ready = false;  //
  std::string reason;  // why not, and what to do
};

struct Readiness {
  std::vector<PartReadiness> parts;
  std::vector<ingest::MailboxStatus> mailboxes;
  std::vector<adapters::ServiceStatus> hindered;  // outside services that are on and of no use now

  // Every part is. A mailbox that fails does not take the API out of service: it is shown, and
  // counts with `?mailboxes=1`. An outside service that is of no use makes nothing unready either:
  // `degraded` says so.
  bool ready() const;
  bool mailboxes_ready() const;
  std::string to_json() const;
};

// What the admin routes ask of the rest. Called from the listener's threads.
struct AdminPorts {
  std::function<std::string()> metrics;
  std::function<Readiness()> readiness;
  std::function<std::optional<ReloadAnswer>()> reload;
  std::function<std::string()> config_json;
};

std::vector<api::Route> admin_routes(const AdminPorts& ports);

}  // namespace c360::daemon
