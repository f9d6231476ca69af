// client360 report get, list, watch, items, pause, resume, cancel: express reports of many.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>

#include "api/request.h"
#include "daemon/command/answers.h"
#include "daemon/command/verbs.h"

namespace c360::daemon::command {

namespace {

constexpr std::chrono::milliseconds kLook{500};  // how often `watch` asks
constexpr const char* kBatches = "/express-report-batches";

Tone tone_of(std::string_view state) {
  if (state == "failed") return Tone::bad;
  if (state == "waiting" || state == "paused" || state == "canceled" || state == "pending")
    return Tone::warning;
  return state == "done" || state == "ready" || state == "kept" ? Tone::good : Tone::plain;
}

std::string progress_of(const Json& batch) {
  return fmt::format("{}/{}", cell(batch, "done"), cell(batch, "total"));
}

Result<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && stop == text.data() + text.size() && value > 0) return value;
  return fail(ErrorCode::invalid_request, fmt::format("{}: an id is a number above 0", text),
              "usage");
}

std::string told(const Json& plan) {
  return fmt::format(
      "{} found: {} reports to get, {} still good, {} without INN, {} not yours to change, {} not "
      "seen\nat most {} requests, {} companies of the contract; left of it: {}; about {} s\n",
      cell(plan, "found"), cell(plan, "reports"), cell(plan, "kept"), cell(plan, "without_inn"),
      cell(plan, "read_only"), cell(plan, "unseen"), cell(plan, "calls"), cell(plan, "charged"),
      cell(plan, "quota_left"), cell(plan, "takes_seconds"));
}

// One line a change, until it has ended; a batch with failures ends with 1.
Result<ExitCode> follow(Context& context, const std::string& id) {
  std::string shown;
  for (;;) {
    auto batch = context.api("GET", fmt::format("{}/{}", kBatches, id));
    if (!batch) return std::unexpected(batch.error());
    const std::string state = cell(*batch, "state");
    std::string line = fmt::format("batch {} {} {}, {} failed", id, state, progress_of(*batch),
                                   cell(*batch, "failed"));
    if (cell(*batch, "left_seconds") != "-")
      line += fmt::format(", about {} s left", cell(*batch, "left_seconds"));
    if (cell(*batch, "remedy") != "-")
      line += fmt::format("\n  {}\n  {}", cell(*batch, "detail"), cell(*batch, "remedy"));
    if (!context.json() && line != shown) print(line + "\n");
    shown = line;
    if (state == "done" || state == "failed" || state == "canceled") {
      context.show(*batch, "");
      return state == "done" && cell(*batch, "failed") == "0" ? ExitCode::ok : ExitCode::failure;
    }
    std::this_thread::sleep_for(kLook);
  }
}

Result<Json> body_of(const Arguments& arguments) {
  Json body{Json::Object{}};
  if (arguments.has("ids") == arguments.has("filter"))
    return fail(ErrorCode::invalid_request,
                "give --ids=1,2,3 or --filter='status_code=active', as in the URL of the list; "
                "--filter= is every counterparty",
                "usage");
  if (arguments.has("filter")) {
    body.set("filter", arguments.option("filter"));
  } else {
    Json::Array ids;
    for (const std::string& text : arguments.list("ids")) {
      const auto id = number_of(text);
      if (!id) return std::unexpected(id.error());
      ids.emplace_back(*id);
    }
    body.set("ids", std::move(ids));
  }
  body.set("refresh", arguments.has("refresh"));
  body.set("dry_run", arguments.has("dry-run"));
  return body;
}

Result<ExitCode> get(Context& context, const Arguments& arguments) {
  const auto body = body_of(arguments);
  if (!body) return std::unexpected(body.error());
  auto begun = context.api("POST", "/counterparties/express-report", body->dump());
  if (!begun) return std::unexpected(begun.error());
  const std::string id = cell(*begun, "id");
  const Json* plan = begun->find("plan");
  std::string text = plan == nullptr ? "" : told(*plan);
  if (id != "-" && arguments.has("watch")) {
    if (!context.json()) print(text);
    return follow(context, id);
  }
  if (id != "-") text += fmt::format("batch {}; client360 report watch {}\n", id, id);
  context.show(*begun, text);
  return ExitCode::ok;
}

Result<ExitCode> list(Context& context, const Arguments&) {
  auto items = items_of(context, fmt::format("{}?limit=200", kBatches));
  if (!items) return std::unexpected(items.error());
  Table table{{"ID", "STATE", "DONE", "FAILED", "LEFT S", "UNTIL", "REMEDY"}, {}};
  for (const Json& batch : items->as_array()) {
    const std::string state = cell(batch, "state");
    table.add({cell(batch, "id"), Cell{state, tone_of(state)}, progress_of(batch),
               cell(batch, "failed"), cell(batch, "left_seconds"), cell(batch, "until"),
               cell(batch, "remedy")});
  }
  context.show(*items, table.rows.empty() ? "no batches\n" : render(table, context.style()));
  return ExitCode::ok;
}

Result<ExitCode> items(Context& context, const Arguments& arguments) {
  const auto id = number_of(arguments.positional[0]);
  if (!id) return std::unexpected(id.error());
  std::string path = fmt::format("{}/{}/items?limit=200", kBatches, *id);
  if (arguments.has("state")) path += "&state=" + api::percent_encoded(arguments.option("state"));
  auto rows = items_of(context, path);
  if (!rows) return std::unexpected(rows.error());
  Table table{{"COUNTERPARTY", "STATE", "FAILED TRIES", "REASON", "DETAIL"}, {}};
  for (const Json& row : rows->as_array()) {
    const std::string state = cell(row, "state");
    table.add({cell(row, "counterparty_id"), Cell{state, tone_of(state)}, cell(row, "attempts"),
               cell(row, "reason"), cell(row, "detail")});
  }
  context.show(*rows, table.rows.empty() ? "none\n" : render(table, context.style()));
  return ExitCode::ok;
}

Result<ExitCode> watch(Context& context, const Arguments& arguments) {
  const auto id = number_of(arguments.positional[0]);
  if (!id) return std::unexpected(id.error());
  return follow(context, std::to_string(*id));
}

Result<ExitCode> act(Context& context, const Arguments& arguments, std::string_view action) {
  const auto id = number_of(arguments.positional[0]);
  if (!id) return std::unexpected(id.error());
  auto batch = context.api("POST", fmt::format("{}/{}/{}", kBatches, *id, action));
  if (!batch) return std::unexpected(batch.error());
  context.show(*batch,
               fmt::format("batch {} {} {}\n", *id, cell(*batch, "state"), progress_of(*batch)));
  return ExitCode::ok;
}

}  // namespace

std::vector<Verb> report_verbs() {
  return {
      {"report",
       "get",
       "",
       "Express reports of many counterparties as one job",
       {{"filter", "FILTER", "as in the URL of the list: 'status_code=active&q=roga'"},
        {"ids", "IDS", "instead of --filter: 1,2,3"},
        {"refresh", "", "also where a report is still good"},
        {"dry-run", "", "only say what it would cost"},
        {"watch", "", "wait for its end"}},
       get},
      {"report", "list", "", "Batches, newest first, and what they wait for", {}, list},
      {"report", "watch", "ID", "How far it is, until it has ended; 1 with failures", {}, watch},
      {"report",
       "items",
       "ID",
       "What became of each counterparty, 200 at most",
       {{"state", "STATE", "pending, ready, kept, not_found, failed or gone"}},
       items},
      {"report",
       "pause",
       "ID",
       "Let it rest after the report under way",
       {},
       [](Context& c, const Arguments& a) { return act(c, a, "pause"); }},
      {"report",
       "resume",
       "ID",
       "Let it go on, at once also where it waits",
       {},
       [](Context& c, const Arguments& a) { return act(c, a, "resume"); }},
      {"report",
       "cancel",
       "ID",
       "What was got stays, the rest is not asked for",
       {},
       [](Context& c, const Arguments& a) { return act(c, a, "cancel"); }},
  };
}

}  // namespace c360::daemon::command
