// client360 mailbox list, probe, compare.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <thread>

#include "daemon/base/text.h"
#include "daemon/command/probe.h"
#include "daemon/command/verbs.h"
#include "daemon/config_text.h"
#include "ingest/mailbox_factory.h"
#include "store/lease.h"
#include "store/mail_balance.h"

namespace c360::daemon::command {

namespace {

std::string text_of(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  if (value == nullptr || value->is_null()) return "-";
  if (value->is_bool()) return value->as_bool() ? "yes" : "no";
  if (value->is_number()) return value->number_text();
  return value->is_string() ? value->as_string() : value->dump();
}

// "1200 of 100000, 540/min, 3 h 3 min left"; "-" for a mailbox that was empty when it was new.
std::string first_sync_of(const Json& box) {
  const Json* sync = box.find("first_sync");
  const auto number = [&](std::string_view key) {
    const Json* value = sync == nullptr ? nullptr : sync->find(key);
    return value == nullptr ? 0 : value->as_int64().value_or(0);
  };
  const std::int64_t total = number("total");
  const std::int64_t done = number("done");
  if (total == 0) return "-";
  if (done == total) return fmt::format("{} done", total);
  std::string text = fmt::format("{} of {}", done, total);
  if (const std::int64_t rate = number("per_minute"); rate > 0) {
    const std::int64_t minutes = (number("left_seconds") + 59) / 60;
    text += minutes < 60
                ? fmt::format(", {}/min, {} min left", rate, minutes)
                : fmt::format(", {}/min, {} h {} min left", rate, minutes / 60, minutes % 60);
  }
  return text;
}

// What the ledger says of each mailbox, by its code; nothing where the database cannot be asked:
// the state of the service is worth showing alone.
std::map<std::string, store::MailboxBalance> balances(Context& context) {
  std::map<std::string, store::MailboxBalance> by_code;
  auto database = context.database();
  if (!database) return by_code;
  auto all = store::mail_balance(**database, store::Pool::api);
  if (!all) return by_code;
  for (store::MailboxBalance& mailbox : *all) {
    std::string code = mailbox.code;
    by_code.emplace(std::move(code), std::move(mailbox));
  }
  return by_code;
}

Json json_of(const store::Balance& balance) {
  Json value{Json::Object{}};
  value.set("holds", balance.holds()).set("listed", balance.listed);
  for (std::size_t i = 0; i < store::kTermNames.size(); ++i)
    value.set(std::string(store::kTermNames[i]), balance.terms[i]);
  return value;
}

Result<ExitCode> list(Context& context, const Arguments&) {
  auto ready = context.admin("GET", "/readyz", 503);
  if (!ready) return std::unexpected(ready.error());
  const Json* boxes = ready->find("mailboxes");
  if (boxes == nullptr || !boxes->is_array())
    return fail(ErrorCode::upstream_rejected, "the answer of /readyz has no mailboxes");
  const auto ledger = balances(context);
  Json::Array shown;
  Table table{{"MAILBOX", "KIND", "READY", "LEASE", "LAST PASS", "LISTED", "PENDING", "QUARANTINE",
               "LEDGER", "FIRST SYNC", "FAILURES", "REASON"},
              {}};
  for (Json box : boxes->as_array()) {
    const std::string good = text_of(box, "ready");
    const auto found = ledger.find(text_of(box, "mailbox"));
    const bool known = found != ledger.end();
    const store::Balance balance = known ? found->second.balance : store::Balance{};
    const auto count = [&](std::int64_t value) { return known ? std::to_string(value) : "-"; };
    const bool holds = balance.holds();
    table.add({text_of(box, "mailbox"),
               text_of(box, "kind"),
               {good, good == "yes" ? Tone::good : Tone::bad},
               text_of(box, "holds_lease"),
               text_of(box, "last_pass"),
               count(balance.listed),
               count(balance.term(store::Term::pending)),
               count(balance.term(store::Term::quarantined)),
               {!known  ? "-"
                : holds ? "holds"
                        : "BROKEN",
                holds ? Tone::good : Tone::bad},
               first_sync_of(box),
               text_of(box, "consecutive_failures"),
               text_of(box, "reason")});
    box.set("ledger", known ? json_of(balance) : Json{});
    shown.push_back(std::move(box));
  }
  const std::string human =
      shown.empty() ? "no mailbox is configured; see [mailbox.NAME] in the configuration\n"
                    : render(table, context.style());
  context.show(shown, human);
  return ExitCode::ok;
}

Result<const ingest::MailboxSettings*> find_mailbox(const Config& config, const std::string& code) {
  std::vector<std::string> codes;
  for (const auto& box : config.mailboxes) {
    if (box.code == code) return &box;
    codes.push_back(box.code);
  }
  return fail(ErrorCode::not_found, fmt::format("no mailbox '{}' is switched on; there is {}", code,
                                                codes.empty() ? "none" : join(codes, ", ")));
}

Json json_of(const Probe& probe) {
  Json::Array folders;
  for (const ProbedFolder& folder : probe.folders) {
    Json row{Json::Object{}};
    row.set("folder", folder.name)
        .set("exists", folder.exists)
        .set("would_list", static_cast<std::int64_t>(folder.taken.size()));
    row.set("uidvalidity", folder.uidvalidity);
    folders.push_back(std::move(row));
  }
  Json value{Json::Object{}};
  value.set("software", probe.software).set("encrypted", probe.encrypted).set("idle", probe.idle);
  value.set("folders", std::move(folders));
  return value;
}

Result<ExitCode> probe(Context& context, const Arguments& arguments) {
  auto config = context.config();
  if (!config) return std::unexpected(config.error());
  auto box = find_mailbox(**config, arguments.positional[0]);
  if (!box) return std::unexpected(box.error());
  auto seen = probe_mailbox(**box, context);
  if (!seen) return with_context(seen.error(), (*box)->uri_masked);

  std::string human = fmt::format(
      "{}\n  {}, {}, {}\n", (*box)->uri_masked,
      seen->software.empty() ? "server unknown" : printable(seen->software),
      seen->encrypted ? "encrypted" : "NOT encrypted", seen->idle ? "IDLE" : "no IDLE: polled");
  Table table{{"FOLDER", "MAILS", "WOULD LIST", "UIDVALIDITY"}, {}};
  for (const ProbedFolder& folder : seen->folders)
    table.add({folder.name, std::to_string(folder.exists), std::to_string(folder.taken.size()),
               std::to_string(folder.uidvalidity)});
  context.show(json_of(*seen), human + render(table, context.style()));
  return ExitCode::ok;
}

constexpr std::chrono::seconds kCompareWait{60};
constexpr std::chrono::milliseconds kCompareLook{200};

// Whether every folder of the configuration was compared since.
Result<bool> compared_since(store::Database& database, std::int64_t mailbox_id,
                            const std::vector<std::string>& folders, Instant asked_at) {
  auto made = store::comparisons(database, mailbox_id);
  if (!made) return std::unexpected(made.error());
  return std::ranges::all_of(folders, [&](const std::string& folder) {
    return std::ranges::any_of(*made, [&](const auto& comparison) {
      return comparison.first == folder && comparison.second >= asked_at;
    });
  });
}

std::string describe(const store::MailboxBalance& mailbox) {
  std::string text =
      fmt::format("the ledger {}: {} listed =", mailbox.balance.holds() ? "holds" : "does NOT hold",
                  mailbox.balance.listed);
  for (std::size_t i = 0; i < store::kTermNames.size(); ++i)
    text +=
        fmt::format("{} {} {}", i == 0 ? "" : " +", mailbox.balance.terms[i], store::kTermNames[i]);
  return text + "\n";
}

Result<ExitCode> compare(Context& context, const Arguments& arguments) {
  auto config = context.config();
  if (!config) return std::unexpected(config.error());
  auto box = find_mailbox(**config, arguments.positional[0]);
  if (!box) return std::unexpected(box.error());
  auto database = context.database();
  if (!database) return std::unexpected(database.error());
  const std::string& code = (*box)->code;
  auto before = store::mail_balance(**database, store::Pool::api, code);
  if (!before) return std::unexpected(before.error());
  if (before->empty())
    return fail(ErrorCode::not_found,
                fmt::format("the service has never run with mailbox {}", code));
  const std::int64_t id = before->front().id;
  auto asked = store::request_comparison(**database, id);
  if (!asked) return std::unexpected(asked.error());

  const auto give_up = std::chrono::steady_clock::now() + kCompareWait;
  while (true) {
    auto done = compared_since(**database, id, (*box)->folders, *asked);
    if (!done) return std::unexpected(done.error());
    if (*done) break;
    if (std::chrono::steady_clock::now() > give_up)
      return fail(ErrorCode::timeout,
                  fmt::format("asked for, and not made within {} s; `client360 mailbox list` says "
                              "how {} fares",
                              kCompareWait.count(), code));
    std::this_thread::sleep_for(kCompareLook);
  }
  auto after = store::mail_balance(**database, store::Pool::api, code);
  if (!after) return std::unexpected(after.error());
  const store::MailboxBalance& mailbox = after->front();
  Table table{{"FOLDER", "SERVER", "MISSED", "GONE", "DIFFERENCE"}, {}};
  Json::Array folders;
  bool agrees = mailbox.balance.holds();
  for (const store::FolderBalance& folder : mailbox.folders) {
    if (!folder.comparison) continue;
    const store::ServerComparison& found = *folder.comparison;
    agrees = agrees && found.difference == 0;
    table.add({folder.folder,
               std::to_string(found.server),
               std::to_string(found.missed),
               std::to_string(found.gone),
               {std::to_string(found.difference), found.difference == 0 ? Tone::good : Tone::bad}});
    Json row{Json::Object{}};
    row.set("folder", folder.folder).set("at", to_rfc3339(found.begun)).set("server", found.server);
    row.set("missed", found.missed).set("gone", found.gone).set("difference", found.difference);
    folders.push_back(std::move(row));
  }
  Json value = json_of(mailbox.balance);
  value.set("mailbox", code).set("folders", std::move(folders));
  context.show(value, render(table, context.style()) + describe(mailbox));
  return agrees ? ExitCode::ok : ExitCode::failure;
}

}  // namespace

Result<Probe> probe_mailbox(const ingest::MailboxSettings& settings, Context& context) {
  auto database = context.database();
  if (!database) return std::unexpected(database.error());
  const auto mailbox = ingest::make_mailbox_factory(settings, store::lease_holder(), **database,
                                                    context.observer(), context.clock())();
  if (auto connected = mailbox->connect(); !connected) return std::unexpected(connected.error());
  Probe probe;
  probe.software = mailbox->features().software;
  probe.encrypted = mailbox->features().encrypted;
  probe.idle = mailbox->features().has("IDLE");
  for (const std::string& folder : settings.folders) {
    auto selected = mailbox->select(folder, /*read_only=*/true);
    if (!selected) return with_context(selected.error(), "folder " + folder);
    auto uids =
        mailbox->search({.above = 0, .unseen_only = settings.unseen_only, .since = settings.since});
    if (!uids) return with_context(uids.error(), "folder " + folder);
    probe.folders.push_back(
        {folder, selected->exists, {uids->begin(), uids->end()}, selected->uidvalidity});
  }
  mailbox->logout();
  return probe;
}

std::vector<Verb> mailbox_verbs() {
  return {{"mailbox", "list", "", "Mailboxes and their state, from the running service", {}, list},
          {"mailbox",
           "probe",
           "NAME",
           "Connect, sign in and look (EXAMINE); changes nothing",
           {},
           probe},
          {"mailbox",
           "compare",
           "NAME",
           "Compare all the server has with the ledger now, heal, show the sum",
           {},
           compare}};
}

}  // namespace c360::daemon::command
