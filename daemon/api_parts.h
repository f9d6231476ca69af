// What the listeners and the mailboxes work on, built when the database has passed its check:
// Business holds the records and the intake, ApiParts the routes over them. A reload that changes
// a setting of theirs makes new ones; a request finishes with the parts it began with.
#pragma once

#include <memory>
#include <string>

#include "adapters/document_renderer.h"
#include "api/api.h"
#include "api/register_lookup.h"
#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/config.h"
#include "daemon/outside_services.h"
#include "daemon/service_probes.h"
#include "ingest/intake.h"
#include "store/database.h"
#include "store/model/registry.h"
#include "store/records.h"

namespace c360::daemon {

// `database`, `clock` and `observer` outlive them all.
struct Ground {
  store::Database& database;
  const Clock& clock;
  const Observer& observer;
};

class Business {
 public:
  // `cursor_key` signs page cursors: the same for all daemons on one database. The intake is made,
  // and no mailbox runs yet.
  Business(const Ground& ground, const Config& config, Secret cursor_key,
           std::shared_ptr<const parsers::RuleSet> rules, ingest::IntakeOptions intake);

  const store::Registry& registry() const { return registry_; }
  store::Records& records() { return records_; }
  ingest::Intake& intake() { return intake_; }

 private:
  store::Registry registry_;
  store::Records records_;
  ingest::Intake intake_;
};

class ApiParts {
 public:
  ApiParts(const Ground& ground, const Config& config, std::shared_ptr<Business> business,
           std::shared_ptr<OutsideServices> services);

  api::Handler& handler() { return api_.handler(); }

 private:
  std::shared_ptr<Business> business_;
  std::shared_ptr<OutsideServices> services_;
  std::unique_ptr<api::RuleTester> rule_tester_;
  std::unique_ptr<api::MailActions> mail_actions_;
  std::unique_ptr<api::MailImporter> mail_importer_;
  std::unique_ptr<api::MailExplainer> mail_explainer_;
  std::unique_ptr<api::RegisterLookup> register_lookup_;
  ServiceProbes service_probes_;
  std::shared_ptr<const adapters::DocumentRenderer> renderer_;
  api::Api api_;
};

// The key that signs cursors: known to every daemon on the database and to nobody who only talks to
// the API. It is derived from when the schema was made, to the microsecond, and survives restarts.
Result<Secret> cursor_key(store::Database& database);
// The virus scanner the configuration names; null when it names none.
std::shared_ptr<const adapters::VirusScanner> scanner_of(const Config& config);
// The renderer of documents; null when the configuration names none.
std::shared_ptr<const adapters::DocumentRenderer> renderer_of(const Config& config);

}  // namespace c360::daemon
