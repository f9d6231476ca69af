#include "daemon/mail_ports.h"

#include <map>

#include "daemon/base/digest.h"
#include "ingest/dry_run.h"
#include "ingest/explain.h"
#include "ingest/mail_import.h"
#include "ingest/quarantine.h"

namespace c360::daemon {

namespace {

class DryRun final : public api::RuleTester {
 public:
  DryRun(const ingest::Intake& intake, std::vector<std::string> own_addresses, const Clock& clock)
      : intake_(intake), own_addresses_(std::move(own_addresses)), clock_(clock) {}

  Result<Json> test(std::string_view kind, std::string_view raw_mail) override {
    ingest::MailboxSettings settings;
    settings.code = "dry-run";
    settings.kind = ingest::mailbox_kind_of(kind);
    settings.own_addresses = own_addresses_;
    const auto rules = intake_.inboxes().rules();
    return ingest::dry_run(*rules, intake_.inboxes(), kind, std::string(raw_mail), settings,
                           clock_.now());
  }

  std::vector<api::RuleSetInUse> sets() override {
    const auto rules = intake_.inboxes().rules()->rules;
    std::map<std::string, std::vector<api::RuleInUse>> by_file;
    for (const parsers::RuleSummary& rule : rules->rules())
      by_file[rule.file].push_back({rule.name, rule.action, rule.priority, rule.built_in,
                                    rule.built_in ? 0 : static_cast<int>(rule.position.line)});
    std::vector<api::RuleSetInUse> sets;
    for (const parsers::RuleFileSummary& file : rules->files())
      sets.push_back({.name = file.rules,
                      .version = std::to_string(file.version),
                      .sha256 = to_hex(file.sha256),
                      .source = file.name,
                      .rules = by_file[file.name]});
    return sets;
  }

 private:
  const ingest::Intake& intake_;
  const std::vector<std::string> own_addresses_;
  const Clock& clock_;
};

api::MailActionResult result_of(ingest::QuarantineDecision decision) {
  return {std::move(decision.outcome), std::move(decision.reason), decision.record_id,
          std::move(decision.record_kind)};
}

ingest::InboxOptions inbox_options(const Config& config) {
  return {.spool_folder = config.intake.spool_folder,
          .spool_bytes = config.intake.spool_bytes,
          .phone_region = config.intake.default_phone_region};
}

class Desk final : public api::MailActions {
 public:
  Desk(const ingest::Intake& intake, store::Database& database, const Config& config,
       const Clock& clock)
      : desk_(
            database, intake.inboxes(),
            [&intake](std::string_view code) { return intake.settings(code); },
            inbox_options(config), clock) {}

  Result<api::MailActionResult> retry(std::int64_t id, std::int64_t actor,
                                      std::string_view comment) override {
    return taken(desk_.retry(id, actor, comment));
  }
  Result<api::MailActionResult> release(std::int64_t id, std::int64_t actor,
                                        std::string_view comment) override {
    return taken(desk_.release(id, actor, comment));
  }
  Result<api::MailActionResult> discard(std::int64_t id, std::int64_t actor,
                                        std::string_view comment) override {
    return taken(desk_.discard(id, actor, comment));
  }
  Result<api::MailActionResult> set_target(std::int64_t id, std::int64_t actor,
                                           std::optional<std::int64_t> record_id,
                                           std::string_view comment) override {
    return taken(desk_.set_target(id, actor, record_id, comment));
  }

 private:
  static Result<api::MailActionResult> taken(Result<ingest::QuarantineDecision> decision) {
    if (!decision) return std::unexpected(std::move(decision.error()));
    return result_of(std::move(*decision));
  }
  ingest::QuarantineDesk desk_;
};

class Importer final : public api::MailImporter {
 public:
  Importer(const ingest::Intake& intake, store::Database& database, const Config& config,
           const Observer& observer, const Clock& clock)
      : intake_(intake), import_(database, intake.inboxes(), config.intake, observer, clock) {}

  Result<void> import_mails(std::string_view mailbox, const File& file,
                            api::MailImportResult& result) override {
    const auto settings = intake_.settings(mailbox);
    if (!settings)
      return fail(ErrorCode::not_found,
                  "no mailbox '" + std::string(mailbox) + "' is switched on in the configuration",
                  "no_mailbox");
    ingest::ImportReport report;
    ingest::ImportSource source{.format = format_of(file.format), .read = file.read};
    if (file.bytes) source.bytes = static_cast<std::int64_t>(*file.bytes);
    auto done = import_.run(*settings, source, report);
    result = {report.id, report.mails, std::move(report.outcomes), report.pending};
    return done;
  }

 private:
  static ingest::ImportFormat format_of(Format format) {
    switch (format) {
      case Format::mbox:
        return ingest::ImportFormat::mbox;
      case Format::message:
        return ingest::ImportFormat::message;
      case Format::detected:
        break;
    }
    return ingest::ImportFormat::detected;
  }

  const ingest::Intake& intake_;
  ingest::MailImport import_;
};

class Explainer final : public api::MailExplainer {
 public:
  Explainer(const ingest::Intake& intake, store::Database& database, const Config& config)
      : explainer_(database, intake.inboxes(), inbox_options(config)) {}

  Result<Json> explain(std::int64_t mail_id) override { return explainer_.explain(mail_id); }

 private:
  ingest::MailExplainer explainer_;
};

}  // namespace

std::unique_ptr<api::RuleTester> make_rule_tester(const ingest::Intake& intake,
                                                  const Config& config, const Clock& clock) {
  return std::make_unique<DryRun>(intake, config.mailbox_defaults.own_addresses, clock);
}

std::unique_ptr<api::MailActions> make_mail_actions(const ingest::Intake& intake,
                                                    store::Database& database, const Config& config,
                                                    const Clock& clock) {
  return std::make_unique<Desk>(intake, database, config, clock);
}

std::unique_ptr<api::MailImporter> make_mail_importer(const ingest::Intake& intake,
                                                      store::Database& database,
                                                      const Config& config,
                                                      const Observer& observer,
                                                      const Clock& clock) {
  return std::make_unique<Importer>(intake, database, config, observer, clock);
}

std::unique_ptr<api::MailExplainer> make_mail_explainer(const ingest::Intake& intake,
                                                        store::Database& database,
                                                        const Config& config) {
  return std::make_unique<Explainer>(intake, database, config);
}

}  // namespace c360::daemon
