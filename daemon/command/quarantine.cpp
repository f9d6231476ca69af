// client360 quarantine list, retry, release, discard.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>

#include "daemon/command/verbs.h"

namespace c360::daemon::command {

namespace {

std::string text_of(const Json& row, std::string_view key) {
  const Json* value = row.find(key);
  if (value == nullptr || value->is_null()) return "-";
  if (value->is_number()) return value->number_text();
  return value->is_string() ? value->as_string() : value->dump();
}

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
    table.add({text_of(row, "id"),
               text_of(row, "mail_message_id"),
               {text_of(row, "reason"), Tone::warning},
               text_of(row, "created_at"),
               text_of(row, "details")});
  const std::string human =
      rows.empty() ? "the quarantine is empty\n" : render(table, context.style());
  context.show(rows, human);
  return ExitCode::ok;
}

Result<ExitCode> act(Context& context, const Arguments& arguments, std::string_view action) {
  const std::string& id = arguments.positional[0];
  if (id.empty() || !std::ranges::all_of(id, [](char c) { return c >= '0' && c <= '9'; }))
    return fail(ErrorCode::invalid_request,
                id + ": the id of a quarantine row is a number; see `client360 quarantine list`",
                "usage");
  Json body{Json::Object{}};
  if (arguments.has("comment")) body.set("comment", arguments.option("comment"));
  auto done = context.api("POST", fmt::format("/mail/quarantine/{}/{}", id, action), body.dump());
  if (!done) return std::unexpected(done.error());
  context.show(*done, render(*done));
  return ExitCode::ok;
}

}  // namespace

std::vector<Verb> quarantine_verbs() {
  const Option comment{"comment", "TEXT", "why; kept with the row"};
  return {
      {"quarantine",
       "list",
       "",
       "Mails that wait for a person",
       {{"status", "STATUS", "open (default), released, rejected or retried"}},
       list},
      {"quarantine",
       "retry",
       "ID",
       "Once more, through the rules as they are now",
       {comment},
       [](Context& c, const Arguments& a) { return act(c, a, "retry"); }},
      {"quarantine",
       "release",
       "ID",
       "Process now, as it is",
       {comment},
       [](Context& c, const Arguments& a) { return act(c, a, "release"); }},
      {"quarantine",
       "discard",
       "ID",
       "End it as ignored",
       {comment},
       [](Context& c, const Arguments& a) { return act(c, a, "discard"); }},
  };
}

}  // namespace c360::daemon::command
