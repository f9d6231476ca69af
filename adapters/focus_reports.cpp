#include "adapters/focus_reports.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "adapters/held_exchange.h"
#include "adapters/party_id.h"
#include "daemon/base/json_lookup.h"
#include "store/blob.h"

namespace c360::adapters {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kService = "kontur";
constexpr std::string_view kRisk = "briefReport";
constexpr std::string_view kReport = "briefReport.pdf";
constexpr std::string_view kRequisites = "req";
constexpr std::string_view kDetails = "egrDetails";

// What the cache holds of a PDF: where it is.
RecordedExchange kept_pdf(const store::BlobContent& blob) {
  JsonWriter json;
  json.begin_object().member("sha256", to_hex(blob.sha256));
  json.member("size", static_cast<std::int64_t>(blob.bytes.size())).end_object();
  return {.method = "GET",
          .url = {},
          .request_body = {},
          .status = 200,
          .content_type = "application/json",
          .body = json.take()};
}

CallResult<ObtainedReport> read_kept_pdf(const CachedAnswer& answer) {
  ObtainedReport report{.obtained_at = answer.obtained_at};
  const auto json = Json::parse(answer.exchange.body);
  const auto digest = json ? from_hex(text_of(*json, "sha256")) : std::nullopt;
  const Json* size = json ? member(*json, "size") : nullptr;
  if (!digest || digest->size() != report.sha256.size() || size == nullptr || !size->is_number())
    return no_answer(Outcome::retryable, "not_recorded",
                     "what is kept of the report is unreadable");
  std::memcpy(report.sha256.data(), digest->data(), digest->size());
  report.size_bytes = size->as_int64().value_or(0);
  return report;
}

}  // namespace

FocusReports::FocusReports(FocusReportsOptions options, std::string holder, FocusReportsPorts ports)
    : options_(std::move(options)),
      ports_(std::move(ports)),
      cache_(ports_.database, std::move(holder)),
      json_(ports_.connect, options_.connections),
      pdf_(ports_.connect, options_.pdf_connections) {}

template <typename Call>
auto FocusReports::with_focus(CallSessions& sessions, milliseconds wait, CallJournal* journal,
                              const Call& call) -> decltype(call(std::declval<KonturFocus&>())) {
  const auto session = sessions.borrow(wait);
  if (!session)
    return no_answer(Outcome::retryable, "busy", "no connection to Kontur.Focus was free in time");
  KonturFocus focus(options_.kontur,
                    {.http = *session,
                     .states = ports_.states,
                     .clock = ports_.clock,
                     .pause = [&](milliseconds turn) { return sessions.pause(turn); },
                     .journal = journal});
  return call(focus);
}

template <typename Call>
CallResult<RecordedExchange> FocusReports::buy_json(std::string_view method, const Call& call) {
  HeldExchange journal{std::string(method), ports_.journal};
  const auto answer = with_focus(json_, options_.kontur.json.whole, &journal, call);
  if (!answer) return std::unexpected(answer.error());
  auto exchange = journal.take();
  if (!exchange)
    return no_answer(Outcome::retryable, "not_recorded", "the answer was not recorded");
  if (!options_.keeps_whole) exchange->body = kontur::needed_of(exchange->body);
  return std::move(*exchange);
}

template <typename Call>
CallResult<FocusReports::KeptJson> FocusReports::obtain_json(const FocusQuery& query,
                                                             std::string_view method,
                                                             std::optional<Instant> not_before,
                                                             const Call& call) {
  CachedQuestion wanted = question(query, method, options_.kontur.json);
  wanted.found_for = options_.risk_for;
  const auto answer = obtain(wanted, not_before, json_, [&] { return buy_json(method, call); });
  if (!answer) return std::unexpected(answer.error());
  auto document = json_answer({.status = answer->exchange.status,
                               .headers = {{"content-type", answer->exchange.content_type}},
                               .body = answer->exchange.body},
                              JsonKind::array);
  if (!document) return std::unexpected(document.error());
  return KeptJson{.document = std::move(*document), .obtained_at = answer->obtained_at};
}

CallResult<ObtainedRisk> FocusReports::risk(const FocusQuery& query,
                                            std::optional<Instant> not_before) {
  if (auto sound = check(query); !sound) return std::unexpected(std::move(sound.error()));
  const auto answer = obtain_json(query, kRisk, not_before,
                                  [&](KonturFocus& focus) { return focus.brief_report(query); });
  if (!answer) return std::unexpected(answer.error());
  const auto risk =
      kontur::read_brief(answer->document, *parse_party_id(query.id), query.known_ogrn);
  if (!risk) return std::unexpected(risk.error());
  return ObtainedRisk{.risk = *risk, .obtained_at = answer->obtained_at};
}

CallResult<ObtainedRequisites> FocusReports::requisites(const FocusQuery& query) {
  if (auto sound = check(query); !sound) return std::unexpected(std::move(sound.error()));
  const PartyId id = *parse_party_id(query.id);
  const auto answer = obtain_json(query, kRequisites, std::nullopt,
                                  [&](KonturFocus& focus) { return focus.requisites(query); });
  if (!answer) return std::unexpected(answer.error());
  auto company = kontur::read_company(answer->document, id, query.known_ogrn);
  if (!company) return std::unexpected(company.error());
  ObtainedRequisites obtained{.requisites = std::move(company->requisites),
                              .obtained_at = answer->obtained_at};
  add_details(query, id, obtained.requisites);
  return obtained;
}

void FocusReports::add_details(const FocusQuery& query, const PartyId& id, Requisites& into) {
  const auto answer = obtain_json(query, kDetails, std::nullopt, [&](KonturFocus& focus) {
    return focus.register_details(query);
  });
  auto details = answer ? kontur::read_details(answer->document, id)
                        : CallResult<RegisterDetails>(std::unexpected(answer.error()));
  if (!details) {
    into.warnings.push_back("okved, ogrn_on: " + details.error().detail);
    return;
  }
  into.okved = std::move(details->okved);
  into.ogrn_on = details->ogrn_on;
  std::ranges::move(details->warnings, std::back_inserter(into.warnings));
}

CallResult<ObtainedReport> FocusReports::report(const FocusQuery& query,
                                                std::optional<Instant> not_before) {
  if (auto sound = check(query); !sound) return std::unexpected(std::move(sound.error()));
  CachedQuestion wanted = question(query, kReport, options_.kontur.pdf);
  wanted.found_for = options_.report_for;
  const auto answer = obtain(wanted, not_before, pdf_, [&] { return buy_report(query); });
  if (!answer) return std::unexpected(answer.error());
  return read_kept_pdf(*answer);
}

template <typename Call>
auto FocusReports::ask(const Call& call) -> decltype(call(std::declval<KonturFocus&>())) {
  if (auto on = check_on(); !on) return std::unexpected(std::move(on.error()));
  return with_focus(json_, options_.kontur.json.whole, ports_.journal, call);
}

CallResult<std::vector<MethodUsage>> FocusReports::usage() {
  return ask([](KonturFocus& focus) { return focus.usage(); });
}

CallResult<std::vector<WatchedParty>> FocusReports::watch(const std::vector<std::string>& inns) {
  return ask([&](KonturFocus& focus) { return focus.watch(inns); });
}

CallResult<std::vector<WatchedParty>> FocusReports::watch_only(
    const std::vector<std::string>& inns) {
  return ask([&](KonturFocus& focus) { return focus.watch_only(inns); });
}

CallResult<std::vector<WatchedParty>> FocusReports::changed_on(std::chrono::year_month_day day) {
  return ask([&](KonturFocus& focus) { return focus.changed_on(day); });
}

void FocusReports::interrupt() {
  json_.interrupt();
  pdf_.interrupt();
}

CallResult<void> FocusReports::check_on() const {
  if (options_.is_on()) return {};
  return no_answer(Outcome::permanent, "off",
                   options_.enabled ? "Kontur.Focus is off: no key is set"
                                    : "Kontur.Focus is switched off in the settings");
}

CallResult<void> FocusReports::check(const FocusQuery& query) const {
  if (auto on = check_on(); !on) return on;
  if (const auto id = parse_party_id(query.id); !id) return std::unexpected(id.error());
  return {};
}

CachedQuestion FocusReports::question(const FocusQuery& query, std::string_view method,
                                      const CallLimits& limits) const {
  // What is asked is the INN alone; which of its registrations counts is chosen when the answer is
  // read, so that an OGRN that becomes known between two attempts buys nothing again.
  return {
      .key = {.service = std::string(kService), .method = std::string(method), .subject = query.id},
      .not_found_for = options_.not_found_for,
      // A session is waited for, a turn, the call, and with a refusal the question for usage.
      .lease = 3 * limits.whole + 2 * limits.longest_wait};
}

CallResult<CachedAnswer> FocusReports::obtain(CachedQuestion question,
                                              std::optional<Instant> not_before,
                                              CallSessions& sessions, const Buy& buy) {
  const auto pause = [&](milliseconds wait) { return sessions.pause(wait); };
  auto answer = cache_.obtain(question, buy, pause);
  const bool is_old = not_before && answer && !answer->bought && answer->obtained_at < *not_before;
  // Of a refusal nobody knows whether it is kept from before.
  const bool is_unknown = not_before && !answer && answer.error().outcome == Outcome::not_found &&
                          answer.error().http_status == 0;
  if (is_old || is_unknown) {
    question.fresh = true;
    answer = cache_.obtain(question, buy, pause);
  }
  // An answer that was bought and could not be kept.
  if (answer && answer->obtained_at == Instant{}) answer->obtained_at = ports_.clock.now();
  return answer;
}

CallResult<RecordedExchange> FocusReports::buy_report(const FocusQuery& query) {
  const auto pdf = with_focus(pdf_, options_.kontur.pdf.whole, ports_.journal,
                              [&](KonturFocus& focus) { return focus.brief_report_pdf(query); });
  if (!pdf) return std::unexpected(pdf.error());
  const store::BlobContent blob = store::make_blob(pdf->content);
  const auto stored = store::in_transaction(
      ports_.database, store::Pool::work,
      [&](store::Transaction& tx) { return store::put_blobs(tx, std::span(&blob, 1)); });
  if (!stored)
    return no_answer(Outcome::retryable, "state_unavailable",
                     "the report cannot be kept: " + stored.error().detail);
  return kept_pdf(blob);
}

}  // namespace c360::adapters
