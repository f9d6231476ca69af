// client360 job list, runs, schedules, run, watch, cancel, retry, pause, resume, cron.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "api/request.h"
#include "daemon/command/answers.h"
#include "daemon/command/verbs.h"

namespace c360::daemon::command {

namespace {

constexpr std::chrono::milliseconds kLook{500};  // how often `watch` asks

Tone tone_of(std::string_view status) {
  if (status == "failed") return Tone::bad;
  if (status == "canceled" || status == "skipped" || status == "partial") return Tone::warning;
  return status == "done" || status == "ok" ? Tone::good : Tone::plain;
}

std::string progress_of(const Json& job) {
  const std::string done = cell(job, "progress_done");
  const std::string total = cell(job, "progress_total");
  const std::string failed = cell(job, "progress_failed");
  const std::string ill = failed == "-" || failed == "0" ? "" : fmt::format(" ({} failed)", failed);
  if (total != "-") return done + "/" + total + ill;
  return done == "0" ? "-" : done;
}

// "&status=failed" for each option that was given.
std::string query_of(const Arguments& arguments, std::initializer_list<std::string_view> names) {
  std::string query;
  for (const std::string_view name : names)
    if (arguments.has(name))
      query += fmt::format("&{}={}", name, api::percent_encoded(arguments.option(name)));
  return query;
}

Result<void> is_id(const std::string& id) {
  constexpr std::size_t kDigits = 18;
  if (!id.empty() && id.size() <= kDigits &&
      std::ranges::all_of(id, [](char c) { return c >= '0' && c <= '9'; }))
    return {};
  return fail(ErrorCode::invalid_request, id + ": the id is a number; see `client360 job list`",
              "usage");
}

Result<ExitCode> list(Context& context, const Arguments& arguments) {
  auto items = items_of(context, "/jobs?limit=200" + query_of(arguments, {"status", "kind"}));
  if (!items) return std::unexpected(items.error());
  Table table{{"ID", "JOB", "STATUS", "TRIES", "PROGRESS", "RUN AT", "ERROR"}, {}};
  for (const Json& job : items->as_array()) {
    const std::string schedule = cell(job, "schedule");
    const bool rests = cell(job, "status") == "queued" && cell(job, "paused") == "true";
    const std::string status = rests ? "paused" : cell(job, "status");
    table.add({cell(job, "id"), schedule == "-" ? cell(job, "kind") : schedule,
               Cell{status, tone_of(status)}, cell(job, "attempts"), progress_of(job),
               cell(job, "run_at"), cell(job, "error")});
  }
  context.show(*items, table.rows.empty() ? "no jobs\n" : render(table, context.style()));
  return ExitCode::ok;
}

Result<ExitCode> runs(Context& context, const Arguments& arguments) {
  auto items = items_of(context, "/job-runs?limit=200" + query_of(arguments, {"job", "result"}));
  if (!items) return std::unexpected(items.error());
  Table table{{"STARTED", "JOB", "RESULT", "TRY", "DONE", "FAILED", "ERROR"}, {}};
  for (const Json& run : items->as_array()) {
    const std::string result = cell(run, "result");
    table.add({cell(run, "started_at"), cell(run, "job"),
               Cell{result == "-" ? "under way" : result, tone_of(result)}, cell(run, "attempt"),
               cell(run, "processed"), cell(run, "failed"), cell(run, "error")});
  }
  context.show(*items, table.rows.empty() ? "no runs\n" : render(table, context.style()));
  return ExitCode::ok;
}

Result<ExitCode> schedules(Context& context, const Arguments&) {
  auto items = items_of(context, "/job-schedules");
  if (!items) return std::unexpected(items.error());
  Table table{{"NAME", "CRON", "NEXT", "LAST", "RESULT"}, {}};
  for (const Json& schedule : items->as_array()) {
    const Json* paused = schedule.find("paused");
    const bool rests = paused != nullptr && paused->is_bool() && paused->as_bool();
    const std::string result = cell(schedule, "last_result");
    table.add({cell(schedule, "name"), cell(schedule, "cron"),
               rests ? Cell{"paused", Tone::warning} : Cell{cell(schedule, "next_run_at")},
               cell(schedule, "last_started_at"), Cell{result, tone_of(result)}});
  }
  context.show(*items, render(table, context.style()));
  return ExitCode::ok;
}

// Until it has ended; failed and canceled ones end with 1.
Result<ExitCode> follow(Context& context, const std::string& id) {
  std::string shown;
  for (;;) {
    auto job = context.api("GET", "/jobs/" + id);
    if (!job) return std::unexpected(job.error());
    const std::string status = cell(*job, "status");
    const std::string line = fmt::format("job {} {} {}\n", id, status, progress_of(*job));
    if (!context.json() && line != shown) print(line);
    shown = line;
    if (status == "queued" || status == "running") {
      std::this_thread::sleep_for(kLook);
      continue;
    }
    const std::string error = cell(*job, "error");
    context.show(*job, error == "-" ? "" : error + "\n");
    return status == "done" ? ExitCode::ok : ExitCode::failure;
  }
}

Result<ExitCode> watch(Context& context, const Arguments& arguments) {
  const std::string& id = arguments.positional[0];
  if (auto valid = is_id(id); !valid) return std::unexpected(valid.error());
  return follow(context, id);
}

Result<ExitCode> run_now(Context& context, const Arguments& arguments) {
  auto made = context.api(
      "POST", fmt::format("/job-schedules/{}/run", api::percent_encoded(arguments.positional[0])));
  if (!made) return std::unexpected(made.error());
  const std::string id = cell(*made, "job_id");
  if (arguments.has("watch")) return follow(context, id);
  context.show(*made, fmt::format("job {}; client360 job watch {}\n", id, id));
  return ExitCode::ok;
}

Result<ExitCode> act(Context& context, const Arguments& arguments, std::string_view action) {
  const std::string& id = arguments.positional[0];
  if (auto valid = is_id(id); !valid) return std::unexpected(valid.error());
  auto job = context.api("POST", fmt::format("/jobs/{}/{}", id, action));
  if (!job) return std::unexpected(job.error());
  context.show(*job, fmt::format("job {} {}\n", id, cell(*job, "status")));
  return ExitCode::ok;
}

Result<ExitCode> retry(Context& context, const Arguments& arguments) {
  const bool all = arguments.has("all");
  if (all == !arguments.positional.empty() || (arguments.has("kind") && !all))
    return fail(ErrorCode::invalid_request,
                "give one ID, or --all with --kind to narrow it: client360 job retry --all",
                "usage");
  if (!all) return act(context, arguments, "retry");
  const std::string query =
      arguments.has("kind") ? "?kind=" + api::percent_encoded(arguments.option("kind")) : "";
  auto done = context.api("POST", "/jobs/retry-failed" + query);
  if (!done) return std::unexpected(done.error());
  context.show(*done, fmt::format("{} failed jobs run again\n", cell(*done, "retried")));
  return ExitCode::ok;
}

Result<ExitCode> change(Context& context, const std::string& name, const Json& wish) {
  auto schedule = context.api("PATCH", "/job-schedules/" + api::percent_encoded(name), wish.dump());
  if (!schedule) return std::unexpected(schedule.error());
  context.show(*schedule, render(*schedule));
  return ExitCode::ok;
}

// A number is a job, anything else a schedule.
Result<ExitCode> set_paused(Context& context, const Arguments& arguments, bool paused) {
  if (is_id(arguments.positional[0])) return act(context, arguments, paused ? "pause" : "resume");
  Json wish{Json::Object{}};
  wish.set("paused", paused);
  return change(context, arguments.positional[0], wish);
}

Result<ExitCode> set_cron(Context& context, const Arguments& arguments) {
  Json wish{Json::Object{}};
  wish.set("cron", arguments.positional[1]);
  return change(context, arguments.positional[0], wish);
}

}  // namespace

std::vector<Verb> job_verbs() {
  return {
      {"job",
       "list",
       "",
       "Jobs, newest first; --status=failed are the dead letters",
       {{"status", "STATUS", "queued, running, done, failed or canceled"},
        {"kind", "KIND", "only of this kind"}},
       list},
      {"job",
       "runs",
       "",
       "Attempts at jobs, newest first",
       {{"job", "NAME", "only of this schedule or kind"},
        {"result", "RESULT", "ok, failed, skipped or partial"}},
       runs},
      {"job", "schedules", "", "What runs by the clock, and when next", {}, schedules},
      {"job",
       "run",
       "NAME",
       "Run a schedule now, besides its times",
       {{"watch", "", "wait for its end"}},
       run_now},
      {"job", "watch", "ID", "How far it is, until it has ended; 1 when it failed", {}, watch},
      {"job",
       "cancel",
       "ID",
       "Cancel a queued job, ask a running one to stop",
       {},
       [](Context& c, const Arguments& a) { return act(c, a, "cancel"); }},
      {"job",
       "retry",
       "[ID]",
       "A failed or canceled job once more",
       {{"all", "", "instead of ID: every failed one"},
        {"kind", "KIND", "with --all: only of this kind"}},
       retry},
      {"job",
       "pause",
       "NAME|ID",
       "Let a schedule or a job rest",
       {},
       [](Context& c, const Arguments& a) { return set_paused(c, a, true); }},
      {"job",
       "resume",
       "NAME|ID",
       "Let it go on; what a schedule missed is not made up for",
       {},
       [](Context& c, const Arguments& a) { return set_paused(c, a, false); }},
      {"job",
       "cron",
       "NAME EXPRESSION",
       "When a schedule runs, such as '30 2 * * mon-fri'",
       {},
       set_cron},
  };
}

}  // namespace c360::daemon::command
