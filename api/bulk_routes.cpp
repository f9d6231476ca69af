#include "api/bulk_routes.h"

#include <array>
#include <span>
#include <string>
#include <utility>

#include "api/preconditions.h"
#include "api/problem.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/russian.h"
#include "api/schema.h"
#include "api/write_once.h"
#include "store/bulk.h"
#include "store/draft.h"
#include "store/upsert.h"

namespace c360::api {
namespace {

using store::BulkAction;
using store::BulkItem;
using store::BulkOptions;
using store::BulkRow;
using store::Operation;
using store::Resource;
using store::Transaction;

constexpr std::array<std::pair<std::string_view, BulkAction>, 3> kActions = {
    {{"create", BulkAction::create},
     {"update", BulkAction::update},
     {"upsert", BulkAction::upsert}}};

bool creates(const Resource& resource) {
  // A document is made by its content: document_routes.
  return resource.offers(Operation::create) && resource.kind != "document";
}

// -- What was asked for ---------------------------------------------------------------------------

void wrong(std::vector<FieldError>& problems, std::string pointer, std::string code,
           std::string detail) {
  problems.push_back({std::move(pointer), std::move(code), std::move(detail)});
}

bool takes(const Resource& resource, BulkAction action) {
  switch (action) {
    case BulkAction::create:
      return creates(resource);
    case BulkAction::update:
      return resource.offers(Operation::update);
    case BulkAction::upsert:
      return creates(resource) && store::has_natural_keys(resource);
  }
  return false;
}

// `id` of an update: a number, or a code where the resource has codes.
std::string key_text(const Json& value) {
  if (value.is_string()) return value.as_string();
  const auto number = value.as_int64();
  return number ? std::to_string(*number) : std::string();
}

void read_version(const Resource& resource, const Json& item, BulkItem& read,
                  std::vector<FieldError>& problems) {
  const Json* version = item.find("row_version");
  if (version == nullptr) {
    if (read.action == BulkAction::update && resource.has_versions) {
      wrong(problems, read.item_pointer + "/row_version", "row_version_required",
            "Send the row_version of the record as you read it, or \"*\" for any.");
    }
    return;
  }
  if (version->is_string() && version->as_string() == "*") return;
  read.expected_version = version->is_number() ? version->as_int64() : std::nullopt;
  if (!read.expected_version) {
    wrong(problems, read.item_pointer + "/row_version", "wrong_type",
          "Expected a whole number, or \"*\".");
  }
}

void read_item(const Resource& resource, const Json& item, std::size_t index,
               std::vector<BulkItem>& items, std::vector<FieldError>& problems) {
  BulkItem read;
  read.item_pointer = "/items/" + std::to_string(index);
  const Json* body = nullptr;
  for (const auto& [name, action] : kActions) {
    const Json* found = item.find(name);
    if (found == nullptr) continue;
    if (body != nullptr || !takes(resource, action)) {
      wrong(problems, read.item_pointer + "/" + std::string(name), "unknown_action",
            "A row is one of create, update and upsert, as far as the resource has it.");
      return;
    }
    body = found;
    read.action = action;
    read.pointer = read.item_pointer + "/" + std::string(name);
  }
  if (body == nullptr) {
    wrong(problems, read.item_pointer, "unknown_action",
          "A row is an object with create, update or upsert.");
    return;
  }
  if (!body->is_object()) {
    wrong(problems, read.pointer, "wrong_type", "Expected an object of fields.");
    return;
  }
  read.body = *body;
  const std::string_view key_name = read.action == BulkAction::upsert ? "key" : "id";
  for (const auto& [name, value] : item.as_object()) {
    const bool known = &value == body || (read.action != BulkAction::create &&
                                          (name == key_name || name == "row_version"));
    if (!known) {
      wrong(problems, read.item_pointer + store::pointer_segment(name), "unknown_field",
            "Not a member of such a row.");
    }
  }
  if (read.action != BulkAction::create) {
    const Json* key = item.find(key_name);
    read.key = key != nullptr ? key_text(*key) : std::string();
    if (read.key.empty()) {
      wrong(problems, read.item_pointer + "/" + std::string(key_name), "key_required",
            read.action == BulkAction::upsert ? "The natural key, such as inn:7707083893."
                                              : "The id of the record.");
    }
    read_version(resource, item, read, problems);
  }
  items.push_back(std::move(read));
}

Result<std::vector<BulkItem>> read_items(const Resource& resource, const Json& body,
                                         std::size_t max_rows) {
  const Json* list = body.find("items");
  if (list == nullptr || !list->is_array() || body.as_object().size() != 1) {
    return fail(ErrorCode::invalid_request,
                "the body is {\"items\": [{\"create\": {…}}, {\"id\": 17, \"row_version\": 3, "
                "\"update\": {…}}]}");
  }
  if (list->as_array().empty() || list->as_array().size() > max_rows) {
    Error error{ErrorCode::validation_failed,
                "items holds 1 to " + std::to_string(max_rows) +
                    " rows (api.max_bulk_rows); send more in several requests",
                "too_many_rows",
                {},
                {}};
    error.fields.push_back(
        {"/items", "too_many_rows", "1 to " + std::to_string(max_rows) + " rows."});
    return std::unexpected(std::move(error));
  }
  std::vector<BulkItem> items;
  std::vector<FieldError> problems;
  for (std::size_t i = 0; i < list->as_array().size(); ++i) {
    read_item(resource, list->as_array()[i], i, items, problems);
  }
  if (problems.empty()) return items;
  return std::unexpected(Error{ErrorCode::validation_failed,
                               "the rows are not written as they should be; see errors",
                               problems.front().code,
                               std::move(problems),
                               {}});
}

Result<BulkOptions> read_options(const Request& request) {
  BulkOptions options;
  auto write = creation_options(request);
  if (!write) return std::unexpected(std::move(write).error());
  options.write = *write;
  auto dry_run = flag_parameter(request, "dry_run");
  if (!dry_run) return std::unexpected(std::move(dry_run).error());
  options.dry_run = *dry_run;
  const auto mode = request.query_value("mode").value_or("all");
  if (mode != "all" && mode != "each") {
    return fail(ErrorCode::invalid_request, "mode is all or each");
  }
  options.each = mode == "each";
  return options;
}

// -- The report -----------------------------------------------------------------------------------

int status_of(const BulkRow& row) {
  if (row.error) return traits(row.error->code).http_status;
  return row.created ? 201 : 200;
}

void write_report(std::span<const BulkRow> rows, const BulkOptions& options, bool russian,
                  Response& response) {
  std::int64_t created = 0;
  std::int64_t failed = 0;
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const BulkRow& row = rows[i];
    created += !row.error && row.created ? 1 : 0;
    failed += row.error ? 1 : 0;
    writer.begin_object();
    writer.member("index", static_cast<std::int64_t>(i)).member("status", status_of(row));
    if (row.error) {
      writer.key("problem");
      write_row_problem(writer, *row.error, russian);
    } else {
      writer.key("record").raw(row.view.json);
    }
    writer.end_object();
  }
  writer.end_array();
  const auto total = static_cast<std::int64_t>(rows.size());
  writer.member("created", created)
      .member("updated", total - created - failed)
      .member("failed", failed)
      .member("dry_run", options.dry_run)
      .end_object();
  response.json(writer.view());
}

RouteHandler bulk_handler(const ApiServices& services, const Resource& resource,
                          const ApiLimits& limits) {
  return [services, &resource, limits](Request& request, Response& response) -> Result<void> {
    auto options = read_options(request);
    if (!options) return std::unexpected(std::move(options).error());
    std::string text;
    auto body = read_object(request, limits.max_bulk_bytes, text);
    if (!body) return std::unexpected(std::move(body).error());
    auto items = read_items(resource, *body, limits.max_bulk_rows);
    if (!items) return std::unexpected(std::move(items).error());
    const store::Actor actor = actor_of(request);
    const auto run = [&](Transaction& transaction, Response& answer) -> Result<void> {
      auto rows = store::bulk(services.records, transaction, resource, *items, actor, *options);
      if (!rows) return std::unexpected(std::move(rows).error());
      write_report(*rows, *options, wants_russian(request), answer);
      return {};
    };
    return write_once(
        services, request, text, response, [&](Transaction* transaction, Response& answer) {
          if (transaction != nullptr) return run(*transaction, answer);
          return store::in_transaction(services.database, store::Pool::api,
                                       [&](Transaction& own) { return run(own, answer); });
        });
  };
}

// -- By natural key -------------------------------------------------------------------------------

Result<store::UpsertOptions> upsert_options(const Request& request, const Resource& resource) {
  store::UpsertOptions options;
  auto write = creation_options(request);
  if (!write) return std::unexpected(std::move(write).error());
  options.write = *write;
  options.write.finish = store::Finish::run;
  if (resource.has_versions) {
    auto version = offered_version(request);
    if (!version) return std::unexpected(std::move(version).error());
    options.write.expected_version = *version;
  }
  if (const auto none = request.header("if-none-match")) {
    if (*none != "*") {
      return fail(ErrorCode::invalid_request, "If-None-Match of a PUT is *", "if_none_match");
    }
    options.only_create = true;
  }
  return options;
}

RouteHandler upsert_handler(const ApiServices& services, const Resource& resource,
                            const ApiOptions& options) {
  return [services, &resource, limit = options.max_json_bytes](Request& request,
                                                               Response& response) -> Result<void> {
    auto key = store::parse_natural_key(resource, request.path_value(0));
    if (!key) return std::unexpected(std::move(key).error());
    auto write = upsert_options(request, resource);
    if (!write) return std::unexpected(std::move(write).error());
    std::string text;
    auto body = read_object(request, limit, text);
    if (!body) return std::unexpected(std::move(body).error());
    const store::Actor actor = actor_of(request);
    const auto run = [&](Transaction& transaction, Response& answer) -> Result<void> {
      auto done =
          store::upsert(services.records, transaction, resource, *key, *body, actor, *write);
      if (!done) return std::unexpected(std::move(done).error());
      answer.headers.clear();  // of an attempt before
      if (done->created) answer.add_header("Location", location_of(resource, done->view.key));
      write_record(std::move(done->view), resource, answer, done->created ? 201 : 200);
      return {};
    };
    return write_once(
        services, request, text, response, [&](Transaction* transaction, Response& answer) {
          if (transaction != nullptr) return run(*transaction, answer);
          return store::in_transaction(services.database, store::Pool::api,
                                       [&](Transaction& own) { return run(own, answer); });
        });
  };
}

// -- The routes -----------------------------------------------------------------------------------

Parameter idempotency_key() {
  return {.name = "Idempotency-Key",
          .place = ParameterPlace::header,
          .doc = "Makes a repetition harmless for 72 h; at most 255 characters",
          .schema = schema::string()};
}

void add_creation_parameters(Route& route, const Resource& resource) {
  if (!resource.is_record) return;
  route.parameters.push_back({.name = "profile",
                              .doc = "What must be there of a new one",
                              .schema = schema::one_of({"full", "requisites"})});
  route.parameters.push_back({.name = "strict",
                              .doc = "A possible duplicate is 409, not a warning",
                              .schema = schema::boolean()});
  route.parameters.push_back(
      {.name = "lenient",
       .doc = "Import: wrong check digits are stored and told in missing_fields and warnings",
       .schema = schema::boolean()});
}

Json item_schema(const Resource& resource, const std::string& component) {
  const bool coded = resource.key_type == store::KeyType::text;
  Json::Object properties;
  if (takes(resource, BulkAction::create)) {
    properties.emplace_back("create", schema::ref(component + "Create"));
  }
  if (takes(resource, BulkAction::update)) {
    properties.emplace_back("update", schema::ref(component + "Update"));
    properties.emplace_back("id",
                            coded ? schema::string("Of update") : schema::integer("Of update"));
  }
  if (takes(resource, BulkAction::upsert)) {
    properties.emplace_back("upsert", schema::ref(component + "Create"));
    properties.emplace_back("key", schema::string("Of upsert: a natural key, NAME:VALUE with " +
                                                  store::natural_key_names(resource)));
  }
  if (resource.has_versions) {
    Json version = schema::any("Of update and upsert: the version as it was read; \"*\" for any");
    version.set("type", Json::Array{"integer", "string"});
    properties.emplace_back("row_version", std::move(version));
  }
  return schema::object(std::move(properties), {}, "One of create, update and upsert");
}

Json report_schema(const std::string& component) {
  const Json row =
      schema::object({{"index", schema::integer("Of the row, from 0")},
                      {"status", schema::integer("As if it had been sent alone: 201, 200, 422, …")},
                      {"record", schema::ref(component)},
                      {"problem", schema::ref("RowProblem")}},
                     {"index", "status"});
  return schema::object({{"items", schema::array(row)},
                         {"created", schema::integer()},
                         {"updated", schema::integer()},
                         {"failed", schema::integer()},
                         {"dry_run", schema::boolean("Nothing was stored; ids and numbers are "
                                                     "those of the rehearsal")}},
                        {"items", "created", "updated", "failed", "dry_run"});
}

void add_bulk(std::vector<Route>& routes, const ApiServices& services, const ApiOptions& options,
              const Resource& resource) {
  const std::string component = component_name(resource.kind);
  Route route{.method = Method::post,
              .path = std::string(kApiPrefix) + "/" + std::string(resource.path) + "/bulk",
              .access = Access::scope,
              .scope = scope_of(resource, true),
              .operation_id = "bulk_" + std::string(resource.kind),
              .summary = "Create and change many: " + std::string(resource.label_plural.en),
              .tag = std::string(resource.kind),
              .handler = bulk_handler(services, resource, options.limits),
              .max_body_bytes = options.limits.max_bulk_bytes};
  route.parameters = {
      {.name = "mode",
       .doc = "all: one wrong row and nothing is stored (default); each: every row by itself",
       .schema = schema::one_of({"all", "each"})},
      {.name = "dry_run",
       .doc = "Everything is checked and shown as it would be, nothing is stored",
       .schema = schema::boolean()},
      idempotency_key()};
  add_creation_parameters(route, resource);
  route.request_media_types = {std::string(kJson)};
  Json rows = schema::array(item_schema(resource, component));
  rows.set("minItems", 1);
  rows.set("maxItems", static_cast<std::int64_t>(options.limits.max_bulk_rows));
  route.request_schema = schema::object({{"items", std::move(rows)}}, {"items"});
  route.answers = {{.doc = "What became of each row",
                    .media_type = std::string(kJson),
                    .schema = report_schema(component)}};
  routes.push_back(std::move(route));
}

void add_upsert(std::vector<Route>& routes, const ApiServices& services, const ApiOptions& options,
                const Resource& resource) {
  const std::string component = component_name(resource.kind);
  Route route{.method = Method::put,
              .path = std::string(kApiPrefix) + "/" + std::string(resource.path) + "/{id}",
              .access = Access::scope,
              .scope = scope_of(resource, true),
              .operation_id = "upsert_" + std::string(resource.kind),
              .summary = "Create or change by a natural key: " + std::string(resource.label.en),
              .tag = std::string(resource.kind),
              .handler = upsert_handler(services, resource, options),
              .max_body_bytes = options.max_json_bytes};
  const bool coded = resource.key_type == store::KeyType::text;
  route.parameters = {
      {.name = "id",
       .place = ParameterPlace::path,
       .doc = coded ? "Code of the row"
                    : "NAME:VALUE, joined by commas, with " + store::natural_key_names(resource),
       .schema = schema::string(),
       .required = true},
      {.name = "If-None-Match",
       .place = ParameterPlace::header,
       .doc = "*: only create; 412 where there is one",
       .schema = schema::string()},
      idempotency_key()};
  if (resource.has_versions) {
    route.parameters.push_back({.name = "If-Match",
                                .place = ParameterPlace::header,
                                .doc = "Only change, and only this version; 412 otherwise",
                                .schema = schema::string()});
  }
  add_creation_parameters(route, resource);
  route.request_media_types = {std::string(kJson)};
  route.request_schema = schema::ref(component + "Create");
  std::vector<std::string> headers;
  if (resource.has_versions) headers.emplace_back("ETag");
  route.answers = {{.doc = "Changed; fields not sent are as they were",
                    .media_type = std::string(kJson),
                    .schema = schema::ref(component),
                    .headers = headers}};
  headers.emplace_back("Location");
  route.answers.push_back({.status = 201,
                           .doc = "Created",
                           .media_type = std::string(kJson),
                           .schema = schema::ref(component),
                           .headers = headers});
  routes.push_back(std::move(route));
}

}  // namespace

void add_bulk_routes(std::vector<Route>& routes, const ApiServices& services,
                     const ApiOptions& options) {
  for (const auto& resource : services.records.registry().all()) {
    if (creates(*resource) || resource->offers(Operation::update)) {
      add_bulk(routes, services, options, *resource);
    }
    if (takes(*resource, BulkAction::upsert)) add_upsert(routes, services, options, *resource);
  }
}

}  // namespace c360::api
