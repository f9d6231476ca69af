#include "api/action_routes.h"

#include <algorithm>

#include "api/auth.h"
#include "api/preconditions.h"
#include "api/problem.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "api/write_once.h"
#include "store/operations/board.h"

namespace c360::api {
namespace {

using store::Action;
using store::ActionResult;
using store::Actions;
using store::Resource;
using store::Transaction;

constexpr store::Sql kKindOfRecord{"api_record_kind",
                                   "SELECT kind FROM crm.record WHERE id = $1::bigint"};

// What the route table keeps alive.
struct Context {
  ApiServices services;
  std::shared_ptr<const Actions> actions;
  std::uint64_t limit;
};

std::string item_path(const Resource& resource) {
  return std::string(kApiPrefix) + "/" + std::string(resource.path);
}

void write_result(const store::Registry& registry, const Action& action, ActionResult&& result,
                  Response& response) {
  const Resource* answered = action.answers.empty() ? nullptr : &registry.get(action.answers);
  response.json(result.json, action.queues ? 202 : result.created ? 201 : 200);
  if (answered == nullptr) return;
  if (result.created) {
    response.add_header("Location", item_path(*answered) + "/" + std::to_string(result.id));
  }
  if (result.version > 0) response.add_header("ETag", etag_of(result.version));
}

Result<ActionResult> performed(const Context& context, Transaction* transaction,
                               const Resource& resource, const Action& action, std::int64_t id,
                               const Json& body, const store::Actor& actor,
                               std::optional<std::int64_t> version) {
  store::Records& records = context.services.records;
  if (transaction != nullptr) {
    return store::perform(records, *transaction, resource, action, id, body, actor, version);
  }
  return store::perform(context.services.database, records, resource, action, id, body, actor,
                        version);
}

// A body may be left out where nothing must be said.
Result<Json> read_parameters(Request& request, std::uint64_t limit, std::string& text) {
  auto read = request.read_body(limit);
  if (!read) return std::unexpected(std::move(read).error());
  text = std::move(*read);
  if (text.empty()) return Json(Json::Object{});
  auto json = Json::parse(text);
  if (json && !json->is_object()) {
    return fail(ErrorCode::invalid_request,
                "the body is a JSON " + std::string(json->type_name()) + ", not an object");
  }
  return json;
}

RouteHandler action_handler(const Context& context, const Resource& resource,
                            const Action& action) {
  return [context, &resource, &action](Request& request, Response& response) -> Result<void> {
    auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    auto version = offered_version(request);
    if (!version) return std::unexpected(version.error());
    std::string text;
    auto body = read_parameters(request, context.limit, text);
    if (!body) return std::unexpected(std::move(body).error());
    const store::Actor actor = actor_of(request);
    auto done = write_once(
        context.services, request, text, response,
        [&](Transaction* transaction, Response& answer) -> Result<void> {
          auto result =
              performed(context, transaction, resource, action, *id, *body, actor, *version);
          if (!result) return std::unexpected(std::move(result).error());
          write_result(context.services.records.registry(), action, std::move(*result), answer);
          return {};
        });
    if (done || done.error().code != ErrorCode::not_found) return done;
    // It may have been merged into another: then that one is told.
    auto seen =
        sees_record(context.services, resource, request, "/" + std::string(action.name), response);
    if (seen && !*seen) return {};
    return done;
  };
}

// -- Many at once ---------------------------------------------------------------------------------

struct BulkBody {
  std::vector<std::int64_t> ids;
  Json parameters = Json(Json::Object{});
};

Result<BulkBody> read_bulk(const Json& body) {
  BulkBody bulk;
  const auto wrong = [](std::string detail, std::string code) {
    Error error{.code = ErrorCode::validation_failed, .detail = detail, .reason = code};
    error.fields.push_back({"/ids", std::move(code), std::move(detail)});
    return std::unexpected(std::move(error));
  };
  const Json* ids = body.find("ids");
  if (ids == nullptr || !ids->is_array() || ids->as_array().empty()) {
    return wrong("Send ids: a list of record ids.", "ids_required");
  }
  if (ids->as_array().size() > store::kMaxBulkIds) {
    return wrong("At most " + std::to_string(store::kMaxBulkIds) + " ids in one call.", "too_many");
  }
  for (const Json& each : ids->as_array()) {
    const auto id = each.is_number() ? each.as_int64() : std::nullopt;
    if (!id || *id <= 0) return wrong("Ids are positive whole numbers.", "invalid_value");
    bulk.ids.push_back(*id);
  }
  for (const auto& [name, value] : body.as_object()) {
    if (name != "ids") bulk.parameters.set(name, value);
  }
  return bulk;
}

void write_bulk(const std::vector<store::PerformedItem>& items, const Request& request,
                Response& response) {
  JsonWriter out;
  std::int64_t failed = 0;
  out.begin_object().key("results").begin_array();
  for (const store::PerformedItem& item : items) {
    out.begin_object().member("id", item.id).member("ok", item.result.has_value());
    if (item.result) {
      out.key("record").raw(item.result->json);
    } else {
      ++failed;
      Response problem;
      write_problem(problem, item.result.error(),
                    {.instance = request.path, .request_id = request.request_id});
      out.key("problem").raw(problem.body);
    }
    out.end_object();
  }
  out.end_array().member("failed", failed).end_object();
  response.json(out.view());
}

Result<void> perform_bulk(const Context& context, Transaction* transaction,
                          const Resource& resource, const Action& action, const BulkBody& bulk,
                          const store::Actor& actor, const Request& request, Response& answer) {
  store::Records& records = context.services.records;
  for (int attempt = 1;; ++attempt) {
    std::optional<Transaction> own;
    if (transaction == nullptr) {
      auto begun = context.services.database.begin(store::Pool::api, store::TxMode::read_write);
      if (!begun) return std::unexpected(begun.error());
      own.emplace(std::move(*begun));
    }
    Transaction& tx = own ? *own : *transaction;
    auto items =
        store::perform_each(records, tx, resource, action, bulk.ids, bulk.parameters, actor);
    Result<void> done = items ? Result<void>{} : std::unexpected(items.error());
    if (done && own) done = own->commit();
    if (done) {
      write_bulk(*items, request, answer);
      return {};
    }
    if (!own || !store::worth_another_try(done.error()) || attempt == store::kActionAttempts) {
      return done;
    }
    own.reset();
    store::wait_before_attempt(attempt);
  }
}

RouteHandler bulk_handler(const Context& context, const Resource& resource, const Action& action) {
  return [context, &resource, &action](Request& request, Response& response) -> Result<void> {
    std::string text;
    auto body = read_object(request, context.limit, text);
    if (!body) return std::unexpected(std::move(body).error());
    auto bulk = read_bulk(*body);
    if (!bulk) return std::unexpected(std::move(bulk).error());
    const store::Actor actor = actor_of(request);
    return write_once(context.services, request, text, response,
                      [&](Transaction* transaction, Response& answer) {
                        return perform_bulk(context, transaction, resource, action, *bulk, actor,
                                            request, answer);
                      });
  };
}

// -- The board ------------------------------------------------------------------------------------

// A card moved to another column is the change of a status, with its guards.
RouteHandler move_handler(const Context& context, const Resource& resource, const Action& action) {
  return [context, &resource, &action](Request& request, Response& response) -> Result<void> {
    auto version = offered_version(request);
    if (!version) return std::unexpected(version.error());
    std::string text;
    auto body = read_object(request, context.limit, text);
    if (!body) return std::unexpected(std::move(body).error());
    const Json* sent = body->find("id");
    const auto id = sent != nullptr && sent->is_number() ? sent->as_int64() : std::nullopt;
    if (!id || *id <= 0) {
      Error error{.code = ErrorCode::validation_failed,
                  .detail = "Send the id of the card.",
                  .reason = "id_required"};
      error.fields.push_back({"/id", "id_required", "The id of the card."});
      return std::unexpected(std::move(error));
    }
    std::erase_if(body->as_object(), [](const Json::Member& each) { return each.first == "id"; });
    const store::Actor actor = actor_of(request);
    return write_once(
        context.services, request, text, response,
        [&](Transaction* transaction, Response& answer) -> Result<void> {
          auto result =
              performed(context, transaction, resource, action, *id, *body, actor, *version);
          if (!result) return std::unexpected(std::move(result).error());
          write_result(context.services.records.registry(), action, std::move(*result), answer);
          return {};
        });
  };
}

// -- What may be done -----------------------------------------------------------------------------

// The choices of `status` are those the caller may make from here.
Json schema_from(const Action& action, const Resource& resource, const store::Registry& registry,
                 std::string_view status, const store::Actor& actor) {
  Json schema = action_schema(action, registry);
  const bool moves = action.name == "status" && !resource.statuses.empty();
  if (!moves) return schema;
  Json::Array codes;
  for (const auto& each : resource.statuses) {
    if (each.code == status || (each.administrators_only && !actor.is_administrator())) continue;
    codes.emplace_back(each.code);
  }
  Json properties = *schema.find("properties");
  Json field = *properties.find("status");
  field.set("enum", std::move(codes));
  properties.set("status", std::move(field));
  schema.set("properties", std::move(properties));
  return schema;
}

void write_offered(const Context& context, const Resource& resource, std::int64_t id,
                   const store::Offered& offered, const store::Actor& actor, Response& response) {
  const store::Registry& registry = context.services.records.registry();
  const std::string path = item_path(resource) + "/" + std::to_string(id);
  JsonWriter out;
  out.begin_object().member("id", id).member("kind", resource.kind);
  out.key("status");
  offered.status.empty() ? out.null() : out.string(offered.status);
  out.key("actions").begin_array();
  const auto write = [&](std::string_view name, std::string_view method, const std::string& href,
                         const store::Label& label, std::string_view doc, const Json& schema) {
    out.begin_object()
        .member("name", name)
        .member("method", method)
        .member("href", href)
        .member("label_ru", label.ru)
        .member("label_en", label.en)
        .member("doc", doc);
    out.key("schema").value(schema).end_object();
  };
  for (const std::string& name : offered.names) {
    if (name == "update") {
      write(name, "PATCH", path, {"Изменить", "Edit"}, "Needs If-Match.", update_schema(resource));
    } else if (name == "delete") {
      write(name, "DELETE", path, {"Удалить", "Delete"}, "Needs If-Match.", nullptr);
    } else if (const Action* action = context.actions->find(resource, name)) {
      write(name, "POST", path + "/" + name, action->label, action->doc,
            schema_from(*action, resource, registry, offered.status, actor));
    }
  }
  out.end_array().end_object();
  response.json(out.view());
}

Result<void> offered_handler(const Context& context, const Resource& resource, Request& request,
                             Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  const store::Actor actor = actor_of(request);
  auto offered = store::offered_actions(context.services.database, context.services.records,
                                        *context.actions, resource, *id, actor);
  if (!offered) return std::unexpected(std::move(offered).error());
  if (offered->moved_to) {
    redirect_to(*offered->moved_to, resource, "/actions", response);
    return {};
  }
  keep_permitted(request, context.services.records.registry(), *context.actions, resource,
                 offered->names);
  write_offered(context, resource, *id, *offered, actor, response);
  return {};
}

Json offered_schema() {
  return schema::object({{"id", schema::integer()},
                         {"kind", schema::string()},
                         {"status", schema::nullable(schema::string())},
                         {"actions", schema::array(schema::object(
                                         {{"name", schema::string()},
                                          {"method", schema::one_of({"POST", "PATCH", "DELETE"})},
                                          {"href", schema::string()},
                                          {"label_ru", schema::string()},
                                          {"label_en", schema::string()},
                                          {"doc", schema::string()},
                                          {"schema", schema::any("JSON Schema of the body")}},
                                         {"name", "method", "href", "label_ru", "label_en"}))}},
                        {"id", "kind", "actions"});
}

// -- The table ------------------------------------------------------------------------------------

std::string underscored(std::string_view name) {
  std::string text(name);
  std::ranges::replace_if(text, [](char c) { return c == '-' || c == '/'; }, '_');
  return text;
}

Parameter id_parameter() {
  return {.name = "id",
          .place = ParameterPlace::path,
          .doc = "Id of the record",
          .schema = schema::integer(),
          .required = true};
}

Parameter header_parameter(std::string name, std::string doc) {
  return {.name = std::move(name),
          .place = ParameterPlace::header,
          .doc = std::move(doc),
          .schema = schema::string()};
}

Parameter idempotency_parameter() {
  return header_parameter("Idempotency-Key",
                          "Makes a repetition harmless for 72 h; at most 255 characters");
}

Json answer_schema(const Action& action) {
  if (!action.answers.empty()) return schema::ref(component_name(action.answers));
  auto parsed = Json::parse(action.answer_schema);
  return parsed ? std::move(*parsed) : schema::any();
}

Route action_route(const Context& context, const Resource& resource, const Action& action) {
  Route route{.method = Method::post,
              .path = item_path(resource) + "/{id}/" + std::string(action.name),
              .access = Access::scope,
              .scope = scope_of(resource, true),
              .operation_id = underscored(action.name) + "_" + std::string(resource.kind),
              .summary = std::string(action.label.en) + ": " + std::string(resource.label.en),
              .tag = std::string(resource.kind),
              .handler = action_handler(context, resource, action),
              .parameters = {id_parameter(),
                             header_parameter("If-Match",
                                              "ETag of the record; 412 when it has "
                                              "changed"),
                             idempotency_parameter()},
              .request_media_types = {std::string(kJson)},
              .request_schema = action_schema(action, context.services.records.registry()),
              .max_body_bytes = context.limit};
  // What is made is of a kind with a scope of its own.
  if (action.creates && !action.answers.empty() && action.answers != resource.kind) {
    const store::Registry& registry = context.services.records.registry();
    route.further_scopes = {scope_of(registry.get(action.answers), true)};
  }
  std::vector<std::string> headers;
  if (!action.answers.empty()) headers.emplace_back("ETag");
  route.answers.push_back({.status = action.queues ? 202 : 200,
                           .doc = std::string(action.doc),
                           .media_type = std::string(kJson),
                           .schema = answer_schema(action),
                           .headers = headers});
  if (action.creates) {
    headers.emplace_back("Location");
    route.answers.push_back({.status = 201,
                             .doc = "Made",
                             .media_type = std::string(kJson),
                             .schema = answer_schema(action),
                             .headers = headers});
  }
  route.answers.push_back(moved_answer());
  return route;
}

Route bulk_route(const Context& context, const Resource& resource, const Action& action) {
  Json ids = schema::array(schema::integer(), "Each by itself, in ascending order");
  ids.set("minItems", 1);
  ids.set("maxItems", static_cast<std::int64_t>(store::kMaxBulkIds));
  Json body = action_schema(action, context.services.records.registry());
  Json properties = *body.find("properties");
  properties.set("ids", std::move(ids));
  Json::Array required =
      body.find("required") != nullptr ? body.find("required")->as_array() : Json::Array{};
  required.emplace_back("ids");
  body.set("properties", std::move(properties));
  body.set("required", std::move(required));
  Json item = schema::object({{"id", schema::integer()},
                              {"ok", schema::boolean()},
                              {"record", answer_schema(action)},
                              {"problem", schema::ref("Problem")}},
                             {"id", "ok"});
  return {.method = Method::post,
          .path = item_path(resource) + "/" + std::string(action.name),
          .access = Access::scope,
          .scope = scope_of(resource, true),
          .operation_id = underscored(action.name) + "_" + std::string(resource.kind) + "_each",
          .summary = std::string(action.label.en) +
                     ", many at once: " + std::string(resource.label_plural.en),
          .tag = std::string(resource.kind),
          .handler = bulk_handler(context, resource, action),
          .parameters = {idempotency_parameter()},
          .request_media_types = {std::string(kJson)},
          .request_schema = std::move(body),
          .max_body_bytes = context.limit,
          .answers = {{.doc = "What became of each",
                       .media_type = std::string(kJson),
                       .schema = schema::object(
                           {{"results", schema::array(std::move(item))},
                            {"failed", schema::integer("How many of them could not be done")}},
                           {"results", "failed"})}}};
}

Route move_route(const Context& context, const Resource& resource, const Action& action) {
  Json body = action_schema(action, context.services.records.registry());
  Json properties = *body.find("properties");
  properties.set("id", schema::integer("Of the card"));
  body.set("properties", std::move(properties));
  body.set("required", Json::Array{"id", "status"});
  return {
      .method = Method::post,
      .path = std::string(kApiPrefix) + "/boards/" + std::string(resource.path) + "/move",
      .access = Access::scope,
      .scope = scope_of(resource, true),
      .operation_id = "move_" + std::string(resource.kind),
      .summary = "Move a card to another column: " + std::string(resource.label_plural.en),
      .tag = std::string(resource.kind),
      .handler = move_handler(context, resource, action),
      .parameters = {header_parameter("If-Match", "ETag of the record; 412 when it has changed"),
                     idempotency_parameter()},
      .request_media_types = {std::string(kJson)},
      .request_schema = std::move(body),
      .max_body_bytes = context.limit,
      .answers = {{.doc = "The card in its new column",
                   .media_type = std::string(kJson),
                   .schema = answer_schema(action),
                   .headers = {"ETag"}}}};
}

Route offered_route(const Context& context, const Resource& resource) {
  return {.method = Method::get,
          .path = item_path(resource) + "/{id}/actions",
          .access = Access::scope,
          .scope = scope_of(resource, false),
          .operation_id = "actions_" + std::string(resource.kind),
          .summary = "What the caller may do to it now: " + std::string(resource.label.en),
          .tag = std::string(resource.kind),
          .handler =
              [context, &resource](Request& request, Response& response) {
                return offered_handler(context, resource, request, response);
              },
          .parameters = {id_parameter()},
          .answers = {
              {.doc = "The actions", .media_type = std::string(kJson), .schema = offered_schema()},
              moved_answer()}};
}

// The kind is found by the id; then the scope of that kind is asked for.
Route any_offered_route(const Context& context) {
  return {.method = Method::get,
          .path = std::string(kApiPrefix) + "/records/{id}/actions",
          .access = Access::caller,
          .operation_id = "actions_record",
          .summary = "What the caller may do to a record of any kind now",
          .tag = "record",
          .handler = [context](Request& request, Response& response) -> Result<void> {
            auto resource = resource_of_record(context.services, request, false);
            if (!resource) return std::unexpected(std::move(resource).error());
            return offered_handler(context, **resource, request, response);
          },
          .parameters = {id_parameter()},
          .answers = {
              {.doc = "The actions", .media_type = std::string(kJson), .schema = offered_schema()},
              moved_answer()}};
}

}  // namespace

Result<const Resource*> resource_of_record(const ApiServices& services, const Request& request,
                                           bool write) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto rows = services.database.execute(store::Pool::api, kKindOfRecord, store::Params{}.add(*id));
  if (!rows) return std::unexpected(std::move(rows).error());
  const Resource* resource =
      rows->empty() ? nullptr : services.records.registry().find(rows->text(0, 0));
  const auto unseen = [&] {
    return fail(ErrorCode::not_found,
                "There is no record " + std::to_string(*id) + ", or you may not see it.",
                "not_found");
  };
  // Without the scope of its kind, or the right to read it, the token learns nothing of it, not
  // even the kind.
  if (resource == nullptr || !request.caller->has_scope(scope_of(*resource, write))) {
    return unseen();
  }
  auto seen = services.records.get(*resource, std::to_string(*id), actor_of(request),
                                   {{"fields", std::string(resource->key)}});
  if (seen) return resource;
  if (seen.error().code == ErrorCode::not_found) return unseen();
  return std::unexpected(std::move(seen).error());
}

void keep_permitted(const Request& request, const store::Registry& registry, const Actions& actions,
                    const Resource& resource, std::vector<std::string>& names) {
  if (!request.caller->has_scope(scope_of(resource, true))) names.clear();
  std::erase_if(names, [&](const std::string& name) {
    const Action* action = actions.find(resource, name);
    return action != nullptr && action->creates && !action->answers.empty() &&
           !request.caller->has_scope(scope_of(registry.get(action->answers), true));
  });
}

Json action_schema(const Action& action, const store::Registry& registry) {
  Json::Object properties;
  std::vector<std::string> required;
  for (const auto& parameter : action.parameters) {
    properties.emplace_back(parameter.name, field_schema(parameter, false));
    if (parameter.is_not_null && !parameter.default_value) {
      required.emplace_back(parameter.name);
    }
  }
  if (!action.fields_of.empty()) {
    const Resource& resource = registry.get(action.fields_of);
    const Json fields = action.fields_are_new ? create_schema(resource) : update_schema(resource);
    for (const auto& [name, field] : fields.find("properties")->as_object()) {
      if (std::ranges::find(properties, name, &Json::Member::first) != properties.end()) continue;
      properties.emplace_back(name, field);
    }
  }
  return schema::object(std::move(properties), std::move(required), action.doc);
}

void add_action_routes(std::vector<Route>& routes, const ApiServices& services,
                       const ApiOptions& options) {
  const store::Registry& registry = services.records.registry();
  const Context context{services, std::make_shared<const Actions>(registry),
                        options.max_json_bytes};
  for (const auto& resource : registry.all()) {
    if (!resource->is_record || !resource->offers(store::Operation::get)) continue;
    for (const Action& action : context.actions->of(*resource)) {
      if (action.handler == nullptr) continue;  // record_routes has it
      routes.push_back(action_route(context, *resource, action));
      if (action.in_bulk) routes.push_back(bulk_route(context, *resource, action));
      if (action.name == "status" && !store::board_columns(*resource).empty()) {
        routes.push_back(move_route(context, *resource, action));
      }
    }
    routes.push_back(offered_route(context, *resource));
  }
  routes.push_back(any_offered_route(context));
}

}  // namespace c360::api
