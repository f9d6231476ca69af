#include "api/token_routes.h"

#include <algorithm>

#include "api/auth.h"
#include "api/record_handlers.h"
#include "api/schema.h"
#include "store/draft.h"
#include "store/tokens.h"

namespace c360::api {
namespace {

constexpr std::string_view kScope = "admin";

Result<void> needs_administrator(const Request& request) {
  if (request.caller->actor.is_administrator()) return {};
  return fail(ErrorCode::forbidden, "tokens are the affair of the group crm-administrators",
              "administrators_only");
}

// All that is wrong at once.
Result<store::TokenRequest> token_request(const Json& body) {
  store::TokenRequest request;
  Error error{.code = ErrorCode::validation_failed, .detail = "The token cannot be made as asked."};
  const auto wrong = [&](const std::string& name, std::string code, std::string detail) {
    error.fields.push_back({store::pointer_segment(name), std::move(code), std::move(detail)});
  };
  for (const auto& [name, value] : body.as_object()) {
    if (name == "login" || name == "name") {
      if (value.is_string()) {
        (name == "login" ? request.login : request.name) = value.as_string();
      } else {
        wrong(name, "wrong_type", "Expected string, got " + std::string(value.type_name()) + ".");
      }
    } else if (name == "scopes") {
      if (!value.is_array() || !std::ranges::all_of(value.as_array(), &Json::is_string)) {
        wrong(name, "wrong_type", "Expected an array of strings.");
        continue;
      }
      for (const auto& scope : value.as_array()) request.scopes.push_back(scope.as_string());
    } else if (name == "expires_at") {
      if (value.is_null()) continue;
      request.expires_at = value.is_string() ? from_rfc3339(value.as_string()) : std::nullopt;
      if (!request.expires_at) {
        wrong(name, "wrong_type", "Expected a time such as 2026-01-31T10:15:00Z (RFC 3339).");
      }
    } else {
      wrong(name, "unknown_field",
            "There is no such field; writable fields: login, name, scopes, expires_at.");
    }
  }
  if (!error.fields.empty()) return std::unexpected(std::move(error));
  return request;
}

Result<void> create(store::Database& database, std::uint64_t limit, Request& request,
                    Response& response) {
  if (auto allowed = needs_administrator(request); !allowed) return allowed;
  std::string text;
  auto body = read_object(request, limit, text);
  if (!body) return std::unexpected(std::move(body).error());
  auto wanted = token_request(*body);
  if (!wanted) return std::unexpected(std::move(wanted).error());
  auto made = store::create_token(database, *wanted, actor_of(request));
  if (!made) return std::unexpected(std::move(made).error());
  JsonWriter writer;
  writer.begin_object()
      .member("id", made->id)
      .member("token", made->token.reveal())
      .member("prefix", std::string_view{made->prefix})
      .end_object();
  response.json(writer.view(), 201);
  response.add_header("Location", std::string(kApiPrefix) + "/tokens/" + std::to_string(made->id));
  return {};
}

}  // namespace

void add_token_routes(std::vector<Route>& routes, const ApiServices& services,
                      const ApiOptions& options) {
  Route make{.method = Method::post,
             .path = std::string(kApiPrefix) + "/tokens",
             .access = Access::scope,
             .scope = std::string(kScope),
             .operation_id = "create_token",
             .summary = "Make a token; it is shown in this answer and never again",
             .tag = "token",
             .request_media_types = {std::string(kJson)},
             .answers = {{.status = 201,
                          .doc = "Made",
                          .media_type = std::string(kJson),
                          .schema = schema::object({{"id", schema::integer()},
                                                    {"token", schema::string("Keep it now")},
                                                    {"prefix", schema::string()}},
                                                   {"id", "token"}),
                          .headers = {"Location"}}}};
  make.request_schema = schema::object({{"login", schema::string("Of the user it speaks for")},
                                        {"name", schema::string("What for")},
                                        {"scopes", schema::array(schema::string())},
                                        {"expires_at", schema::nullable(schema::date_time())}},
                                       {"login", "name", "scopes"});
  make.handler = [&database = services.database, limit = options.max_json_bytes](
                     Request& request, Response& response) {
    return create(database, limit, request, response);
  };
  routes.push_back(std::move(make));

  Route revoke{.method = Method::remove,
               .path = std::string(kApiPrefix) + "/tokens/{id}",
               .access = Access::scope,
               .scope = std::string(kScope),
               .operation_id = "revoke_token",
               .summary = "From now on it opens nothing",
               .tag = "token",
               .parameters = {{.name = "id",
                               .place = ParameterPlace::path,
                               .doc = "Id of the token",
                               .schema = schema::integer(),
                               .required = true}},
               .answers = {{.status = 204, .doc = "Revoked"}}};
  revoke.handler = [&database = services.database](Request& request,
                                                   Response& response) -> Result<void> {
    if (auto allowed = needs_administrator(request); !allowed) return allowed;
    auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    auto revoked = store::revoke_token(database, *id, actor_of(request));
    if (revoked) response.status = 204;
    return revoked;
  };
  routes.push_back(std::move(revoke));
}

}  // namespace c360::api
