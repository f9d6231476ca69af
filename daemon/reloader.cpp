#include "daemon/reloader.h"

#include <algorithm>
#include <array>

#include "daemon/api_parts.h"
#include "daemon/base/text.h"
#include "daemon/database_check.h"
#include "daemon/rules.h"
#include "daemon/secret_sealing.h"

namespace c360::daemon {

namespace {

constexpr std::string_view kRules = "rules";
constexpr std::array<std::string_view, 3> kDatabaseAddress = {
    "database.url", "database.password_file", "database.pooled"};
// Settings that records and intake take at their making.
constexpr std::array<std::string_view, 11> kBusinessSettings = {"database.url",
                                                                "mail.attempt_limit",
                                                                "mail.compare_interval_s",
                                                                "mail.pass_limit_s",
                                                                "mail.spool_folder",
                                                                "mail.spool_bytes",
                                                                "mail.prepare_threads",
                                                                "mail.clamd",
                                                                "mail.max_attachment_bytes",
                                                                "business.",
                                                                "crm."};
constexpr std::array<std::string_view, 11> kApiSettings = {"api.requests_per_second",
                                                           "api.request_burst",
                                                           "api.max_body_bytes",
                                                           "api.max_import_",
                                                           "api.max_bulk_",
                                                           "api.max_export_",
                                                           "api.max_event_",
                                                           "idempotency.",
                                                           "documents.",
                                                           "webhooks.key_file",
                                                           "webhooks.former_key_file"};
constexpr std::array<std::string_view, 2> kSealSettings = {"webhooks.key_file",
                                                           "webhooks.former_key_file"};
// Of outside services, which the API and the jobs hold.
constexpr std::array<std::string_view, 7> kServiceSettings = {
    "dadata.", "kontur_focus.", "metrika.", "requisites.", "smtp.", "telegram.", "sms."};

constexpr std::array<std::string_view, 6> kJobSettings = {
    "jobs.", "adapters.", "retention.", "business.timezone", "database.", "documents."};
constexpr std::array<std::string_view, 6> kMessageSettings = {
    "smtp.", "telegram.", "sms.", "messages.", "business.timezone", "database."};
constexpr std::array<std::string_view, 2> kWebhookSettings = {"webhooks.", "database."};

}  // namespace

bool touches(const std::vector<std::string>& changed, std::span<const std::string_view> prefixes) {
  return std::ranges::any_of(changed, [&](const std::string& key) {
    return std::ranges::any_of(prefixes, [&](std::string_view p) { return key.starts_with(p); });
  });
}

bool touches(const std::vector<std::string>& changed, std::string_view prefix) {
  return touches(changed, std::span(&prefix, 1));
}

ReloadAnswer Reloader::reload(std::string_view trigger) {
  // A bug or a full machine while building what is new is no reason to lose what runs.
  auto prepared = [this]() -> std::expected<Prepared, Problems> {
    try {
      return prepare();
    } catch (const std::exception& error) {
      return std::unexpected(Problems{{file_, {}, error.what()}});
    }
  }();
  ReloadAnswer answer;
  if (!prepared) {
    answer.problems = std::move(prepared.error());
    return report(std::move(answer), trigger);
  }
  answer.warnings = prepared->config->warnings;
  answer.changed = prepared->changed;
  answer.result = answer.changed.empty() ? ReloadResult::unchanged : ReloadResult::applied;
  commit(std::move(*prepared));
  return report(std::move(answer), trigger);
}

std::expected<Reloader::Prepared, Problems> Reloader::prepare() {
  auto config = load_config(file_, Surroundings::of_process());
  if (!config) return std::unexpected(std::move(config.error()));
  Prepared prepared;
  auto rules = load_rules(*config);
  if (!rules) return std::unexpected(std::move(rules.error()));
  prepared.rules = std::move(*rules);
  prepared.config = std::make_shared<const Config>(std::move(*config));
  prepared.changed = changed_settings(*parts_.config.get(), *prepared.config);
  if (prepared.rules->sha256() != parts_.rules.get()->sha256()) {
    prepared.changed.emplace_back(kRules);
    // Of new rules only: a code that was deleted later must not stop every other change.
    auto unknown = check_rule_values(*prepared.rules);
    if (!unknown.empty()) return std::unexpected(std::move(unknown));
  } else {
    prepared.rules = parts_.rules.get();  // the same set, compiled once
  }
  auto problems = prepare_database(prepared);
  std::ranges::move(prepare_seals(prepared), std::back_inserter(problems));
  std::ranges::move(prepare_listeners(prepared), std::back_inserter(problems));
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return prepared;
}

// Without a database nobody knows the codes; then a value that is none is left out of each mail.
Problems Reloader::check_rule_values(const parsers::RuleSet& rules) const {
  if (!parts_.waiting_for.get()->empty()) return {};
  const store::Registry registry = store::Registry::standard();
  store::DirectoryReader directories{parts_.database, registry};
  const auto codes = directories.current();
  return codes ? unknown_values(rules, *codes) : Problems{};
}

// Another database is taken only when it answers and fits. A change of sizes or limits is no reason
// to ask.
Problems Reloader::prepare_database(const Prepared& prepared) const {
  if (!touches(prepared.changed, kDatabaseAddress)) return {};
  const DatabaseReport report = check_database(prepared.config->database, parts_.observer);
  if (report.state == DatabaseState::fits) return {};
  return {{prepared.config->file, {}, "database: " + report.detail}};
}

// Keys that would leave secrets unread which can be read now are a mistake: webhooks would fall
// silent. Without a database, or with another, nobody knows; then the daemon says it when it looks.
Problems Reloader::prepare_seals(const Prepared& prepared) const {
  if (!touches(prepared.changed, kSealSettings) || touches(prepared.changed, kDatabaseAddress) ||
      !parts_.waiting_for.get()->empty())
    return {};
  const auto now = store::count_sealed(parts_.database, seals_of(*parts_.config.get()));
  const auto then = store::count_sealed(parts_.database, seals_of(*prepared.config));
  if (!now || !then || then->unknown <= now->unknown) return {};
  return {{prepared.config->file,
           {},
           "webhooks.key_file: " + std::to_string(then->unknown - now->unknown) +
               " secrets in the database could not be read any more; name the key they are sealed "
               "under in webhooks.former_key_file until client360 doctor says that it may go"}};
}

Problems Reloader::prepare_listeners(Prepared& prepared) {
  Problems problems;
  const auto take = [&](std::string_view table, Listener& listener,
                        const api::ServerOptions& options,
                        std::unique_ptr<api::HttpServer>& place) {
    if (!touches(prepared.changed, table)) return;
    auto server = listener.prepare(options);
    if (server) {
      place = std::move(*server);
    } else {
      problems.push_back({prepared.config->file, {}, server.error().detail});
    }
  };
  take("api.", parts_.api, prepared.config->api, prepared.api);
  take("admin.", parts_.admin, prepared.config->admin, prepared.admin);
  return problems;
}

void Reloader::commit(Prepared prepared) {
  const auto& changed = prepared.changed;
  const Config& next = *prepared.config;
  const bool serving = parts_.waiting_for.get()->empty();
  const auto running = parts_.business.get();
  const bool new_business = serving && touches(changed, kBusinessSettings);
  // Its leases must be free, in the database they are in, before the next one asks for them.
  if (new_business) running->intake().stop();
  if (touches(changed, "database.url")) parts_.forget_keys();
  // A handler under way read from the database as it was, and must not write into another.
  if (touches(changed, "database.") && parts_.jobs) parts_.jobs->stop();
  if (touches(changed, "database.") && parts_.webhooks) parts_.webhooks->stop();
  if (touches(changed, "database.") && parts_.messages) parts_.messages->stop();
  if (touches(changed, "database.")) parts_.database.reconfigure(next.database.options);
  if (touches(changed, "log.target")) parts_.log.set_target(next.log.target);
  parts_.heartbeats.set_limit(next.service.loop_limit);

  parts_.config.swap(prepared.config);
  parts_.rules.swap(prepared.rules);
  if (serving) {
    if (new_business) {
      replace_business();
    } else {
      update_business(prepared);
    }
    if (touches(changed, kJobSettings) || touches(changed, kServiceSettings)) restart_jobs();
    if (touches(changed, kWebhookSettings)) parts_.start_webhooks();
    if (touches(changed, kMessageSettings)) restart_messages();
    if (touches(changed, "documents.")) parts_.check_renderer();
  }
  if (prepared.api) parts_.api.adopt(std::move(prepared.api), next.api, next.service.stop_limit);
  if (prepared.admin)
    parts_.admin.adopt(std::move(prepared.admin), next.admin, next.service.stop_limit);
  if (!changed.empty()) ++parts_.generation;
}

void Reloader::replace_business() {
  if (auto started = parts_.start_business(); started) {
    parts_.open_api();
    return;
  }
  // The new database passed its check and is gone a moment later. The App waits for it as at start.
  parts_.business.set(nullptr);
  parts_.gate.close("the database was changed and is away");
}

// The zone was checked with the configuration; were it gone from the machine since, what runs goes
// on.
void Reloader::restart_jobs() {
  if (auto started = parts_.start_jobs(); !started)
    parts_.observer.observe(event::part_failed,
                            {{"part", "jobs"}, {"detail", started.error().detail}});
}

void Reloader::restart_messages() {
  if (auto started = parts_.start_messages(); !started)
    parts_.observer.observe(event::part_failed,
                            {{"part", "messages"}, {"detail", started.error().detail}});
}

void Reloader::update_business(const Prepared& prepared) {
  const auto running = parts_.business.get();
  if (touches(prepared.changed, kRules)) running->intake().use_rules(prepared.rules);
  running->intake().configure(prepared.config->mailboxes);
  const bool new_services = touches(prepared.changed, kServiceSettings);
  if (new_services) parts_.start_services();
  if (new_services || touches(prepared.changed, kApiSettings)) parts_.open_api();
}

ReloadAnswer Reloader::report(ReloadAnswer answer, std::string_view trigger) {
  answer.generation = parts_.generation;
  answer.hash = Parts::hash_of(*parts_.config.get(), *parts_.rules.get());
  const Observer& observer = parts_.observer;
  for (const FileProblem& problem : answer.problems)
    observer.observe(event::config_refused,
                     {{"trigger", trigger}, {"problem", problem.to_string()}});
  if (answer.result == ReloadResult::applied) {
    for (const FileProblem& warning : answer.warnings)
      observer.observe(event::config_warning, {{"warning", warning.to_string()}});
    observer.observe(event::config_applied, {{"trigger", trigger},
                                             {"generation", answer.generation},
                                             {"changed", join(answer.changed, ",")}});
  }
  if (answer.result == ReloadResult::unchanged)
    observer.observe(event::config_unchanged, {{"trigger", trigger}});
  // Last, so that a log that becomes quieter still tells of the change.
  parts_.log.set_level(parts_.config.get()->log.level);
  parts_.report_config(answer.result);
  return answer;
}

}  // namespace c360::daemon
