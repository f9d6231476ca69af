#include "api/openapi.h"

#include <memory>
#include <mutex>
#include <set>

#include "api/card_routes.h"
#include "api/docs_assets.h"
#include "api/problem.h"
#include "api/schema.h"
#include "daemon/base/text.h"

namespace c360::api {
namespace {

// No inline script, no other host; Swagger UI sets inline styles.
constexpr std::string_view kDocsPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "
    "data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

constexpr std::string_view kDocsPage = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>client360 API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/init.js"></script>
</body>
</html>
)html";

constexpr std::string_view kDocsScript = R"js("use strict";
window.ui = SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  persistAuthorization: false,
  validatorUrl: null
});
)js";

std::string lower(Method method) { return to_lower(to_string(method)); }

Json parameter_json(const Parameter& parameter) {
  constexpr std::string_view kPlaces[] = {"path", "query", "header"};
  Json::Object object{{"name", parameter.name},
                      {"in", kPlaces[static_cast<std::size_t>(parameter.place)]},
                      {"schema", parameter.schema}};
  if (!parameter.doc.empty()) object.emplace_back("description", parameter.doc);
  if (parameter.required || parameter.place == ParameterPlace::path) {
    object.emplace_back("required", true);
  }
  return object;
}

Json content_json(const std::vector<std::string>& media_types, const Json& body) {
  Json::Object content;
  for (const auto& type : media_types) {
    const bool is_json = type.ends_with("json");
    content.emplace_back(
        type,
        Json::Object{{"schema", is_json && !body.is_null() ? body : schema::string("Bytes")}});
  }
  return content;
}

Json answer_json(const Answer& answer) {
  Json::Object object{{"description", answer.doc.empty() ? "Done" : answer.doc}};
  if (!answer.headers.empty()) {
    Json::Object headers;
    for (const auto& name : answer.headers) {
      headers.emplace_back(name, Json::Object{{"schema", schema::string()}});
    }
    object.emplace_back("headers", std::move(headers));
  }
  if (!answer.media_type.empty()) {
    std::vector<std::string> types = answer.other_media_types;
    types.insert(types.begin(), answer.media_type);
    object.emplace_back("content", content_json(types, answer.schema));
  }
  return object;
}

// The problems a route can answer; `default` stands for every other.
std::vector<std::string> problem_statuses(const Route& route) {
  std::set<int> statuses{400, 429, 500, 503};
  if (route.access != Access::open) statuses.insert({401, 403});
  if (route.path.find('{') != std::string::npos) statuses.insert(404);
  if (!route.request_media_types.empty()) statuses.insert({409, 413, 415, 422});
  for (const auto& parameter : route.parameters) {
    if (parameter.name != "If-Match") continue;
    statuses.insert({409, 412});
    if (parameter.required) statuses.insert(428);
  }
  std::vector<std::string> names;
  names.reserve(statuses.size() + 1);
  for (const int status : statuses) names.push_back(std::to_string(status));
  names.emplace_back("default");
  return names;
}

Json operation_json(const Route& route) {
  Json::Object operation{{"operationId", route.operation_id}, {"summary", route.summary}};
  if (!route.tag.empty()) operation.emplace_back("tags", Json::Array{route.tag});
  if (route.access == Access::open) {
    operation.emplace_back("description", "Needs no token.");
    operation.emplace_back("security", Json::Array{});
  } else if (route.access == Access::scope) {
    std::string scopes = "Scope `" + route.scope + "`";
    for (const std::string& scope : route.further_scopes) scopes += " and `" + scope + "`";
    operation.emplace_back("description", scopes + ".");
  } else {
    operation.emplace_back("description", "Any token; of each kind what its scopes allow.");
  }
  Json::Array parameters;
  for (const auto& parameter : route.parameters) parameters.push_back(parameter_json(parameter));
  if (!parameters.empty()) operation.emplace_back("parameters", std::move(parameters));
  if (!route.request_media_types.empty()) {
    operation.emplace_back(
        "requestBody",
        Json::Object{{"required", route.method != Method::put},
                     {"content", content_json(route.request_media_types, route.request_schema)}});
  }
  Json::Object responses;
  for (const auto& answer : route.answers) {
    responses.emplace_back(std::to_string(answer.status), answer_json(answer));
  }
  for (const auto& status : problem_statuses(route)) {
    responses.emplace_back(status, Json::Object{{"$ref", "#/components/responses/Problem"}});
  }
  operation.emplace_back("responses", std::move(responses));
  return operation;
}

// Tags that are no kind of record.
constexpr std::pair<std::string_view, std::string_view> kTags[] = {
    {"events", "What happened, as a feed that skips nothing."},
    {"jobs", "Work that the daemon does by itself, and its schedules."},
    {"lookup", "What people type, looked up in the registers of others."},
    {"mail", "How mail is taken in: explanations, quarantine, conservation."},
    {"meta", "What the service offers and who is asking."},
    {"record", "Records of any kind: what can be done to one, and its links."},
    {"rules", "The rules by which mail is read."},
    {"search", "One question over all kinds."},
    {"services", "Outside services: how they do, and every call to them."},
    {"webhooks", "Other applications told of what happens, and how that fares."},
    {"workspace", "What waits for whoever asks."},
};

std::string_view tag_doc(std::string_view tag, const store::Registry& registry) {
  if (const store::Resource* resource = registry.find(tag)) return resource->doc;
  const auto* const found =
      std::ranges::find(kTags, tag, &std::pair<std::string_view, std::string_view>::first);
  return found == std::end(kTags) ? std::string_view{} : found->second;
}

Json tags_json(std::span<const Route> routes, const store::Registry& registry) {
  std::set<std::string_view> names;
  for (const auto& route : routes) {
    if (!route.hidden && !route.tag.empty()) names.insert(route.tag);
  }
  Json::Array tags;
  for (const std::string_view name : names) {
    tags.push_back(Json::Object{{"name", name}, {"description", tag_doc(name, registry)}});
  }
  return tags;
}

Json components_json(const store::Registry& registry) {
  Json::Object schemas{{"Problem", problem_schema()},
                       {"RowProblem", row_problem_schema()},
                       {"HistoryEvent", history_event_schema()},
                       {"FeedEvent", feed_event_schema()}};
  for (const auto& resource : registry.all()) {
    const std::string name = component_name(resource->kind);
    schemas.emplace_back(name, record_schema(*resource, registry));
    if (resource->offers(store::Operation::create)) {
      schemas.emplace_back(name + "Create", create_schema(*resource));
      if (auto rows = create_with_rows_schema(*resource, registry)) {
        schemas.emplace_back(creation_component(*resource, registry), std::move(*rows));
      }
    }
    if (resource->offers(store::Operation::update)) {
      schemas.emplace_back(name + "Update", update_schema(*resource));
    }
    for (const auto& collection : resource->collections) {
      if (collection.link_table.empty()) continue;
      schemas.emplace_back(linked_component(*resource, collection),
                           linked_schema(collection, registry));
    }
  }
  const store::CardLayout card(registry);
  for (const auto& tab : card.tabs()) {
    schemas.emplace_back(card_component(tab), card_tab_schema(tab, registry));
  }
  const Json problem_example = Json::Object{
      {"type", "validation_failed"},
      {"title", "Validation failed"},
      {"status", 422},
      {"detail", "1 field is wrong"},
      {"instance", "/api/v1/counterparties"},
      {"request_id", "01939d1e-7c3a-7cc0-8f3b-3a54b1f3a0aa"},
      {"errors", Json::Array{Json::Object{{"pointer", "/inn"},
                                          {"code", "inn_checksum"},
                                          {"detail", "the check digits of the INN are wrong"}}}}};
  return Json::Object{
      {"schemas", std::move(schemas)},
      {"responses",
       Json::Object{{"Problem",
                     Json::Object{{"description", "What went wrong (RFC 9457)"},
                                  {"content",
                                   Json::Object{{std::string(kProblemJson),
                                                 Json::Object{{"schema", schema::ref("Problem")},
                                                              {"example", problem_example}}}}}}}}},
      {"securitySchemes",
       Json::Object{
           {"bearer",
            Json::Object{{"type", "http"},
                         {"scheme", "bearer"},
                         {"description",
                          "A token made by `client360 token create`. Its scopes are "
                          "`<resource>:read`, `<resource>:write`, `mail:read`, `mail:write`, "
                          "`admin`."}}}}}};
}

RouteHandler static_handler(std::shared_ptr<const std::string> body, std::string type) {
  return [body = std::move(body), type = std::move(type)](Request&,
                                                          Response& response) -> Result<void> {
    response.content_type = type;
    response.content_security_policy = kDocsPolicy;
    response.cache_control = "no-cache";
    response.body.assign(*body);
    return {};
  };
}

// The document is written at the first question for it: few ask, and every start would pay. What it
// says of the routes is a tree of megabytes, made for the writing alone.
RouteHandler document_handler(RoutesMaker routes, const store::Registry& registry,
                              std::string version) {
  struct Document {
    RoutesMaker routes;
    std::string version;
    std::once_flag written;
    RouteHandler answer;
  };
  auto document = std::make_shared<Document>();
  document->routes = std::move(routes);
  document->version = std::move(version);
  return [document, &registry](Request& request, Response& response) {
    std::call_once(document->written, [&] {
      auto text = openapi_document(document->routes(), registry, document->version);
      document->answer =
          static_handler(std::make_shared<const std::string>(std::move(text)), std::string(kJson));
    });
    return document->answer(request, response);
  };
}

RouteHandler asset_handler(std::string_view gzipped, std::string type) {
  return [gzipped, type = std::move(type)](Request&, Response& response) -> Result<void> {
    response.content_type = type;
    response.content_security_policy = kDocsPolicy;
    response.cache_control = "public, max-age=3600";
    response.add_header("Content-Encoding", "gzip");
    response.stream_size = gzipped.size();
    response.stream = [gzipped](const BodySink& sink) { return sink(gzipped); };
    return {};
  };
}

Route open_route(std::string path, std::string id, std::string summary, std::string type,
                 RouteHandler handler) {
  return {.method = Method::get,
          .path = std::move(path),
          .access = Access::open,
          .operation_id = std::move(id),
          .summary = std::move(summary),
          .tag = "meta",
          .handler = std::move(handler),
          .answers = {{.doc = "The file", .media_type = std::move(type)}},
          .hidden = true};
}

}  // namespace

std::string openapi_document(std::span<const Route> routes, const store::Registry& registry,
                             std::string_view version) {
  Json::Object paths;
  for (const auto& route : routes) {
    if (route.hidden) continue;
    auto at = std::ranges::find(paths, route.path, &Json::Member::first);
    if (at == paths.end()) {
      paths.emplace_back(route.path, Json::Object{});
      at = std::prev(paths.end());
    }
    at->second.set(lower(route.method), operation_json(route));
  }
  const Json document = Json::Object{
      {"openapi", "3.1.0"},
      {"info",
       Json::Object{
           {"title", "client360"},
           {"version", version},
           {"description",
            "CRM records and mail intake. Writes carry `If-Match`; a POST, PATCH or DELETE may "
            "carry `Idempotency-Key`. Errors are problem details (RFC 9457). Lists: "
            "`?status=new,paused&amount.gte=1000&q=text&sort=-date_received&fields=id,name"
            "&include=contacts&limit=50&cursor=…&count=exact`."},
           {"contact", Json::Object{{"name", "The administrators of this installation"}}}}},
      {"servers", Json::Array{Json::Object{{"url", "/"}}}},
      {"security", Json::Array{Json::Object{{"bearer", Json::Array{}}}}},
      {"tags", tags_json(routes, registry)},
      {"paths", std::move(paths)},
      {"components", components_json(registry)}};
  return document.dump();
}

void add_documentation_routes(std::vector<Route>& routes, const store::Registry& registry,
                              std::string_view version, RoutesMaker described) {
  Route self = open_route("/api/v1/openapi.json", "get_openapi", "This document",
                          std::string(kJson), nullptr);
  self.hidden = false;
  self.answers.front().schema = schema::any("OpenAPI 3.1");
  routes.push_back(std::move(self));
  routes.back().handler = document_handler(std::move(described), registry, std::string(version));

  const std::string html = "text/html; charset=utf-8";
  const std::string script = "text/javascript; charset=utf-8";
  routes.push_back(
      open_route("/docs", "get_docs", "The document in the browser", html,
                 static_handler(std::make_shared<const std::string>(kDocsPage), html)));
  routes.push_back(
      open_route("/docs/init.js", "get_docs_script", "Starts the page", script,
                 static_handler(std::make_shared<const std::string>(kDocsScript), script)));
  routes.push_back(open_route("/docs/swagger-ui-bundle.js", "get_docs_bundle", "Swagger UI", script,
                              asset_handler(docs_bundle(), script)));
  routes.push_back(open_route("/docs/swagger-ui.css", "get_docs_style", "Swagger UI", "text/css",
                              asset_handler(docs_style(), "text/css")));
}

}  // namespace c360::api
