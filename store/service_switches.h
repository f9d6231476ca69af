// Which outside services are on, as the configuration of the daemons says: what is made inside the
// database goes by it (ops.service_switch).
#pragma once

#include <string>
#include <vector>

#include "store/database.h"

namespace c360::store {

struct ServiceSwitch {
  std::string service;  // dadata, kontur, metrika, email, telegram, sms
  bool is_on = false;
  bool is_configured = false;  // it has its key
  bool on_import = false;
  int report_days = 30;
  int batch_limit = 1'000;        // counterparties of one batch of reports
  int reports_per_second = 1;     // of all daemons
  std::string settings;           // fingerprint; others wake the jobs below
  std::vector<std::string> jobs;  // kinds that wait for this service
};
// With other settings a job that waits because the service refused or paused runs at once, and what
// is known of its quotas and of the last probe is forgotten.
Result<void> set_service_switch(Database& database, const ServiceSwitch& wanted);
Result<bool> is_service_on(Transaction& tx, std::string_view service);

}  // namespace c360::store
