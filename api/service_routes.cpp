#include "api/service_routes.h"

#include <algorithm>
#include <charconv>

#include "adapters/service_states.h"
#include "api/auth.h"
#include "api/schema.h"
#include "api/service_probe.h"
#include "daemon/base/text.h"

namespace c360::api {
namespace {

constexpr int kCallsOfPage = 50;

const std::vector<std::string>& services_known() {
  static const std::vector<std::string> kServices = {"dadata",  "email", "kontur",
                                                     "metrika", "sms",   "telegram"};
  return kServices;
}
const std::vector<std::string>& outcomes_known() {
  static const std::vector<std::string> kOutcomes = {"found", "not_found", "retryable",
                                                     "quota", "auth",      "permanent"};
  return kOutcomes;
}

// The scope lets the token in; the group lets the person in.
Result<void> only_administrators(const Request& request) {
  if (request.caller->actor.is_administrator()) return {};
  return fail(ErrorCode::forbidden,
              "outside services are the affair of the group crm-administrators",
              "administrators_only");
}

Result<std::string> word_of(const Request& request, std::string_view name,
                            const std::vector<std::string>& known) {
  std::string value(request.query_value(name).value_or(""));
  if (value.empty() || std::ranges::find(known, value) != known.end()) return value;
  return fail(ErrorCode::invalid_request, std::string(name) + " is one of " + join(known, ", "),
              "invalid_value");
}

Result<std::optional<std::int64_t>> cursor_of(const Request& request) {
  const auto text = request.query_value("cursor");
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error == std::errc{} && stop == text->data() + text->size() && value > 0) return value;
  return fail(ErrorCode::invalid_request, "cursor is the next_cursor of the page before",
              "invalid_value");
}

Result<void> list_services(const ApiServices& services, const Request& request,
                           Response& response) {
  if (auto allowed = only_administrators(request); !allowed) return allowed;
  const auto states = adapters::service_states(services.database, services.clock.now());
  if (!states) return std::unexpected(states.error());
  JsonWriter json;
  json.begin_object().key("items").begin_array();
  for (const auto& state : *states) json.raw(adapters::to_json(state));
  response.json(json.end_array().end_object().take());
  return {};
}

Result<void> list_calls(const ApiServices& services, const Request& request, Response& response) {
  if (auto allowed = only_administrators(request); !allowed) return allowed;
  auto service = word_of(request, "service", services_known());
  if (!service) return std::unexpected(service.error());
  auto outcome = word_of(request, "outcome", outcomes_known());
  if (!outcome) return std::unexpected(outcome.error());
  auto before = cursor_of(request);
  if (!before) return std::unexpected(before.error());
  auto rows = store::list_service_calls(
      services.database,
      {.service = *service, .outcome = *outcome, .before = *before, .limit = kCallsOfPage});
  if (!rows) return std::unexpected(rows.error());
  JsonWriter json;
  json.begin_object().key("items").begin_array();
  for (const auto& row : *rows) json.raw(row.json);
  json.end_array().key("next_cursor");
  rows->size() == static_cast<std::size_t>(kCallsOfPage)
      ? json.string(std::to_string(rows->back().id))
      : json.null();
  response.json(json.end_object().take());
  return {};
}

Result<adapters::ServiceStatus> state_of(const ApiServices& services, const std::string& name) {
  auto states = adapters::service_states(services.database, services.clock.now());
  if (!states) return std::unexpected(states.error());
  const auto found = std::ranges::find(
      *states, name, [](const adapters::ServiceStatus& status) { return status.record.service; });
  if (found == states->end()) return fail(ErrorCode::not_found, "there is no such outside service");
  return std::move(*found);
}

Result<void> probe_service(const ApiServices& services, const Request& request,
                           Response& response) {
  if (auto allowed = only_administrators(request); !allowed) return allowed;
  const std::string& name = request.path_value(0);
  if (std::ranges::find(services_known(), name) == services_known().end())
    return fail(ErrorCode::not_found, "there is no such outside service");
  if (services.service_probe == nullptr)
    return fail(ErrorCode::unavailable, "outside services cannot be asked just now");
  const auto probed = services.service_probe->probe(name);
  if (!probed) return std::unexpected(probed.error());
  const auto state = state_of(services, name);
  if (!state) return std::unexpected(state.error());
  JsonWriter json;
  json.begin_object().member("service", name).member("works", probed->works);
  json.member("outcome", probed->outcome).key("reason");
  probed->reason.empty() ? json.null() : json.string(probed->reason);
  json.member("told", probed->told);
  json.member("duration_ms", static_cast<std::int64_t>(probed->duration.count()));
  response.json(json.key("status").raw(adapters::to_json(*state)).end_object().take());
  return {};
}

// -- What the document says -----------------------------------------------------------------------

Json maybe_text(std::string_view doc = {}) { return schema::nullable(schema::string(doc)); }
Json maybe_time(std::string_view doc = {}) { return schema::nullable(schema::date_time(doc)); }

Json quota_schema() {
  return schema::object({{"name", schema::string("suggestions, balance, methods of a contract")},
                         {"remaining", maybe_text("A decimal number; null: without limit")},
                         {"total", maybe_text("The same; null: not told")},
                         {"renews_at", maybe_time("A new day or month begins")},
                         {"ends_at", maybe_time("The contract is over")},
                         {"told_at", schema::date_time()}},
                        {"name", "remaining", "told_at"});
}

Json service_schema() {
  return schema::object(
      {{"service", schema::one_of(services_known())},
       {"is_on", schema::boolean()},
       {"state", schema::one_of(
                     {"not_configured", "off", "refused", "paused", "expired", "spent",
                      "unreachable", "failing", "unused", "ok"},
                     "not_configured: it has no key; refused: the key; paused: its quota or ours; "
                     "expired: the contract; spent: nothing is left; unreachable: the breaker is "
                     "open; failing: the latest call failed")},
       {"detail", maybe_text("Why")},
       {"remedy", maybe_text("What to do")},
       {"until", maybe_time("Nobody asks before")},
       {"calls_today", schema::integer("UTC")},
       {"failed_today", schema::integer()},
       {"last_call_at", maybe_time()},
       {"last_outcome", maybe_text()},
       {"last_error", maybe_text("In the last 24 h")},
       {"last_error_at", maybe_time()},
       {"is_configured", schema::boolean("It has its key")},
       {"quotas", schema::array(quota_schema(), "As the service said last")},
       {"probed_at", maybe_time("When it was asked last whether it works")},
       {"probe_works", schema::nullable(schema::boolean())},
       {"probe_told", maybe_text("What it said, or why it said nothing")}},
      {"service", "is_on", "state"});
}

Json call_schema() {
  return schema::object(
      {{"id", schema::integer()},
       {"service", schema::string()},
       {"operation", schema::string()},
       {"subject", maybe_text("Whose call")},
       {"key_fingerprint", schema::string("Tells keys apart")},
       {"started_at", schema::date_time()},
       {"duration_ms", schema::integer()},
       {"attempt", schema::integer("At the same question, from 1")},
       {"http_status",
        schema::nullable(schema::integer("Of mail the server's reply code; null: no answer came"))},
       {"outcome", schema::one_of(outcomes_known())},
       {"reason", maybe_text("A stable word")},
       {"error", maybe_text("For a person")},
       {"bytes_in", schema::integer()},
       {"request_id", maybe_text("The service's own")},
       {"retry_at", maybe_time()}},
      {"id", "service", "operation", "started_at", "outcome"});
}

Route service_route(std::string_view path, std::string operation, std::string summary,
                    Json answer) {
  return {.method = Method::get,
          .path = std::string(kApiPrefix) + std::string(path),
          .access = Access::scope,
          .scope = "admin",
          .operation_id = std::move(operation),
          .summary = std::move(summary),
          .tag = "services",
          .answers = {
              {.doc = "As asked", .media_type = std::string(kJson), .schema = std::move(answer)}}};
}

}  // namespace

void add_service_routes(std::vector<Route>& routes, const ApiServices& services) {
  Route states =
      service_route("/services", "list_services", "How the outside services do, and what to do",
                    schema::object({{"items", schema::array(service_schema())}}, {"items"}));
  states.handler = [services](Request& q, Response& r) { return list_services(services, q, r); };
  routes.push_back(std::move(states));

  Route probe = service_route(
      "/services/{service}/probe", "probe_service",
      "Ask an outside service one cheap question: whether it works, and what is left",
      schema::object({{"service", schema::one_of(services_known())},
                      {"works", schema::boolean()},
                      {"outcome", schema::one_of(outcomes_known())},
                      {"reason", maybe_text("A stable word")},
                      {"told", schema::string("What was found, or why nothing was")},
                      {"duration_ms", schema::integer()},
                      {"status", service_schema()}},
                     {"service", "works", "outcome", "told", "duration_ms", "status"}));
  probe.method = Method::post;
  probe.parameters = {{.name = "service",
                       .place = ParameterPlace::path,
                       .doc = "Which one",
                       .schema = schema::one_of(services_known())}};
  probe.handler = [services](Request& q, Response& r) { return probe_service(services, q, r); };
  routes.push_back(std::move(probe));

  Route calls = service_route(
      "/service-calls", "list_service_calls", "Calls to outside services, newest first",
      schema::object({{"items", schema::array(call_schema())},
                      {"next_cursor", maybe_text("Send it as `cursor`; null: that was all")}},
                     {"items", "next_cursor"}));
  calls.handler = [services](Request& q, Response& r) { return list_calls(services, q, r); };
  calls.parameters = {
      {.name = "service", .doc = "Only of this one", .schema = schema::one_of(services_known())},
      {.name = "outcome", .doc = "Only these", .schema = schema::one_of(outcomes_known())},
      {.name = "cursor", .doc = "next_cursor of the page before", .schema = schema::string()}};
  routes.push_back(std::move(calls));
}

}  // namespace c360::api
