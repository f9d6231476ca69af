#include "api/portal_routes.h"

#include <algorithm>
#include <array>

#include "api/auth.h"
#include "api/record_handlers.h"
#include "api/schema.h"
#include "api/write_once.h"
#include "store/draft.h"
#include "store/portal.h"

namespace c360::api {
namespace {

using store::Resource;
using store::Transaction;

// What of a support request the customer says.
constexpr std::array<std::string_view, 6> kSaid = {"subject",      "content", "petition_type",
                                                   "service_type", "module",  "priority"};

std::unexpected<Error> wrong_field(const std::string& name, std::string code, std::string detail) {
  Error error{.code = ErrorCode::validation_failed, .detail = detail, .reason = code};
  error.fields.push_back({store::pointer_segment(name), std::move(code), std::move(detail)});
  return std::unexpected(std::move(error));
}

// -- Tokens of a login ----------------------------------------------------------------------------

// The login, which the caller may change: not_found, forbidden.
Result<std::int64_t> login_to_change(const ApiServices& services, const Request& request) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  const Resource& login = services.records.registry().get("counterparty_user");
  const store::Actor actor = actor_of(request);
  auto seen = services.records.get(login, request.path_value(0), actor, {{"fields", "id"}});
  if (!seen) return std::unexpected(std::move(seen).error());
  const store::Predicate write =
      services.records.access().predicate(actor, login, store::Right::write, "t", "$2::bigint");
  // A token opens the customer's requests, which a mere creator of its card may not read.
  const bool answers_for_all = actor.is_administrator() || services.records.access().is_cco(actor);
  const std::string sql =
      "SELECT ($3::boolean OR EXISTS (SELECT FROM crm.counterparty c WHERE c.id = t.counterparty_id"
      " AND $2::bigint IN (c.responsible_id, c.service_manager_id))) AND " +
      write.sql + " FROM crm.counterparty_user t WHERE t.id = $1::bigint";
  auto rows =
      services.database.execute(store::Pool::api, {"", sql},
                                store::Params{}.add(*id).add(actor.user_id).add(answers_for_all));
  if (!rows) return std::unexpected(std::move(rows).error());
  if (!rows->empty() && rows->boolean(0, 0)) return *id;
  return fail(ErrorCode::forbidden, "You may read this Employee account, but not change it.",
              "read_only");
}

Result<store::PortalTokenRequest> token_request(std::int64_t account_id, const Json& body) {
  store::PortalTokenRequest wanted{.account_id = account_id, .name = {}, .expires_at = {}};
  for (const auto& [name, value] : body.as_object()) {
    if (name == "name") {
      if (!value.is_string()) return wrong_field(name, "wrong_type", "Expected a string.");
      wanted.name = value.as_string();
    } else if (name == "expires_at") {
      if (value.is_null()) continue;
      if (value.is_string()) wanted.expires_at = from_rfc3339(value.as_string());
      if (!wanted.expires_at) return wrong_field(name, "wrong_type", "Expected an RFC 3339 time.");
    } else {
      return wrong_field(name, "unknown_field", "Known: name, expires_at.");
    }
  }
  return wanted;
}

Result<void> make_token(const ApiServices& services, std::uint64_t limit, Request& request,
                        Response& response) {
  auto id = login_to_change(services, request);
  if (!id) return std::unexpected(std::move(id).error());
  std::string text;
  auto body = read_object(request, limit, text);
  if (!body) return std::unexpected(std::move(body).error());
  auto wanted = token_request(*id, *body);
  if (!wanted) return std::unexpected(std::move(wanted).error());
  const store::Actor actor = actor_of(request);
  return store::in_transaction(services.database, store::Pool::api,
                               [&](Transaction& tx) -> Result<void> {
                                 auto made = store::create_portal_token(tx, *wanted, actor);
                                 if (!made) return std::unexpected(std::move(made).error());
                                 JsonWriter writer;
                                 writer.begin_object()
                                     .member("id", made->id)
                                     .member("token", made->token.reveal())
                                     .member("prefix", std::string_view{made->prefix})
                                     .end_object();
                                 response.json(writer.view(), 201);
                                 return {};
                               });
}

Result<void> revoke_token(const ApiServices& services, Request& request, Response& response) {
  auto id = login_to_change(services, request);
  if (!id) return std::unexpected(std::move(id).error());
  auto token = request.path_id(1);
  if (!token) return std::unexpected(token.error());
  if (auto its = store::check_portal_token(services.database, *id, *token); !its) return its;
  auto revoked = store::revoke_token(services.database, *token, actor_of(request));
  if (revoked) response.status = 204;
  return revoked;
}

// -- What the customer does -----------------------------------------------------------------------

// The service acts for him within the rules of this file; the record says origin portal, and whose
// request it is.
store::Actor service_for(const Request& request) {
  return store::Actor::system("portal", request.request_id);
}

Result<store::PortalAccount> caller_account(Transaction& tx, const Request& request) {
  const store::Actor& actor = request.caller->actor;
  if (!store::is_portal(actor)) {
    return fail(ErrorCode::forbidden, "This is for portal users of counterparties.", "portal_only");
  }
  auto account = store::portal_account(tx, *actor.user_id);
  if (account && account->role == "viewer") {
    return fail(ErrorCode::forbidden, "The role viewer only reads.", "read_only");
  }
  return account;
}

Result<void> create_request(const ApiServices& services, std::uint64_t limit, Request& request,
                            Response& response) {
  std::string text;
  auto body = read_object(request, limit, text);
  if (!body) return std::unexpected(std::move(body).error());
  for (const auto& [name, value] : body->as_object()) {
    if (std::ranges::find(kSaid, name) == kSaid.end()) {
      return wrong_field(name, "unknown_field", "The customer does not say this.");
    }
  }
  const auto work = [&](Transaction& tx, Response& answer) -> Result<void> {
    auto account = caller_account(tx, request);
    if (!account) return std::unexpected(std::move(account).error());
    const Resource& resource = services.records.registry().get("support_request");
    Json whole = *body;
    whole.set("counterparty_id", account->counterparty_id);
    whole.set("initiator_account_id", account->id);
    auto made = services.records.create(tx, resource, whole, service_for(request),
                                        {.finish = store::Finish::run});
    if (!made) return std::unexpected(std::move(made).error());
    answer.headers.clear();  // of an attempt before
    answer.add_header("Location", location_of(resource, made->key));
    write_record(std::move(*made), resource, answer, 201);
    return {};
  };
  return write_once(
      services, request, text, response, [&](Transaction* transaction, Response& answer) {
        if (transaction != nullptr) return work(*transaction, answer);
        return store::in_transaction(services.database, store::Pool::api,
                                     [&](Transaction& own) { return work(own, answer); });
      });
}

// Who changes the request on the initiator's word: for a customer the service, for a colleague
// (domain.md 3.4: he may confirm) he himself, with the right of a line for this one change.
Result<store::Actor> answering(Transaction& tx, const Request& request, const Json& record) {
  const store::Actor& caller = request.caller->actor;
  if (store::is_portal(caller)) {
    auto account = caller_account(tx, request);
    if (!account) return std::unexpected(std::move(account).error());
    return service_for(request);
  }
  const Json* initiator = record.find("initiator_user_id");
  if (initiator == nullptr || !initiator->is_number() || initiator->as_int64() != caller.user_id) {
    return fail(ErrorCode::forbidden, "Only its initiator answers for a support request.",
                "initiator_only");
  }
  store::Actor actor = actor_of(request);
  actor.groups.emplace_back(store::kSupportLeadGroups.front());
  return actor;
}

// The initiator's word: the work is done, or it goes back to the line it came from.
Result<void> answer_request(const ApiServices& services, std::uint64_t limit, Request& request,
                            Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  const Resource& resource = services.records.registry().get("support_request");
  const std::string& key = request.path_value(0);
  auto seen = services.records.get(resource, key, actor_of(request));
  if (!seen) return std::unexpected(std::move(seen).error());
  std::string text;
  auto body = read_object(request, limit, text);
  if (!body) return std::unexpected(std::move(body).error());
  const Json* approved = body->find("approved");
  if (approved == nullptr || !approved->is_bool() || body->as_object().size() != 1) {
    return wrong_field("approved", "approved_required", "Send {\"approved\": true or false}.");
  }
  const auto work = [&](Transaction& tx, Response& answer) -> Result<void> {
    auto record = Json::parse(seen->json);
    if (!record) return std::unexpected(std::move(record).error());
    auto actor = answering(tx, request, *record);
    if (!actor) return std::unexpected(std::move(actor).error());
    const Json* status = record->find("status");
    const Json* back = record->find("returns_to");
    const bool asked = status != nullptr && status->is_string() &&
                       (status->as_string() == "approve" || status->as_string() == "clarification");
    if (!asked || back == nullptr || !back->is_string()) {
      return fail(ErrorCode::conflict, "Nobody waits for the customer's answer now.",
                  "not_offered_now");
    }
    const bool close = approved->as_bool() && status->as_string() == "approve";
    Json change = Json::Object{{"status", close ? std::string("closed") : back->as_string()}};
    // The version seen: a line that was quicker is not overruled.
    auto changed =
        services.records.update(tx, resource, key, change, *actor,
                                {.expected_version = seen->version, .finish = store::Finish::run});
    if (!changed) return std::unexpected(std::move(changed).error());
    write_record(std::move(*changed), resource, answer, 200);
    return {};
  };
  return write_once(
      services, request, text, response, [&](Transaction* transaction, Response& answer) {
        if (transaction != nullptr) return work(*transaction, answer);
        return store::in_transaction(services.database, store::Pool::api,
                                     [&](Transaction& own) { return work(own, answer); });
      });
}

// -- The table ------------------------------------------------------------------------------------

Parameter path_id(std::string name, std::string doc) {
  return {.name = std::move(name),
          .place = ParameterPlace::path,
          .doc = std::move(doc),
          .schema = schema::integer(),
          .required = true};
}

Parameter key_parameter() {
  return {.name = "Idempotency-Key",
          .place = ParameterPlace::header,
          .doc = "Makes a repetition harmless for 72 h; at most 255 characters",
          .schema = schema::string()};
}

Route token_route(const ApiServices& services, std::uint64_t limit) {
  return {.method = Method::post,
          .path = std::string(kApiPrefix) + "/counterparty-users/{id}/tokens",
          .access = Access::scope,
          .scope = "counterparty_user:write",
          .operation_id = "create_portal_token",
          .summary = "Make a token of the portal user; it is shown in this answer and never again",
          .tag = "counterparty_user",
          .handler =
              [services, limit](Request& request, Response& response) {
                return make_token(services, limit, request, response);
              },
          .parameters = {path_id("id", "Id of the portal user")},
          .request_media_types = {std::string(kJson)},
          .request_schema = schema::object({{"name", schema::string("What for")},
                                            {"expires_at", schema::nullable(schema::date_time())}},
                                           {"name"}),
          .max_body_bytes = limit,
          .answers = {{.status = 201,
                       .doc = "Made",
                       .media_type = std::string(kJson),
                       .schema = schema::object({{"id", schema::integer()},
                                                 {"token", schema::string("Keep it now")},
                                                 {"prefix", schema::string()}},
                                                {"id", "token"})}}};
}

Route revoke_route(const ApiServices& services) {
  return {.method = Method::remove,
          .path = std::string(kApiPrefix) + "/counterparty-users/{id}/tokens/{token_id}",
          .access = Access::scope,
          .scope = "counterparty_user:write",
          .operation_id = "revoke_portal_token",
          .summary = "From now on it opens nothing",
          .tag = "counterparty_user",
          .handler = [services](
                         Request& request,
                         Response& response) { return revoke_token(services, request, response); },
          .parameters = {path_id("id", "Id of the portal user"),
                         path_id("token_id", "Id of the token")},
          .answers = {{.status = 204, .doc = "Revoked"}}};
}

Route request_route(const ApiServices& services, std::uint64_t limit) {
  Json::Object said;
  for (const std::string_view name : kSaid) said.emplace_back(name, schema::string());
  return {.method = Method::post,
          .path = std::string(kApiPrefix) + "/portal/support-requests",
          .access = Access::scope,
          .scope = "support_request:write",
          .operation_id = "create_portal_request",
          .summary = "A portal user asks for support, for the counterparty of the login",
          .tag = "support_request",
          .handler =
              [services, limit](Request& request, Response& response) {
                return create_request(services, limit, request, response);
              },
          .parameters = {key_parameter()},
          .request_media_types = {std::string(kJson)},
          .request_schema = schema::object(std::move(said), {"subject", "content"}),
          .max_body_bytes = limit,
          .answers = {{.status = 201,
                       .doc = "Made",
                       .media_type = std::string(kJson),
                       .schema = schema::ref(component_name("support_request")),
                       .headers = {"ETag", "Location"}}}};
}

// `place` is where it stands: among what portal users do, or beside the request itself.
Route answer_route(const ApiServices& services, std::uint64_t limit, std::string_view place,
                   std::string operation) {
  return {.method = Method::post,
          .path = std::string(kApiPrefix) + std::string(place) + "/{id}/answer",
          .access = Access::scope,
          .scope = "support_request:write",
          .operation_id = std::move(operation),
          .summary = "Confirm that it is done, or send it back to the line it came from",
          .tag = "support_request",
          .handler =
              [services, limit](Request& request, Response& response) {
                return answer_request(services, limit, request, response);
              },
          .parameters = {path_id("id", "Id of the support request"), key_parameter()},
          .request_media_types = {std::string(kJson)},
          .request_schema = schema::object({{"approved", schema::boolean()}}, {"approved"}),
          .max_body_bytes = limit,
          .answers = {{.doc = "The request as it is now",
                       .media_type = std::string(kJson),
                       .schema = schema::ref(component_name("support_request")),
                       .headers = {"ETag"}}}};
}

}  // namespace

void add_portal_routes(std::vector<Route>& routes, const ApiServices& services,
                       const ApiOptions& options) {
  routes.push_back(token_route(services, options.max_json_bytes));
  routes.push_back(revoke_route(services));
  routes.push_back(request_route(services, options.max_json_bytes));
  routes.push_back(answer_route(services, options.max_json_bytes, "/portal/support-requests",
                                "answer_portal_request"));
  routes.push_back(answer_route(services, options.max_json_bytes, "/support-requests",
                                "answer_support_request"));
}

}  // namespace c360::api
