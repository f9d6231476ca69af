// client360 quarantine list, show, target, retry, release, discard.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>

#include "daemon/command/answers.h"
#include "daemon/command/verbs.h"

namespace c360::daemon::command {

namespace {

Result<ExitCode> list(Context& context, const Arguments& arguments) {
  const std::string status = arguments.option("status", "open");
  constexpr std::array<std::string_view, 4> kKnown = {"open", "released", "rejected", "retried"};
  if (std::ranges::find(kKnown, status) == kKnown.end())
    return fail(ErrorCode::invalid_request,
                fmt::format("--status={}: known are open, released, rejected and retried", status),
                "usage");
  Json::Array rows;
  std::string cursor;
  do {
    auto page = context.api(
        "GET", fmt::format("/mail/quarantine?status={}&sort=id&limit=200{}", status, cursor));
    if (!page) return std::unexpected(page.error());
    const Json* items = page->find("items");
    if (items == nullptr || !items->is_array())
      return fail(ErrorCode::upstream_rejected, "the answer has no items");
    rows.insert(rows.end(), items->as_array().begin(), items->as_array().end());
    const Json* next = page->find("next_cursor");
    cursor = next != nullptr && next->is_string() ? "&cursor=" + next->as_string() : "";
  } while (!cursor.empty());

  Table table{{"ID", "MAIL", "REASON", "SINCE", "DETAILS"}, {}};
  for (const Json& row : rows)
    table.add({cell(row, "id"),
               cell(row, "mail_message_id"),
               {cell(row, "reason"), Tone::warning},
               cell(row, "created_at"),
               cell(row, "details")});
  const std::string human =
      rows.empty() ? "the quarantine is empty\n" : render(table, context.style());
  context.show(rows, human);
  return ExitCode::ok;
}

Result<void> needs_id(const std::string& id) {
  constexpr std::size_t kDigits = 18;
  if (!id.empty() && id.size() <= kDigits &&
      std::ranges::all_of(id, [](char c) { return c >= '0' && c <= '9'; }))
    return {};
  return fail(ErrorCode::invalid_request,
              id + ": the id is a number; see `client360 quarantine list`", "usage");
}

Result<ExitCode> show(Context& context, const Arguments& arguments) {
  const std::string& id = arguments.positional[0];
  if (auto valid = needs_id(id); !valid) return std::unexpected(valid.error());
  auto entry = context.api("GET", fmt::format("/mail/quarantine/{}", id));
  if (!entry) return std::unexpected(entry.error());
  auto attempts =
      context.api("GET", fmt::format("/mail/quarantine/{}/attempts?sort=id&limit=200", id));
  if (!attempts) return std::unexpected(attempts.error());
  std::string human = render(*entry);
  Table table{{"WHEN", "WHO", "WHAT", "BECAME", "REASON", "COMMENT"}, {}};
  const Json* items = attempts->find("items");
  if (items != nullptr && items->is_array()) {
    for (const Json& row : items->as_array())
      table.add({cell(row, "created_at"), cell(row, "user_id"), cell(row, "action"),
                 cell(row, "outcome"), cell(row, "reason"), cell(row, "comment")});
    entry->set("attempts", *items);
  }
  if (!table.rows.empty()) human += '\n' + render(table, context.style());
  human += fmt::format("\nwhy: client360 mail explain {}\n", cell(*entry, "mail_message_id"));
  context.show(*entry, human);
  return ExitCode::ok;
}

Result<ExitCode> target(Context& context, const Arguments& arguments) {
  const std::string& id = arguments.positional[0];
  const std::string& record = arguments.positional[1];
  if (auto valid = needs_id(id); !valid) return std::unexpected(valid.error());
  if (record != "none")
    if (auto valid = needs_id(record); !valid) return std::unexpected(valid.error());
  Json body{Json::Object{}};
  body.set("record_id", record == "none" ? Json{} : Json{Json::Number{record}});
  if (arguments.has("comment")) body.set("comment", arguments.option("comment"));
  auto done = context.api("PUT", fmt::format("/mail/quarantine/{}/target", id), body.dump());
  if (!done) return std::unexpected(done.error());
  context.show(*done, render(*done));
  return ExitCode::ok;
}

Result<ExitCode> act_on_one(Context& context, const Arguments& arguments, std::string_view action) {
  const std::string& id = arguments.positional[0];
  if (auto valid = needs_id(id); !valid) return std::unexpected(valid.error());
  Json body{Json::Object{}};
  if (arguments.has("comment")) body.set("comment", arguments.option("comment"));
  auto done = context.api("POST", fmt::format("/mail/quarantine/{}/{}", id, action), body.dump());
  if (!done) return std::unexpected(done.error());
  context.show(*done, render(*done));
  return ExitCode::ok;
}

// All open ones of a reason or mailbox, page by page; those that stay are behind the cursor, so
// each is tried once.
Result<ExitCode> act_on_all(Context& context, const Arguments& arguments, std::string_view action) {
  Json body{Json::Object{}};
  body.set("action", action).set("all", true);
  for (const std::string_view name : {"reason", "mailbox", "comment"})
    if (arguments.has(name)) body.set(std::string(name), arguments.option(name));
  Json::Array rows;
  for (bool more = true; more;) {
    auto page = context.api("POST", "/mail/quarantine/bulk", body.dump());
    if (!page) return std::unexpected(page.error());
    const Json* items = page->find("items");
    if (items == nullptr || !items->is_array())
      return fail(ErrorCode::upstream_rejected, "the answer has no items");
    rows.insert(rows.end(), items->as_array().begin(), items->as_array().end());
    const Json* next = page->find("next_after");
    more = next != nullptr && next->is_number();
    if (more) body.set("after", *next);
  }
  Table table{{"ID", "BECAME", "RECORD", "REASON"}, {}};
  bool refused = false;
  for (const Json& row : rows) {
    const Json* error = row.find("error");
    const bool failed = error != nullptr && error->is_object();
    refused = refused || failed;
    const std::string record = cell(row, "record_id") == "-"
                                   ? "-"
                                   : cell(row, "record_kind") + " " + cell(row, "record_id");
    const bool stays = cell(row, "outcome") == "quarantined";
    table.add({cell(row, "id"),
               {cell(row, "outcome"), failed  ? Tone::bad
                                      : stays ? Tone::warning
                                              : Tone::good},
               record,
               failed ? cell(*error, "detail") : cell(row, "reason")});
  }
  context.show(rows, rows.empty() ? "nothing of that kind is in quarantine\n"
                                  : render(table, context.style()));
  return refused ? ExitCode::failure : ExitCode::ok;
}

Result<ExitCode> act(Context& context, const Arguments& arguments, std::string_view action) {
  const bool all = arguments.has("all");
  const bool narrowed = arguments.has("reason") || arguments.has("mailbox");
  if (all == !arguments.positional.empty() || (narrowed && !all))
    return fail(ErrorCode::invalid_request,
                fmt::format("give one ID, or --all with --reason and --mailbox to narrow it: "
                            "client360 quarantine {} --all --reason=no_rule",
                            action),
                "usage");
  return all ? act_on_all(context, arguments, action) : act_on_one(context, arguments, action);
}

}  // namespace

std::vector<Verb> quarantine_verbs() {
  const Option comment{"comment", "TEXT", "why; kept with the attempt"};
  const std::vector<Option> many = {comment,
                                    {"all", "", "instead of ID: every open one"},
                                    {"reason", "REASON", "with --all: only these"},
                                    {"mailbox", "CODE", "with --all: only of this mailbox"}};
  return {
      {"quarantine",
       "list",
       "",
       "Mails that wait for a person",
       {{"status", "STATUS", "open (default), released, rejected or retried"}},
       list},
      {"quarantine", "show", "ID", "One of them, and what was tried", {}, show},
      {"quarantine",
       "target",
       "ID RECORD",
       "The record (or `none`) that retry and release attach it to",
       {comment},
       target},
      {"quarantine", "retry", "[ID]", "Once more, through the rules as they are now", many,
       [](Context& c, const Arguments& a) { return act(c, a, "retry"); }},
      {"quarantine", "release", "[ID]", "Process now, as it is", many,
       [](Context& c, const Arguments& a) { return act(c, a, "release"); }},
      {"quarantine", "discard", "[ID]", "End it as ignored; needs --comment", many,
       [](Context& c, const Arguments& a) { return act(c, a, "discard"); }},
  };
}

}  // namespace c360::daemon::command
