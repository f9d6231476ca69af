// client360 adapter list, probe, calls.
#include <spdlog/fmt/fmt.h>

#include "api/request.h"
#include "daemon/base/text.h"
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
  if (state == "off" || state == "unused" || state == "not_configured") return Tone::plain;
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

// "497.7 of balance, 12 of suggestions until …": what is left, and of what.
std::string quotas_of(const Json& service) {
  const Json* quotas = service.find("quotas");
  if (quotas == nullptr || !quotas->is_array()) return "-";
  std::vector<std::string> shown_ones;
  for (const Json& quota : quotas->as_array()) {
    const std::string remaining = shown(quota, "remaining");
    std::string text =
        fmt::format("{}: {}", shown(quota, "name"), remaining == "-" ? "no limit" : remaining);
    if (const std::string ends = shown(quota, "ends_at"); ends != "-")
      text += " until " + ends.substr(0, ends.find('T'));
    shown_ones.push_back(std::move(text));
  }
  return shown_ones.empty() ? "-" : join(shown_ones, "; ");
}

Cell works_of(const Json& service) {
  const std::string works = shown(service, "probe_works");
  if (works == "-") return works;
  return works == "true" ? Cell{"yes", Tone::good} : Cell{"no", Tone::bad};
}

// The table, and below it what is wrong with a service and what to do.
Result<ExitCode> list_adapters(Context& context, const Arguments&) {
  const auto items = list_of(context, "/services");
  if (!items) return std::unexpected(items.error());
  Table table{{"SERVICE", "STATE", "CALLS TODAY", "FAILED", "LAST CALL", "PROBED", "WORKS", "LEFT"},
              {}};
  std::string below;
  for (const Json& service : items->as_array()) {
    const std::string state = shown(service, "state");
    table.add({shown(service, "service"), Cell{state, tone_of_state(state)},
               shown(service, "calls_today"), shown(service, "failed_today"),
               shown(service, "last_call_at"), shown(service, "probed_at"), works_of(service),
               quotas_of(service)});
    if (shown(service, "remedy") != "-")
      below += fmt::format("{}: {}\n  {}\n", shown(service, "service"), shown(service, "detail"),
                           shown(service, "remedy"));
  }
  context.show(*items, render(table, context.style()) + below);
  return ExitCode::ok;
}

// Those that are on, or the one that was named.
Result<std::vector<std::string>> probed_names(Context& context, const Arguments& arguments) {
  if (!arguments.positional.empty()) return arguments.positional;
  const auto items = list_of(context, "/services");
  if (!items) return std::unexpected(items.error());
  std::vector<std::string> names;
  for (const Json& service : items->as_array())
    if (const Json* on = service.find("is_on"); on != nullptr && on->is_bool() && on->as_bool())
      names.push_back(shown(service, "service"));
  return names;
}

// One after the other: each costs a call. Fails when one of them does.
Result<ExitCode> probe_adapters(Context& context, const Arguments& arguments) {
  const auto names = probed_names(context, arguments);
  if (!names) return std::unexpected(names.error());
  Table table{{"SERVICE", "WORKS", "STATE", "MS", "LEFT", "TOLD"}, {}};
  Json::Array answers;
  std::string below;
  bool all_work = true;
  for (const std::string& name : *names) {
    auto answer = context.api("POST", "/services/" + api::percent_encoded(name) + "/probe");
    if (!answer) return std::unexpected(answer.error());
    const bool works = shown(*answer, "works") == "true";
    const Json* status = answer->find("status");
    const std::string state = status == nullptr ? "-" : shown(*status, "state");
    table.add({name, Cell{works ? "yes" : "no", works ? Tone::good : Tone::bad},
               Cell{state, tone_of_state(state)}, shown(*answer, "duration_ms"),
               status == nullptr ? "-" : quotas_of(*status), shown(*answer, "told")});
    if (status != nullptr && shown(*status, "remedy") != "-")
      below += fmt::format("{}: {}\n", name, shown(*status, "remedy"));
    all_work = all_work && works;
    answers.push_back(std::move(*answer));
  }
  context.show(Json(std::move(answers)), table.rows.empty()
                                             ? "no outside service is on\n"
                                             : render(table, context.style()) + below);
  return all_work ? ExitCode::ok : ExitCode::failure;
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
       "probe",
       "[NAME]",
       "Ask each outside service whether it works and what is left",
       {},
       probe_adapters},
      {"adapter",
       "calls",
       "",
       "Calls to outside services, newest first",
       {{"adapter", "NAME", "dadata, kontur, metrika, telegram or sms"},
        {"outcome", "OUTCOME", "found, not_found, retryable, quota, auth or permanent"}},
       list_calls},
  };
}

}  // namespace c360::daemon::command
