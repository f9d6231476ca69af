#include "adapters/kontur_focus.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "adapters/answer_fields.h"
#include "daemon/base/identifiers.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::sys_days;

constexpr hours kMoscow{3};
constexpr hours kUsualWait{24};
constexpr std::size_t kMaxCounters = 10;  // kept of a contract
constexpr std::size_t kMaxCounterName = 100;
constexpr std::string_view kPdf = "briefReport.pdf";
constexpr std::string_view kBadKey = "No valid key specified";

GatePolicy policy_of(const CallLimits& limits) {
  GatePolicy policy = limits.policy();
  policy.first_throttle = milliseconds{5'000};
  policy.longest_throttle = milliseconds{300'000};
  return policy;
}

// Bodies of refusals are text/plain; pages of the front server say nothing.
std::string said(const HttpAnswer& answer) {
  const std::string_view type = answer.header("content-type").value_or("");
  if (!type.starts_with("text/plain")) return {};
  return clean_text(utf8_prefix(answer.body, NoAnswer::kMaxDetail));
}

std::pair<std::string, std::string> id_parameter(const PartyId& id) {
  return {id.kind == PartyId::Kind::inn ? "inn" : "ogrn", id.digits};
}

// A counter of what the program asks for; a contract has others too.
bool is_ours(const MethodUsage& usage) {
  const std::string name = usage.name();
  return kontur::counts(name, kontur::kReportMethods) ||
         kontur::counts(name, kontur::kRequisitesMethods) ||
         kontur::counts(name, kontur::kWatchMethods);
}

Instant end_of(const MethodUsage& usage, Instant now) {
  if (usage.ends_on) {
    const Instant end = sys_days{*usage.ends_on} + days{1} - kMoscow;
    if (end > now) return end;
  }
  return now + kUsualWait;
}

}  // namespace

KonturFocus::KonturFocus(KonturOptions options, ServicePorts ports)
    : options_(std::move(options)),
      caller_(Redactor({options_.token}), fingerprint(options_.token.reveal()), ports),
      json_gate_({"kontur", "key", "json"},
                 fingerprint(fmt::format("{} {}", options_.token.reveal(), options_.base_url)),
                 policy_of(options_.json), ports.states),
      pdf_gate_({"kontur", "key", "pdf"},
                fingerprint(fmt::format("{} {}", options_.token.reveal(), options_.base_url)),
                policy_of(options_.pdf), ports.states),
      // Of its own: it is asked while a call of the others is under way.
      stat_gate_({"kontur", "usage", "stat"},
                 fingerprint(fmt::format("{} {}", options_.token.reveal(), options_.base_url)),
                 policy_of(options_.json), ports.states) {}

CallResult<FocusCompany> KonturFocus::requisites(const FocusQuery& query) {
  const auto id = parse_party_id(query.id);
  if (!id) return std::unexpected(id.error());
  ServiceCall request = call("req", {id_parameter(*id)}, options_.json);
  request.subject = query.subject;
  request.attempt = query.attempt;
  return ask_json(json_gate_, request, [&](const Json& answer) {
    return kontur::read_company(answer, *id, query.known_ogrn);
  });
}

CallResult<RegisterDetails> KonturFocus::register_details(const FocusQuery& query) {
  const auto id = parse_party_id(query.id);
  if (!id) return std::unexpected(id.error());
  ServiceCall request = call("egrDetails", {id_parameter(*id)}, options_.json);
  request.subject = query.subject;
  request.attempt = query.attempt;
  return ask_json(json_gate_, request,
                  [&](const Json& answer) { return kontur::read_details(answer, *id); });
}

CallResult<Risk> KonturFocus::brief_report(const FocusQuery& query) {
  const auto id = parse_party_id(query.id);
  if (!id) return std::unexpected(id.error());
  ServiceCall request = call("briefReport", {id_parameter(*id)}, options_.json);
  request.subject = query.subject;
  request.attempt = query.attempt;
  return ask_json(json_gate_, request, [&](const Json& answer) {
    return kontur::read_brief(answer, *id, query.known_ogrn);
  });
}

CallResult<ReportPdf> KonturFocus::brief_report_pdf(const FocusQuery& query) {
  const auto id = parse_party_id(query.id);
  if (!id) return std::unexpected(id.error());
  ServiceCall request = call("briefReport", {id_parameter(*id), {"pdf", "true"}}, options_.pdf);
  request.operation = kPdf;
  request.subject = query.subject;
  request.attempt = query.attempt;
  return ask(pdf_gate_, request, kontur::read_pdf);
}

CallResult<std::vector<WatchedParty>> KonturFocus::watch(const std::vector<std::string>& inns) {
  return tell_list(inns, {{"append", "true"}});
}

CallResult<std::vector<WatchedParty>> KonturFocus::watch_only(
    const std::vector<std::string>& inns) {
  return tell_list(inns, {});
}

CallResult<std::vector<WatchedParty>> KonturFocus::tell_list(const std::vector<std::string>& inns,
                                                             const Query& query) {
  if (inns.empty() || inns.size() > kMaxWatched)
    return no_answer(Outcome::permanent, "bad_query",
                     fmt::format("one to {} INNs are watched at a time", kMaxWatched));
  for (const std::string& inn : inns)
    if (const auto fault = check_inn(inn))
      return no_answer(Outcome::permanent, "bad_id", std::string(fault->detail));
  ServiceCall request = call("monList", query, options_.json);
  request.request.method = "POST";
  request.request.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  request.request.body = join(inns, ",");
  return ask_json(json_gate_, request, [](const Json& answer) {
    return CallResult<std::vector<WatchedParty>>{kontur::read_watched(answer)};
  });
}

CallResult<std::vector<WatchedParty>> KonturFocus::watched() {
  return ask_json(json_gate_, call("monList", {}, options_.json), [](const Json& answer) {
    return CallResult<std::vector<WatchedParty>>{kontur::read_watched(answer)};
  });
}

CallResult<std::vector<WatchedParty>> KonturFocus::changed_on(std::chrono::year_month_day day) {
  const std::string date =
      fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                  static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return ask_json(json_gate_, call("req/mon", {{"date", date}}, options_.json),
                  [](const Json& answer) {
                    return CallResult<std::vector<WatchedParty>>{kontur::read_watched(answer)};
                  });
}

CallResult<std::vector<MethodUsage>> KonturFocus::usage() {
  auto rows = ask_json(stat_gate_, call("stat", {}, options_.json), kontur::read_usage);
  if (!rows) return rows;
  std::size_t counters = 0;
  for (const MethodUsage& row : *rows) {
    if (!is_ours(row) || ++counters > kMaxCounters) continue;
    const auto left = row.left();
    QuotaLeft told{.service = "kontur",
                   .name = std::string(utf8_prefix(row.name(), kMaxCounterName))};
    if (left) told.left = std::to_string(*left);
    if (row.limit) told.limit = std::to_string(*row.limit);
    if (row.ends_on) told.ends_at = sys_days{*row.ends_on} + days{1} - kMoscow;
    caller_.told(told);
  }
  return rows;
}

ServiceCall KonturFocus::call(const std::string& operation, const Query& query,
                              const CallLimits& limits) const {
  ServiceCall call{.operation = operation};
  call.request.url = fmt::format("{}/api3/{}?key={}", options_.base_url, operation,
                                 percent_encoded(options_.token.reveal()));
  for (const auto& [name, value] : query)
    call.request.url += fmt::format("&{}={}", name, percent_encoded(value));
  call.request.ca_file = options_.ca_file;
  limits.apply_to(call.request);
  return call;
}

template <typename Read>
std::invoke_result_t<Read, const HttpAnswer&> KonturFocus::ask(const ServiceGate& gate,
                                                               const ServiceCall& call,
                                                               const Read& read) {
  using Answer = std::invoke_result_t<Read, const HttpAnswer&>;
  if (options_.token.empty())
    return no_answer(Outcome::permanent, "off", "Kontur.Focus is off: no key is set");
  return caller_.run(gate, call, [&](const HttpAnswer& answer) -> Answer {
    if (auto none = refusal_of(answer, said(answer), caller_.now()))
      return std::unexpected(refused(call.operation, answer, std::move(*none)));
    return read(answer);
  });
}

template <typename Read>
std::invoke_result_t<Read, const Json&> KonturFocus::ask_json(const ServiceGate& gate,
                                                              const ServiceCall& call,
                                                              const Read& read) {
  using Answer = std::invoke_result_t<Read, const Json&>;
  return ask(gate, call, [&](const HttpAnswer& answer) -> Answer {
    const auto document = json_answer(answer, JsonKind::array);
    if (!document) return std::unexpected(document.error());
    return read(*document);
  });
}

NoAnswer KonturFocus::refused(const std::string& operation, const HttpAnswer& answer,
                              NoAnswer none) {
  if (answer.status == 400) none.reason = "bad_id";
  if (answer.status == 404 && operation.starts_with("briefReport"))
    none.outcome = Outcome::not_found;
  if (answer.status == 403 && said(answer) != kBadKey) explain_forbidden(operation, none);
  return none;
}

void KonturFocus::explain_forbidden(const std::string& operation, NoAnswer& none) {
  none.scope = RefusalScope::operation;
  if (operation == "stat") return;
  const std::string_view method = operation == kPdf ? "briefReport" : std::string_view(operation);
  const auto spend = [&](Instant until) {
    none.outcome = Outcome::quota;
    none.reason = "contract_limit";
    none.retry_at = until;
  };
  const auto rows = usage();
  if (!rows) {
    // The text is all there is to go by.
    if (to_lower(none.detail).contains("limit")) spend(caller_.now() + kUsualWait);
    return;
  }
  const auto row =
      std::ranges::find_if(*rows, [&](const MethodUsage& one) { return one.covers(method); });
  if (row == rows->end()) {
    none.detail += fmt::format("; the contract has no method {}", method);
  } else if (row->left() == 0) {
    spend(end_of(*row, caller_.now()));
  }
}

}  // namespace c360::adapters
