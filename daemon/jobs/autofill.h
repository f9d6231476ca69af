// Jobs that fill the card of a counterparty from DaData, or else Kontur.Focus: as soon as it has an
// INN, every night where requisites are missing, and anew where what is known is old (domain.md 19;
// adapters.md 1.6).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/focus_reports.h"
#include "adapters/party_register.h"
#include "daemon/base/clock.h"
#include "daemon/job_worker.h"
#include "store/records.h"

namespace c360::daemon {

struct AutofillPorts {
  store::Database& database;
  adapters::PartyRegister& parties;
  adapters::FocusReports& second;  // asked where DaData is off, wants its key or knows nothing
  const Clock& clock;
  std::vector<std::string> policy;  // whom the card believes, the first most
  std::function<std::shared_ptr<store::Records>()> records;  // asked at each run
};

// A job of a record fills its card in one transaction with its end; one of none makes the jobs of
// the records that are due.
void add_autofill_jobs(JobHandlers& handlers, const AutofillPorts& ports);

}  // namespace c360::daemon
