#include "daemon/service_probes.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "adapters/dadata.h"
#include "adapters/kontur_focus.h"
#include "adapters/metrika.h"
#include "adapters/stored_gate_states.h"
#include "daemon/base/text.h"
#include "store/service_probes.h"

namespace c360::daemon {

namespace {

using adapters::CallLimits;
using adapters::CallResult;
using adapters::Outcome;
using std::chrono::milliseconds;

// A probe is no reason to wait long for our own rate.
constexpr milliseconds kLongestTurn{1'000};

void hurry(CallLimits& limits, milliseconds longest) {
  limits.whole = std::min(limits.whole, longest);
  limits.longest_wait = std::min(limits.longest_wait, kLongestTurn);
}

}  // namespace

Result<api::ProbeResult> ServiceProbes::probe(const std::string& service) {
  const auto is_on = services_.is_on(service);
  if (!is_on) return fail(ErrorCode::not_found, "there is no outside service " + service);
  if (!*is_on)
    return fail(ErrorCode::conflict,
                service + " is off: no key is set, or it is switched off in the settings", "off");
  if (auto lifted = adapters::lift_refusals(database_, service, clock_.now()); !lifted)
    return std::unexpected(lifted.error());
  return look(service);
}

bool ServiceProbes::is_free(std::string_view service) const {
  return service != "dadata" || !services_.party_options().dadata.secret.empty();
}

Result<api::ProbeResult> ServiceProbes::look(const std::string& service) {
  const auto began = clock_.steady();
  const auto told = ask(service);
  api::ProbeResult result{
      .works = told.has_value(),
      .outcome = std::string(to_string(told ? Outcome::found : told.error().outcome)),
      .reason = told ? "" : told.error().reason,
      .told = told ? *told : told.error().detail,
      .duration = std::chrono::duration_cast<milliseconds>(clock_.steady() - began)};
  auto kept = store::keep_service_probe(database_, {.service = service,
                                                    .works = result.works,
                                                    .outcome = result.outcome,
                                                    .reason = result.reason,
                                                    .told = result.told,
                                                    .duration = result.duration});
  if (!kept) return std::unexpected(kept.error());
  return result;
}

CallResult<std::string> ServiceProbes::ask(const std::string& service) {
  if (service == "dadata") return ask_dadata();
  if (service == "kontur") return ask_kontur();
  if (service == "metrika") return ask_metrika();
  const auto channel = service == "email"      ? services_.email()
                       : service == "telegram" ? services_.telegram()
                                               : services_.sms();
  if (channel == nullptr) return adapters::no_answer(Outcome::permanent, "off", "it is off");
  return channel->probe({});
}

CallResult<std::string> ServiceProbes::ask_dadata() {
  const adapters::ChannelPorts ports = services_.channel_ports();
  adapters::ChannelHttp http(ports);
  adapters::DadataOptions options = services_.party_options().dadata;
  hurry(options.find, longest_);
  adapters::Dadata dadata(options, http.ports());
  if (options.secret.empty()) {
    // Without the secret nobody tells what is left: one suggestion of the day is spent.
    constexpr auto kSomeBank = "044525225";
    const auto bank = dadata.find_bank(kSomeBank);
    if (!bank && bank.error().outcome != Outcome::not_found) return std::unexpected(bank.error());
    return std::string(
        "the key is taken; what is left of the day is told with the secret key only");
  }
  const auto usage = dadata.daily_usage();
  if (!usage) return std::unexpected(usage.error());
  std::string told = usage->suggestions_left
                         ? fmt::format("{} suggestions are left of {}", *usage->suggestions_left,
                                       *usage->suggestions_left + usage->suggestions_used)
                         : fmt::format("{} suggestions used", usage->suggestions_used);
  // Only cleaning is paid from the balance.
  if (!services_.party_options().cleaning) return told;
  const auto balance = dadata.balance();
  if (!balance) return std::unexpected(balance.error());
  return fmt::format("{}; balance {}", told, *balance);
}

CallResult<std::string> ServiceProbes::ask_kontur() {
  const adapters::ChannelPorts ports = services_.channel_ports();
  adapters::ChannelHttp http(ports);
  adapters::KonturOptions options = services_.reports().options().kontur;
  hurry(options.json, longest_);
  const auto rows = adapters::KonturFocus(options, http.ports()).usage();
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> counters;
  for (const adapters::MethodUsage& row : *rows)
    counters.push_back(
        fmt::format("{}: {}", join(row.methods, ", "),
                    row.left() ? std::to_string(*row.left()) + " left" : "no limit"));
  return join(counters, "; ");
}

CallResult<std::string> ServiceProbes::ask_metrika() {
  const adapters::ChannelPorts ports = services_.channel_ports();
  adapters::ChannelHttp http(ports);
  adapters::MetrikaOptions options = services_.sources().options().metrika;
  hurry(options.limits, longest_);
  const auto counters = adapters::Metrika(options, http.ports()).counters();
  if (!counters) return std::unexpected(counters.error());
  return fmt::format("the token sees {} counter{}", *counters, *counters == 1 ? "" : "s");
}

}  // namespace c360::daemon
