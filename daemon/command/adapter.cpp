// client360 adapter list, probe, calls.
#include <spdlog/fmt/fmt.h>

#include "api/request.h"
#include "daemon/base/text.h"
#include "daemon/command/answers.h"
#include "daemon/command/verbs.h"

namespace c360::daemon::command {

namespace {

Tone tone_of_state(std::string_view state) {
  if (state == "ok") return Tone::good;
  if (state == "off" || state == "unused" || state == "not_configured") return Tone::plain;
  return state == "paused" || state == "failing" ? Tone::warning : Tone::bad;
}

// "497.7 of balance, 12 of suggestions until …": what is left, and of what.
std::string quotas_of(const Json& service) {
  const Json* quotas = service.find("quotas");
  if (quotas == nullptr || !quotas->is_array()) return "-";
  std::vector<std::string> shown_ones;
  for (const Json& quota : quotas->as_array()) {
    const std::string remaining = cell(quota, "remaining");
    std::string text =
        fmt::format("{}: {}", cell(quota, "name"), remaining == "-" ? "no limit" : remaining);
    if (const std::string ends = cell(quota, "ends_at"); ends != "-")
      text += " until " + ends.substr(0, ends.find('T'));
    shown_ones.push_back(std::move(text));
  }
  return shown_ones.empty() ? "-" : join(shown_ones, "; ");
}

Cell works_of(const Json& service) {
  const std::string works = cell(service, "probe_works");
  if (works == "-") return works;
  return works == "true" ? Cell{"yes", Tone::good} : Cell{"no", Tone::bad};
}

// The table, and below it what is wrong with a service and what to do.
Result<ExitCode> list_adapters(Context& context, const Arguments&) {
  const auto items = items_of(context, "/services");
  if (!items) return std::unexpected(items.error());
  Table table{{"SERVICE", "STATE", "CALLS TODAY", "FAILED", "LAST CALL", "PROBED", "WORKS", "LEFT"},
              {}};
  std::string below;
  for (const Json& service : items->as_array()) {
    const std::string state = cell(service, "state");
    table.add({cell(service, "service"), Cell{state, tone_of_state(state)},
               cell(service, "calls_today"), cell(service, "failed_today"),
               cell(service, "last_call_at"), cell(service, "probed_at"), works_of(service),
               quotas_of(service)});
    if (cell(service, "remedy") != "-")
      below += fmt::format("{}: {}\n  {}\n", cell(service, "service"), cell(service, "detail"),
                           cell(service, "remedy"));
  }
  context.show(*items, render(table, context.style()) + below);
  return ExitCode::ok;
}

// Those that are on, or the one that was named.
Result<std::vector<std::string>> probed_names(Context& context, const Arguments& arguments) {
  if (!arguments.positional.empty()) return arguments.positional;
  const auto items = items_of(context, "/services");
  if (!items) return std::unexpected(items.error());
  std::vector<std::string> names;
  for (const Json& service : items->as_array())
    if (const Json* on = service.find("is_on"); on != nullptr && on->is_bool() && on->as_bool())
      names.push_back(cell(service, "service"));
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
    const bool works = cell(*answer, "works") == "true";
    const Json* status = answer->find("status");
    const std::string state = status == nullptr ? "-" : cell(*status, "state");
    table.add({name, Cell{works ? "yes" : "no", works ? Tone::good : Tone::bad},
               Cell{state, tone_of_state(state)}, cell(*answer, "duration_ms"),
               status == nullptr ? "-" : quotas_of(*status), cell(*answer, "told")});
    if (status != nullptr && cell(*status, "remedy") != "-")
      below += fmt::format("{}: {}\n", name, cell(*status, "remedy"));
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
  const auto items = items_of(context, path);
  if (!items) return std::unexpected(items.error());
  Table table{{"STARTED", "SERVICE", "OPERATION", "SUBJECT", "MS", "STATUS", "OUTCOME", "ERROR"},
              {}};
  for (const Json& call : items->as_array()) {
    const std::string outcome = cell(call, "outcome");
    const bool well = outcome == "found" || outcome == "not_found";
    table.add({cell(call, "started_at"), cell(call, "service"), cell(call, "operation"),
               cell(call, "subject"), cell(call, "duration_ms"), cell(call, "http_status"),
               Cell{outcome, well ? Tone::good : Tone::warning}, cell(call, "error")});
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
