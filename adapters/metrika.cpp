#include "adapters/metrika.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "adapters/answer_fields.h"
#include "daemon/base/foreign_json.h"

namespace c360::adapters {

namespace {

using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::year_month_day;

constexpr int kEnhanceYourCalm = 420;  // the English documentation has it for 429
constexpr seconds kParallelWait{5};
constexpr minutes kReportWait{5};

std::string text_of(year_month_day day) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

// The same day so many years before; 29 February is the 28th where there is none.
year_month_day years_before(year_month_day day, int years) {
  const year_month_day before = day - std::chrono::years{years};
  return before.ok() ? before : before.year() / before.month() / std::chrono::last;
}

bool is_client_id(const std::string& text) {
  constexpr std::size_t kLongest = 20;
  return !text.empty() && text.size() <= kLongest &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

GatePolicy policy_of(const MetrikaOptions& options) {
  GatePolicy policy = options.limits.policy();
  policy.rates.push_back(options.long_rate);
  policy.longest_throttle = milliseconds{30'000};
  return policy;
}

CallResult<TrafficSource> read_source(const Json& answer) {
  std::vector<std::string> warnings;
  const Json* rows = answer.find("data");
  if (rows == nullptr || !rows->is_array())
    return no_answer(Outcome::retryable, "malformed", "the answer has no array `data`", 200);
  if (rows->as_array().empty())
    return no_answer(Outcome::not_found, "", "Metrika saw no such visitor", 200);
  // Sorted by time: the first row is the first visit.
  std::vector<std::optional<std::string>> ids;
  AnswerFields{rows->as_array().front(), warnings}.each(
      "dimensions", [&](const AnswerFields& one) { ids.push_back(one.text("id")); });
  if (ids.empty() || !ids[0])
    return no_answer(Outcome::retryable, "malformed", "the visit has no traffic source", 200);
  TrafficSource found{.source = *ids[0]};
  if (found.source == "organic" && ids.size() > 1) found.engine = ids[1];
  return found;
}

}  // namespace

std::string TrafficSource::request_source(
    const std::function<bool(std::string_view)>& is_known) const {
  std::string code = source == "organic" ? engine.value_or("") : source;
  if (code == "yandex_mobile") code = "yandex_search";
  return !code.empty() && is_known(code) ? code : "other";
}

Metrika::Metrika(MetrikaOptions options, ServicePorts ports)
    : options_(std::move(options)),
      caller_(Redactor({options_.token}), fingerprint(options_.token.reveal()), ports),
      gate_({"metrika", "token", "data"},
            fingerprint(
                fmt::format("{} {} {}", options_.token.reveal(), options_.url, options_.counter)),
            policy_of(options_), ports.states) {}

CallResult<TrafficSource> Metrika::first_source(const std::string& client_id,
                                                year_month_day received, const std::string& subject,
                                                int attempt) {
  if (options_.token.empty())
    return no_answer(Outcome::permanent, "off", "Metrika is off: no token is set");
  if (!is_client_id(client_id))
    return no_answer(Outcome::permanent, "bad_id", "a client id of Metrika has 1 to 20 digits");
  ServiceCall call{.operation = "stat/data", .subject = subject, .request = {}};
  call.attempt = attempt;
  call.request.url = url_for(client_id, received);
  call.request.headers = {{"Accept", "application/json"},
                          {"Authorization", fmt::format("OAuth {}", options_.token.reveal())}};
  call.request.ca_file = options_.ca_file;
  options_.limits.apply_to(call.request);
  return caller_.run(gate_, call, [&](const HttpAnswer& answer) -> CallResult<TrafficSource> {
    if (auto none = refused(answer)) return std::unexpected(std::move(*none));
    const auto document = json_answer(answer, JsonKind::object);
    if (!document) return std::unexpected(document.error());
    return read_source(*document);
  });
}

CallResult<std::int64_t> Metrika::counters() {
  if (options_.token.empty())
    return no_answer(Outcome::permanent, "off", "Metrika is off: no token is set");
  ServiceCall call{.operation = "management/counters"};
  const std::size_t path = options_.url.find('/', options_.url.find("://") + 3);
  call.request.url = options_.url.substr(0, path) + "/management/v1/counters?per_page=1";
  call.request.headers = {{"Accept", "application/json"},
                          {"Authorization", fmt::format("OAuth {}", options_.token.reveal())}};
  call.request.ca_file = options_.ca_file;
  options_.limits.apply_to(call.request);
  return caller_.run(gate_, call, [&](const HttpAnswer& answer) -> CallResult<std::int64_t> {
    if (auto none = refused(answer)) return std::unexpected(std::move(*none));
    const auto document = json_answer(answer, JsonKind::object);
    if (!document) return std::unexpected(document.error());
    std::vector<std::string> warnings;
    const auto rows = AnswerFields{*document, warnings}.integer("rows");
    if (!rows) return malformed(answer, "the answer has no number `rows`");
    return *rows;
  });
}

std::string Metrika::url_for(const std::string& client_id, year_month_day received) const {
  std::string url = options_.url;
  const auto add = [&](std::string_view name, std::string_view value) {
    url += fmt::format("{}{}={}", url.contains('?') ? '&' : '?', name, percent_encoded(value));
  };
  if (!options_.counter.empty()) add("ids", options_.counter);
  add("metrics", "ym:s:users");
  add("dimensions", "ym:s:firstTrafficSource,ym:s:searchEngine,ym:s:dateTime");
  add("sort", "ym:s:dateTime");
  add("filters", "ym:s:clientID==" + client_id);
  add("date1", text_of(years_before(received, options_.search_years)));
  add("date2", text_of(received));
  add("limit", "1");
  add("accuracy", "full");
  add("lang", "en");
  return url;
}

std::optional<NoAnswer> Metrika::refused(const HttpAnswer& answer) const {
  std::string type;
  std::string said;
  if (const auto body = parse_foreign_json(answer.body); body && answer.status != 200) {
    std::vector<std::string> warnings;
    const AnswerFields fields{*body, warnings};
    said = fields.text("message").value_or("");
    fields.each("errors", [&](const AnswerFields& one) {
      if (type.empty()) type = one.text("error_type").value_or("");
    });
  }
  const Instant now = caller_.now();
  auto none = refusal_of(answer, said, now);
  if (!none || (answer.status != 429 && answer.status != kEnhanceYourCalm)) return none;
  none->outcome = Outcome::quota;
  none->reason = type.empty() ? "rate" : type;
  none->retry_at = retry_after(answer, now);
  if (type == "quota_parallel_requests") {
    none->retry_at = now + kParallelWait;
  } else if (type == "quota_requests_by_uid") {
    none->retry_at = std::chrono::floor<days>(now) + days{1};
  } else if (type != "quota_requests_by_ip" && !none->retry_at) {
    none->retry_at = now + kReportWait;
  }
  return none;
}

}  // namespace c360::adapters
