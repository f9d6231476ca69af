#include "adapters/focus_reports.h"

#include <cstring>

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
constexpr std::size_t kJsonCalls = 2;
constexpr std::size_t kPdfCalls = 1;

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
      json_(ports_.connect, kJsonCalls),
      pdf_(ports_.connect, kPdfCalls) {}

CallResult<ObtainedRisk> FocusReports::risk(const FocusQuery& query,
                                            std::optional<Instant> not_before) {
  if (auto sound = check(query); !sound) return std::unexpected(std::move(sound.error()));
  CachedQuestion wanted = question(query, kRisk, options_.kontur.json);
  wanted.found_for = options_.risk_for;
  const auto answer = obtain(wanted, not_before, json_, [&] { return buy_risk(query); });
  if (!answer) return std::unexpected(answer.error());
  const auto document = json_answer({.status = answer->exchange.status,
                                     .headers = {{"content-type", answer->exchange.content_type}},
                                     .body = answer->exchange.body},
                                    JsonKind::array);
  if (!document) return std::unexpected(document.error());
  const auto risk = kontur::read_brief(*document, *parse_party_id(query.id), query.known_ogrn);
  if (!risk) return std::unexpected(risk.error());
  return ObtainedRisk{.risk = *risk, .obtained_at = answer->obtained_at};
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

CallResult<std::vector<MethodUsage>> FocusReports::usage() {
  if (!options_.is_on())
    return no_answer(Outcome::permanent, "off", "Kontur.Focus is off in the settings");
  return with_focus(json_, options_.kontur.json.whole, ports_.journal,
                    [](KonturFocus& focus) { return focus.usage(); });
}

void FocusReports::interrupt() {
  json_.interrupt();
  pdf_.interrupt();
}

CallResult<void> FocusReports::check(const FocusQuery& query) const {
  if (!options_.is_on())
    return no_answer(Outcome::permanent, "off",
                     options_.enabled ? "Kontur.Focus is off: no key is set"
                                      : "Kontur.Focus is switched off in the settings");
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

CallResult<RecordedExchange> FocusReports::buy_risk(const FocusQuery& query) {
  HeldExchange journal{std::string(kRisk), ports_.journal};
  const auto risk = with_focus(json_, options_.kontur.json.whole, &journal,
                               [&](KonturFocus& focus) { return focus.brief_report(query); });
  if (!risk) return std::unexpected(risk.error());
  auto exchange = journal.take();
  if (!exchange)
    return no_answer(Outcome::retryable, "not_recorded", "the answer was not recorded");
  return std::move(*exchange);
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
