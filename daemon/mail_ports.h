// The ports of the API that ingest fills: a dry run of the rules, what a person does with a
// quarantined mail, and why a mail became what it is. api and ingest do not know each other; here
// they meet.
#pragma once

#include <memory>

#include "api/mail_actions.h"
#include "api/mail_explainer.h"
#include "api/mail_importer.h"
#include "api/rule_tester.h"
#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/config.h"
#include "ingest/intake.h"
#include "store/database.h"

namespace c360::daemon {

// `intake`, `database` and `clock` outlive them.
std::unique_ptr<api::RuleTester> make_rule_tester(const ingest::Intake& intake,
                                                  const Config& config, const Clock& clock);
std::unique_ptr<api::MailActions> make_mail_actions(const ingest::Intake& intake,
                                                    store::Database& database, const Config& config,
                                                    const Clock& clock);
std::unique_ptr<api::MailImporter> make_mail_importer(const ingest::Intake& intake,
                                                      store::Database& database,
                                                      const Config& config,
                                                      const Observer& observer, const Clock& clock);
std::unique_ptr<api::MailExplainer> make_mail_explainer(const ingest::Intake& intake,
                                                        store::Database& database,
                                                        const Config& config);

}  // namespace c360::daemon
