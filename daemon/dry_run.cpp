#include "daemon/dry_run.h"

#include "daemon/base/text.h"
#include "daemon/rules.h"
#include "ingest/dry_run.h"

namespace c360::daemon {

Result<Json> dry_run_here(const Config& config, std::string_view kind, std::string raw_mail,
                          Instant now) {
  auto rules = load_rules(config);
  if (!rules) {
    std::vector<std::string> lines;
    for (const FileProblem& problem : rules.error()) lines.push_back(problem.to_string());
    return fail(ErrorCode::invalid_request, join(lines, "\n"), "configuration");
  }
  // Reading a mail uses the declarations only: a Database opens nothing until its first use.
  const Log log{LogTarget::none};
  Metrics metrics;
  const Observer observer{log, metrics};
  const SystemClock clock;
  store::Database database{{}, observer};
  const store::Registry registry = store::Registry::standard();
  store::Records records{database, registry, {}, clock};
  const ingest::RulesInUse in_use{*rules, 0};
  const ingest::Inboxes inboxes{registry,
                                records,
                                in_use,
                                {.spool_folder = config.intake.spool_folder,
                                 .spool_bytes = config.intake.spool_bytes,
                                 .phone_region = config.intake.default_phone_region}};
  ingest::MailboxSettings settings = config.mailbox_defaults;
  settings.code = "dry-run";
  settings.kind = ingest::mailbox_kind_of(kind);
  return ingest::dry_run(in_use, inboxes, kind, std::move(raw_mail), settings, now);
}

}  // namespace c360::daemon
