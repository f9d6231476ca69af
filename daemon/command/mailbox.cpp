// client360 mailbox list, probe.
#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "daemon/base/text.h"
#include "daemon/command/probe.h"
#include "daemon/command/verbs.h"
#include "daemon/config_text.h"
#include "ingest/mailbox_factory.h"
#include "store/lease.h"

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

Result<ExitCode> list(Context& context, const Arguments&) {
  auto ready = context.admin("GET", "/readyz", 503);
  if (!ready) return std::unexpected(ready.error());
  const Json* boxes = ready->find("mailboxes");
  if (boxes == nullptr || !boxes->is_array())
    return fail(ErrorCode::upstream_rejected, "the answer of /readyz has no mailboxes");
  Table table{
      {"MAILBOX", "KIND", "READY", "LEASE", "LAST PASS", "FIRST SYNC", "FAILURES", "REASON"}, {}};
  for (const Json& box : boxes->as_array()) {
    const std::string good = text_of(box, "ready");
    table.add({text_of(box, "mailbox"),
               text_of(box, "kind"),
               {good, good == "yes" ? Tone::good : Tone::bad},
               text_of(box, "holds_lease"),
               text_of(box, "last_pass"),
               first_sync_of(box),
               text_of(box, "consecutive_failures"),
               text_of(box, "reason")});
  }
  context.show(*boxes, boxes->as_array().empty()
                           ? "no mailbox is configured; see [mailbox.NAME] in the configuration\n"
                           : render(table, context.style()));
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
    row.set("folder", folder.name).set("exists", folder.exists).set("would_list", folder.taken);
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
    table.add({folder.name, std::to_string(folder.exists), std::to_string(folder.taken),
               std::to_string(folder.uidvalidity)});
  context.show(json_of(*seen), human + render(table, context.style()));
  return ExitCode::ok;
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
        {folder, selected->exists, static_cast<std::int64_t>(uids->size()), selected->uidvalidity});
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
           probe}};
}

}  // namespace c360::daemon::command
