// client360 adapter list, calls.
#include <spdlog/fmt/fmt.h>

#include "api/request.h"
#include "daemon/command/verbs.h"

namespace c360::daemon::command {

namespace {

std::string shown(const Json& row, std::string_view key) {
  const Json* value = row.find(key);
  if (value == nullptr || value->is_null()) return "-";
  if (value->is_number()) return value->number_text();
  return value->is_string() ? value->as_string() : value->dump();
}

Tone tone_of_state(std::string_view state) {
  if (state == "ok") return Tone::good;
  if (state == "off" || state == "unused") return Tone::plain;
  return state == "paused" || state == "failing" ? Tone::warning : Tone::bad;
}

Result<Json> list_of(Context& context, const std::string& path) {
  auto page = context.api("GET", path);
  if (!page) return std::unexpected(page.error());
  const Json* items = page->find("items");
  if (items == nullptr || !items->is_array())
    return fail(ErrorCode::upstream_rejected, "the answer has no items");
  return *items;
}

// The table, and below it what is wrong with a service and what to do.
Result<ExitCode> list_adapters(Context& context, const Arguments&) {
  const auto items = list_of(context, "/services");
  if (!items) return std::unexpected(items.error());
  Table table{{"SERVICE", "STATE", "CALLS TODAY", "FAILED", "LAST CALL"}, {}};
  std::string below;
  for (const Json& service : items->as_array()) {
    const std::string state = shown(service, "state");
    table.add({shown(service, "service"), Cell{state, tone_of_state(state)},
               shown(service, "calls_today"), shown(service, "failed_today"),
               shown(service, "last_call_at")});
    if (shown(service, "remedy") != "-")
      below += fmt::format("{}: {}\n  {}\n", shown(service, "service"), shown(service, "detail"),
                           shown(service, "remedy"));
  }
  context.show(*items, render(table, context.style()) + below);
  return ExitCode::ok;
}

Result<ExitCode> list_calls(Context& context, const Arguments& arguments) {
  std::string path = "/service-calls";
  for (const auto& [option, filter] :
       {std::pair{"adapter", "service"}, std::pair{"outcome", "outcome"}})
    if (arguments.has(option))
      path += fmt::format("{}{}={}", path.contains('?') ? '&' : '?', filter,
                          api::percent_encoded(arguments.option(option)));
  const auto items = list_of(context, path);
  if (!items) return std::unexpected(items.error());
  Table table{{"STARTED", "SERVICE", "OPERATION", "SUBJECT", "MS", "STATUS", "OUTCOME", "ERROR"},
              {}};
  for (const Json& call : items->as_array()) {
    const std::string outcome = shown(call, "outcome");
    const bool well = outcome == "found" || outcome == "not_found";
    table.add({shown(call, "started_at"), shown(call, "service"), shown(call, "operation"),
               shown(call, "subject"), shown(call, "duration_ms"), shown(call, "http_status"),
               Cell{outcome, well ? Tone::good : Tone::warning}, shown(call, "error")});
  }
  context.show(*items, table.rows.empty() ? "no calls\n" : render(table, context.style()));
  return ExitCode::ok;
}

}  // namespace

std::vector<Verb> adapter_verbs() {
  return {
      {"adapter", "list", "", "How the outside services do, and what to do", {}, list_adapters},
      {"adapter",
       "calls",
       "",
       "Calls to outside services, newest first",
       {{"adapter", "NAME", "dadata, kontur or metrika"},
        {"outcome", "OUTCOME", "found, not_found, retryable, quota, auth or permanent"}},
       list_calls},
  };
}

}  // namespace c360::daemon::command
