#include "adapters/dadata.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "daemon/base/identifiers.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kMaxQuery = 300;  // characters; more is refused with 413
constexpr int kMaxCount = 20;
constexpr hours kMoscow{3};

CallResult<void> check_text(const std::string& text) {
  if (trimmed(text).empty())
    return no_answer(Outcome::permanent, "empty_query", "there is nothing to ask");
  if (!is_valid_utf8(text) || utf8_length(text) > kMaxQuery)
    return no_answer(Outcome::permanent, "bad_query",
                     fmt::format("the query is over {} characters or no UTF-8", kMaxQuery));
  return {};
}

std::string query_body(const std::string& text, int count) {
  JsonWriter json;
  json.begin_object().member("query", text).member("count", std::clamp(count, 1, kMaxCount));
  return json.end_object().take();
}

std::string party_body(const PartyId& id, const std::string& kpp) {
  JsonWriter json;
  json.begin_object().member("query", id.digits);
  if (!kpp.empty()) {
    json.member("kpp", kpp);
  } else if (!id.is_individual()) {
    json.member("branch_type", "MAIN");
  }
  json.member("type", id.is_individual() ? "INDIVIDUAL" : "LEGAL").member("count", 10);
  return json.end_object().take();
}

std::string one_string(const std::string& text) {
  JsonWriter json;
  return json.begin_array().string(text).end_array().take();
}

// The service's day ends at midnight in Moscow.
Instant day_end(Instant now) { return std::chrono::floor<days>(now + kMoscow) + days{1} - kMoscow; }

// A little later, so that not everybody comes at once.
Instant next_day(Instant now, std::mt19937_64& random) {
  constexpr int kSpread = 15 * 60;
  return day_end(now) + seconds{std::uniform_int_distribution<int>{0, kSpread}(random)};
}

bool names_a_limit(std::string_view said) {
  constexpr std::array<std::string_view, 4> kWords{"limit", "лимит", "funds", "баланс"};
  const std::string lower = to_lower(said);
  return std::ranges::any_of(kWords, [&](auto word) { return lower.contains(word); });
}

}  // namespace

Dadata::Dadata(DadataOptions options, ServicePorts ports, std::uint64_t seed)
    : options_(std::move(options)),
      caller_(Redactor({options_.token, options_.secret}), fingerprint(options_.token.reveal()),
              ports),
      find_gate_(
          {"dadata", "suggestions", "find"},
          fingerprint(fmt::format("{} {}", options_.token.reveal(), options_.suggestions_url)),
          options_.find.policy(), ports.states),
      clean_gate_({"dadata", "cleaner", "clean"},
                  fingerprint(fmt::format("{} {} {}", options_.token.reveal(),
                                          options_.secret.reveal(), options_.cleaner_url)),
                  options_.clean.policy(), ports.states),
      profile_gate_({"dadata", "profile", "profile"},
                    fingerprint(fmt::format("{} {} {}", options_.token.reveal(),
                                            options_.secret.reveal(), options_.profile_url)),
                    options_.find.policy(), ports.states),
      random_(seed) {}

CallResult<Party> Dadata::find_party(const PartyQuery& query) {
  const auto id = parse_party_id(query.id);
  if (!id) return std::unexpected(id.error());
  if (!query.kpp.empty())
    if (const auto fault = check_kpp(query.kpp))
      return no_answer(Outcome::permanent, "bad_id", std::string(fault->detail));
  ServiceCall request = call(Host::suggestions, "findById/party", party_body(*id, query.kpp));
  request.subject = query.subject;
  request.deadline = query.deadline;
  request.attempt = query.attempt;
  return ask(Host::suggestions, request, JsonKind::object,
             [&](const Json& answer) { return dadata::read_party(answer, *id, query.kpp); });
}

CallResult<std::vector<Party>> Dadata::suggest_party(const std::string& text, int count) {
  if (auto sane = check_text(text); !sane) return std::unexpected(std::move(sane.error()));
  return ask(Host::suggestions, call(Host::suggestions, "suggest/party", query_body(text, count)),
             JsonKind::object, dadata::read_parties);
}

CallResult<Bank> Dadata::find_bank(const std::string& bik) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (bik.size() != 9 || !std::ranges::all_of(bik, is_digit))
    return no_answer(Outcome::permanent, "bad_id", "a BIK has 9 digits");
  return ask(Host::suggestions, call(Host::suggestions, "findById/bank", query_body(bik, 1)),
             JsonKind::object, [&](const Json& answer) { return dadata::read_bank(answer, bik); });
}

CallResult<std::vector<Address>> Dadata::suggest_address(const std::string& text, int count) {
  if (auto sane = check_text(text); !sane) return std::unexpected(std::move(sane.error()));
  return ask(Host::suggestions, call(Host::suggestions, "suggest/address", query_body(text, count)),
             JsonKind::object, dadata::read_addresses);
}

CallResult<CleanAddress> Dadata::clean_address(const std::string& text) {
  if (auto sane = check_text(text); !sane) return std::unexpected(std::move(sane.error()));
  return ask(Host::cleaner, call(Host::cleaner, "clean/address", one_string(text)), JsonKind::array,
             dadata::read_clean_address);
}

CallResult<CleanPhone> Dadata::clean_phone(const std::string& text) {
  if (auto sane = check_text(text); !sane) return std::unexpected(std::move(sane.error()));
  return ask(Host::cleaner, call(Host::cleaner, "clean/phone", one_string(text)), JsonKind::array,
             dadata::read_clean_phone);
}

CallResult<DailyUsage> Dadata::daily_usage(
    std::optional<std::chrono::steady_clock::time_point> deadline) {
  ServiceCall question = call(Host::profile, "stat/daily");
  question.deadline = deadline;
  auto usage = ask(Host::profile, question, JsonKind::object, dadata::read_usage);
  // Cleaning is nothing the program does by itself.
  if (usage && usage->suggestions_left)
    caller_.told({.service = "dadata",
                  .name = "suggestions",
                  .left = std::to_string(*usage->suggestions_left),
                  .limit = std::to_string(*usage->suggestions_left + usage->suggestions_used),
                  .renews_at = day_end(caller_.now())});
  return usage;
}

CallResult<std::string> Dadata::balance() {
  auto roubles = ask(Host::profile, call(Host::profile, "profile/balance"), JsonKind::object,
                     dadata::read_balance);
  if (roubles) caller_.told({.service = "dadata", .name = "balance", .left = *roubles});
  return roubles;
}

ServiceCall Dadata::call(Host host, const std::string& operation, std::string body) {
  constexpr std::array<std::string_view, 3> kPaths{"/suggestions/api/4_1/rs/", "/api/v1/",
                                                   "/api/v2/"};
  const std::array<const std::string*, 3> bases{&options_.suggestions_url, &options_.cleaner_url,
                                                &options_.profile_url};
  const auto at = static_cast<std::size_t>(host);
  ServiceCall call{.operation = operation};
  HttpRequest& request = call.request;
  request.method = host == Host::profile ? "GET" : "POST";
  request.url = fmt::format("{}{}{}", *bases[at], kPaths[at], operation);
  request.headers = {{"Accept", "application/json"},
                     {"Authorization", fmt::format("Token {}", options_.token.reveal())}};
  if (host != Host::profile) request.headers.emplace_back("Content-Type", "application/json");
  if (host != Host::suggestions)
    request.headers.emplace_back("X-Secret", std::string(options_.secret.reveal()));
  request.body = std::move(body);
  request.ca_file = options_.ca_file;
  (host == Host::cleaner ? options_.clean : options_.find).apply_to(request);
  return call;
}

const ServiceGate& Dadata::gate(Host host) const {
  if (host == Host::suggestions) return find_gate_;
  return host == Host::cleaner ? clean_gate_ : profile_gate_;
}

CallResult<void> Dadata::check_keys(Host host) const {
  if (options_.token.empty())
    return no_answer(Outcome::permanent, "off", "DaData is off: no API key is set");
  if (host != Host::suggestions && options_.secret.empty())
    return no_answer(Outcome::permanent, "off",
                     "cleaning and usage of DaData are off: no secret key is set");
  return {};
}

template <typename Read>
std::invoke_result_t<Read, const Json&> Dadata::ask(Host host, const ServiceCall& call,
                                                    JsonKind kind, const Read& read) {
  using Answer = std::invoke_result_t<Read, const Json&>;
  if (auto keys = check_keys(host); !keys) return std::unexpected(std::move(keys.error()));
  return caller_.run(gate(host), call, [&](const HttpAnswer& answer) -> Answer {
    if (auto none = refusal_of(answer, dadata::refusal_text(answer.body), caller_.now())) {
      if (answer.status == 403) explain_forbidden(host, call, *none);
      return std::unexpected(std::move(*none));
    }
    const auto document = json_answer(answer, kind);
    if (!document) return std::unexpected(document.error());
    return read(*document);
  });
}

void Dadata::explain_forbidden(Host host, const ServiceCall& refused, NoAnswer& none) {
  const bool spent_by_text = names_a_limit(none.detail);
  bool spent = spent_by_text;
  if (host != Host::profile && !options_.secret.empty()) {
    if (const auto usage = daily_usage(refused.deadline)) {
      const auto& left =
          host == Host::suggestions ? usage->suggestions_left : usage->cleanings_left;
      spent = spent || left == 0;
    }
  }
  if (!spent) {
    none.detail += "; check the key, the confirmation of its e-mail and its services";
    return;
  }
  none.outcome = Outcome::quota;
  none.reason = host == Host::cleaner ? "money" : "day_limit";
  none.retry_at = next_day(caller_.now(), random_);
}

bool is_reserve_reached(const DailyUsage& usage) {
  constexpr std::int64_t kLeast = 200;
  if (!usage.suggestions_left) return false;
  const std::int64_t day = usage.suggestions_used + *usage.suggestions_left;
  return *usage.suggestions_left <= std::max(kLeast, day / 10);
}

}  // namespace c360::adapters
