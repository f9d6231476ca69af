// client360 doctor: everything the service stands on, each with what to do where it fails.
#include <Poco/Crypto/X509Certificate.h>
#include <Poco/Exception.h>
#include <spdlog/fmt/fmt.h>
#include <sys/statvfs.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "adapters/helper_renderer.h"
#include "daemon/base/json_lookup.h"
#include "daemon/command/probe.h"
#include "daemon/command/verbs.h"
#include "daemon/database_check.h"
#include "daemon/rules.h"
#include "daemon/secret_sealing.h"
#include "store/mail_balance.h"
#include "store/mail_log.h"

namespace c360::daemon::command {

namespace {

constexpr std::int64_t kLeastServerVersion = 150'000;
constexpr std::chrono::seconds kClockTolerance{5};
constexpr std::uint64_t kLowSpace = 1ULL << 30U;
constexpr std::uint64_t kNoSpace = 100ULL << 20U;
constexpr std::chrono::days kExpiresSoon{21};

enum class State : std::uint8_t { good, warning, bad };

struct Finding {
  std::string what;
  State state = State::good;
  std::string detail;
  std::string remedy;
};
using Findings = std::vector<Finding>;

constexpr std::array<std::string_view, 3> kStateNames = {"good", "warning", "bad"};
constexpr std::array<Tone, 3> kTones = {Tone::good, Tone::warning, Tone::bad};

constexpr store::Sql kServer{"command_server", R"sql(
SELECT current_setting('server_version_num')::bigint, current_setting('server_version'),
       extract(epoch FROM clock_timestamp()) * 1000000,
       concat_ws(', ', CASE WHEN current_setting('fsync') = 'off' THEN 'fsync' END,
                 CASE WHEN current_setting('full_page_writes') = 'off' THEN 'full_page_writes' END,
                 CASE WHEN current_setting('synchronous_commit') = 'off'
                      THEN 'synchronous_commit' END))sql"};

void check_rules(const Config& config, Findings& findings) {
  const auto rules = load_rules(config);
  if (rules) {
    findings.push_back({"rules",
                        State::good,
                        fmt::format("{} rules, {} examples hold", (*rules)->rules().size(),
                                    (*rules)->example_count()),
                        {}});
    return;
  }
  for (const FileProblem& problem : rules.error())
    findings.push_back({"rules", State::bad, problem.to_string(),
                        "mend the file; until then the running service keeps the former rules"});
}

void check_clock(std::int64_t database_us, const Clock& clock, Findings& findings) {
  const auto here = clock.now().time_since_epoch().count();
  const auto apart = std::chrono::microseconds{std::llabs(here - database_us)};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(apart);
  const bool good = apart <= kClockTolerance;
  findings.push_back({"clock", good ? State::good : State::bad,
                      fmt::format("{} ms apart from the database's", ms.count()),
                      good ? "" : "set both machines by NTP (timedatectl set-ntp true)"});
}

void check_server(Context& context, Findings& findings) {
  auto database = context.database();
  if (!database) return;
  auto rows = (*database)->execute(store::Pool::work, kServer);
  if (!rows) return;  // check_schema says why
  const bool good = rows->int64(0, 0) >= kLeastServerVersion;
  findings.push_back({"database", good ? State::good : State::bad,
                      fmt::format("PostgreSQL {}", rows->text(0, 1)),
                      good ? "" : "PostgreSQL 15 or newer is needed"});
  const bool durable = rows->text(0, 3).empty();
  findings.push_back(
      {"durability", durable ? State::good : State::warning,
       durable ? "commits are on the disk" : fmt::format("off: {}", rows->text(0, 3)),
       durable ? "" : "a crash of the database may lose what was committed: set them on"});
  check_clock(std::stoll(std::string(rows->text(0, 2))), context.clock(), findings);
}

void check_schema(Context& context, const Config& config, Findings& findings) {
  const DatabaseReport report = check_database(config.database, context.observer());
  switch (report.state) {
    case DatabaseState::fits:
      findings.push_back({"schema", State::good, "up to date", {}});
      break;
    case DatabaseState::away:
      findings.push_back({"database", State::bad, report.detail,
                          "is it running, and do database.url and the password fit?"});
      break;
    case DatabaseState::behind:
      findings.push_back({"schema", State::bad, report.detail, "client360 migrate"});
      break;
    case DatabaseState::differs:
      findings.push_back({"schema", State::bad, report.detail,
                          "install the program that made the schema, or a newer one"});
  }
}

std::string_view remedy_of(const Error& error) {
  if (error.code == ErrorCode::upstream_auth)
    return "check username and password_file or oauth_…; some providers want an application "
           "password";
  if (error.reason == "certificate_refused")
    return "give the server's authority in ca_file, or its name in server_name";
  if (error.code == ErrorCode::upstream_rejected) return "does the folder exist? see folders";
  return "check host, port and tls, and that the network lets us out";
}

// What the ledger holds of a mailbox; none before the service has run with it, or without database.
std::optional<store::MailboxBalance> ledger_of(Context& context, const std::string& code) {
  auto database = context.database();
  if (!database) return std::nullopt;
  auto all = store::mail_balance(**database, store::Pool::api, code);
  if (!all || all->empty()) return std::nullopt;
  return std::move(all->front());
}

// Of the mails that a pass would find, those without a row. A mail that is held, or waits for its
// next try, is still unread on the server and in the ledger.
std::int64_t not_listed_yet(Context& context, const Probe& probe,
                            const std::optional<store::MailboxBalance>& ledger) {
  auto database = context.database();
  std::int64_t fresh = 0;
  for (const ProbedFolder& folder : probe.folders) {
    fresh += static_cast<std::int64_t>(folder.taken.size());
    if (!ledger || !database) continue;
    const auto known = store::MailLog{**database}.count_known(
        {ledger->id, folder.name, folder.uidvalidity}, folder.taken);
    fresh -= known.value_or(0);
  }
  return fresh;
}

constexpr store::Sql kOrphans{"command_orphaned_webhooks", R"sql(
SELECT w.id, w.name, u.login FROM ops.webhook AS w JOIN crm.user AS u ON u.id = w.owner_id
 WHERE w.state = 'active' AND NOT u.is_active ORDER BY w.id)sql"};

// What they are told is what the owner may read, so without him they are told nothing.
void check_webhooks(Context& context, Findings& findings) {
  auto database = context.database();
  if (!database) return;
  const auto rows = (*database)->execute(store::Pool::work, kOrphans);
  if (!rows) return;  // check_schema says why
  for (int row = 0; row < rows->size(); ++row) {
    const std::int64_t id = rows->int64(row, 0);
    findings.push_back(
        {fmt::format("webhook {}", id), State::warning,
         fmt::format("{}: nothing is sent, its owner {} is not active", rows->text(row, 1),
                     rows->text(row, 2)),
         fmt::format(
             "PATCH /api/v1/webhooks/{} with the owner_id of the administrator who sends it", id)});
  }
}

void check_ledger(const store::MailboxBalance& ledger, Findings& findings) {
  const store::Balance& balance = ledger.balance;
  std::int64_t difference = 0;
  for (const store::FolderBalance& folder : ledger.folders)
    if (folder.comparison) difference += folder.comparison->difference;
  const bool good = balance.holds() && difference == 0;
  findings.push_back(
      {"ledger " + ledger.code, good ? State::good : State::bad,
       fmt::format("{} listed, {} pending, {} in quarantine{}{}", balance.listed,
                   balance.term(store::Term::pending), balance.term(store::Term::quarantined),
                   balance.holds() ? "" : "; the sum does NOT hold",
                   difference == 0
                       ? ""
                       : fmt::format("; {} mails of the server are not in it", difference)),
       good ? ""
            : fmt::format("client360 mailbox compare {}; GET /api/v1/mail/conservation "
                          "says which term is wrong",
                          ledger.code)});
}

void check_mailboxes(Context& context, const Config& config, Findings& findings) {
  for (const auto& box : config.mailboxes) {
    const std::string what = "mailbox " + box.code;
    const auto ledger = ledger_of(context, box.code);
    if (const auto probe = probe_mailbox(box, context); !probe) {
      findings.push_back(
          {what, State::bad, probe.error().detail, std::string(remedy_of(probe.error()))});
    } else {
      findings.push_back({what, probe->encrypted ? State::good : State::warning,
                          fmt::format("{} mails to list{}", not_listed_yet(context, *probe, ledger),
                                      probe->encrypted ? "" : ", NOT encrypted"),
                          probe->encrypted ? "" : "use tls = 'imaps' or 'starttls'"});
    }
    if (ledger) check_ledger(*ledger, findings);
  }
  if (config.mailboxes.empty())
    findings.push_back({"mailboxes", State::warning, "none is configured",
                        "add a [mailbox.NAME] table to the configuration"});
}

void check_space(const std::string& folder, Findings& findings) {
  struct statvfs status{};
  if (statvfs(folder.c_str(), &status) != 0) {
    findings.push_back({"disk", State::bad, folder + " cannot be looked at",
                        "make the folder of mail.spool_folder"});
    return;
  }
  const std::uint64_t free = static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  const State state = free < kNoSpace    ? State::bad
                      : free < kLowSpace ? State::warning
                                         : State::good;
  findings.push_back(
      {"disk", state, fmt::format("{} MiB free in {}", free >> 20U, folder),
       state == State::good ? "" : "free some space: large mails are spooled there"});
}

void check_certificate(const std::string& file, const Clock& clock, Findings& findings) {
  if (file.empty()) return;
  try {
    const Poco::Crypto::X509Certificate certificate(file);
    const Instant ends{
        std::chrono::microseconds{certificate.expiresOn().timestamp().epochMicroseconds()}};
    const auto left = std::chrono::floor<std::chrono::days>(ends - clock.now());
    const State state = left.count() < 0      ? State::bad
                        : left < kExpiresSoon ? State::warning
                                              : State::good;
    findings.push_back({"certificate", state,
                        fmt::format("{} until {}", file, to_rfc3339(ends).substr(0, 10)),
                        state == State::good ? "" : "renew it; a replaced file is taken at once"});
  } catch (const Poco::Exception& error) {
    findings.push_back({"certificate", State::bad, file + ": " + error.displayText(),
                        "a PEM certificate is wanted"});
  }
}

void check_renderer(const adapters::HelperRendererOptions& options, Findings& findings) {
  if (options.path.empty()) {
    findings.push_back({"renderer", State::warning, "none: documents get no PDF",
                        "set documents.renderer, and start client360-render.socket"});
    return;
  }
  const auto missing = adapters::HelperRenderer(options).missing_restraints();
  if (!missing) {
    findings.push_back(
        {"renderer", State::warning, missing.error().detail,
         "systemctl enable --now client360-render.socket; run as one who may use it"});
    return;
  }
  for (const std::string& each : *missing) {
    findings.push_back({"renderer", State::warning, each,
                        "documents are rendered with less around them: a newer kernel has it"});
  }
  if (missing->empty())
    findings.push_back({"renderer", State::good, "confined: no network, no files", {}});
}

void check_service(Context& context, Findings& findings) {
  auto ready = context.admin("GET", "/readyz", 503);
  if (!ready) {
    findings.push_back(
        {"service", State::warning, ready.error().detail, "systemctl start client360d"});
    return;
  }
  const Json* parts = ready->find("parts");
  if (parts == nullptr || !parts->is_array()) return;
  for (const Json& part : parts->as_array()) {
    const Json* name = part.find("part");
    const Json* good = part.find("ready");
    const Json* reason = part.find("reason");
    if (name == nullptr || good == nullptr || reason == nullptr || good->as_bool()) continue;
    findings.push_back({"service " + name->as_string(), State::bad, reason->as_string(),
                        "journalctl -u client360d"});
  }
  if (const Json* all = ready->find("ready"); all != nullptr && all->as_bool())
    findings.push_back({"service", State::good, "running and ready", {}});
  // It works without them; what they are for does not get done.
  const Json* hindered = ready->find("services");
  if (hindered == nullptr || !hindered->is_array()) return;
  for (const Json& outside : hindered->as_array())
    findings.push_back({"degraded " + text_of(outside, "service"), State::warning,
                        text_of(outside, "state") + ": " + text_of(outside, "reason"),
                        text_of(outside, "remedy")});
}

// Of the keys that this command reads, which are those of the service.
void check_secrets(Context& context, const Config& config, Findings& findings) {
  auto database = context.database();
  if (!database) return;
  const auto counts = store::count_sealed(**database, seals_of(config));
  if (!counts) return;  // check_schema says why
  if (counts->unknown > 0)
    findings.push_back(
        {"secrets", State::bad,
         fmt::format("{} in the database are sealed under another key than those of "
                     "webhooks.key_file and webhooks.former_key_file",
                     counts->unknown),
         "set the key they were sealed with; where it is lost, rotate the secrets of webhooks, and "
         "delete what is sealed in ops.installation_key: the service makes new keys, and links "
         "sent before end"});
  if (counts->unsealed > 0)
    findings.push_back({"secrets", State::warning,
                        fmt::format("{} lie unsealed in the database", counts->unsealed),
                        "set webhooks.key_file: openssl rand -hex 32, the same for all daemons"});
  if (counts->former > 0)
    findings.push_back({"secrets", State::warning,
                        fmt::format("{} of {} are still sealed under webhooks.former_key_file",
                                    counts->former, counts->former + counts->current),
                        "keep it: the service seals them anew within a minute"});
  if (counts->unknown + counts->unsealed + counts->former > 0) return;
  findings.push_back(
      {"secrets",
       State::good,
       fmt::format("{} sealed under webhooks.key_file{}", counts->current,
                   config.webhooks.former_key.empty() ? "" : "; webhooks.former_key_file may go"),
       {}});
}

Json json_of(const Findings& findings) {
  Json::Array rows;
  for (const Finding& finding : findings) {
    Json row{Json::Object{}};
    row.set("check", finding.what);
    row.set("state", kStateNames[static_cast<std::size_t>(finding.state)]);
    row.set("detail", finding.detail).set("remedy", finding.remedy);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string human_of(const Findings& findings, const Style& style) {
  Table table{{"CHECK", "STATE", "DETAIL"}, {}};
  std::string remedies;
  for (const Finding& finding : findings) {
    const auto index = static_cast<std::size_t>(finding.state);
    table.add({finding.what, {kStateNames[index], kTones[index]}, finding.detail});
    if (!finding.remedy.empty())
      remedies +=
          fmt::format("{}: {}\n  -> {}\n", finding.what, printable(finding.detail), finding.remedy);
  }
  return render(table, style) + (remedies.empty() ? "\nall is well\n" : "\n" + remedies);
}

Result<ExitCode> doctor(Context& context, const Arguments&) {
  auto config = context.config();
  if (!config) return std::unexpected(config.error());
  Findings findings;
  findings.push_back({"configuration", State::good, (*config)->file, {}});
  for (const FileProblem& warning : (*config)->warnings)
    findings.push_back({"configuration", State::warning, warning.to_string(),
                        "the service runs with it; mend the file when you can"});
  check_rules(**config, findings);
  check_server(context, findings);
  check_schema(context, **config, findings);
  check_secrets(context, **config, findings);
  check_mailboxes(context, **config, findings);
  check_webhooks(context, findings);
  check_space((*config)->intake.spool_folder, findings);
  check_certificate((*config)->api.certificate_file, context.clock(), findings);
  check_renderer((*config)->renderer, findings);
  check_service(context, findings);

  context.show(json_of(findings), human_of(findings, context.style()));
  for (const Finding& finding : findings)
    if (finding.state == State::bad) return ExitCode::failure;
  return ExitCode::ok;
}

}  // namespace

std::vector<Verb> doctor_verbs() {
  return {{"doctor",
           "",
           "",
           "Check database, mailboxes, rules, clock, disk, certificate, renderer; with remedies",
           {},
           doctor}};
}

}  // namespace c360::daemon::command
