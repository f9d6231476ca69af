#include "api/block_routes.h"

#include <algorithm>

#include "api/auth.h"
#include "api/preconditions.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "api/write_once.h"
#include "daemon/base/text.h"
#include "store/operations/card_layout.h"

namespace c360::api {
namespace {

using store::Resource;
using store::Transaction;

// Fields of a record that are read and changed apart from the rest of it.
struct Block {
  std::string name;  // the last part of the path
  std::vector<std::string_view> fields;
  std::string summary;  // of the record's name
  std::string refusal;  // of other fields
};

std::string field_list(const Block& block) {
  std::string names = "id,row_version";  // the version makes the ETag
  for (const auto name : block.fields) names.append(",").append(name);
  return names;
}

// Everything else of the card has its own route and its own history of who changed it.
Result<void> only_block(const Block& block, const Json& body) {
  Error error{.code = ErrorCode::validation_failed, .detail = block.refusal};
  for (const auto& [name, value] : body.as_object()) {
    if (std::ranges::find(block.fields, name) != block.fields.end()) continue;
    error.fields.push_back({"/" + std::string(utf8_prefix(name, 80)), "unknown_field",
                            "Known: " + field_list(block) + "."});
  }
  if (error.fields.empty()) return {};
  error.reason = error.fields.front().code;
  return std::unexpected(std::move(error));
}

Result<void> show(const ApiServices& services, const Resource& resource, const Block& block,
                  Request& request, Response& response) {
  auto view = services.records.get(resource, request.path_value(0), actor_of(request),
                                   {{"fields", field_list(block)}});
  if (!view) return std::unexpected(std::move(view).error());
  if (view->moved_to) {
    redirect_to(*view->moved_to, resource, "/" + block.name, response);
    return {};
  }
  write_record(std::move(*view), resource, response, 200);
  return {};
}

Result<void> change(const ApiServices& services, const Resource& resource, const Block& block,
                    std::uint64_t limit, Request& request, Response& response) {
  auto version = required_version(request);
  if (!version) return std::unexpected(version.error());
  std::string text;
  auto body = read_object(request, limit, text);
  if (!body) return std::unexpected(std::move(body).error());
  if (auto fits = only_block(block, *body); !fits) return fits;
  store::WriteOptions write;
  write.expected_version = *version;
  const store::Actor actor = actor_of(request);
  const std::string& key = request.path_value(0);
  return write_once(services, request, text, response,
                    [&](Transaction* transaction, Response& answer) -> Result<void> {
                      const auto update = [&] {
                        if (transaction == nullptr)
                          return services.records.update(resource, key, *body, actor, write);
                        write.finish = store::Finish::run;
                        return services.records.update(*transaction, resource, key, *body, actor,
                                                       write);
                      };
                      auto changed = update();
                      if (!changed) return std::unexpected(std::move(changed).error());
                      write_record(std::move(*changed), resource, answer, 200);
                      return {};
                    });
}

void add_routes(std::vector<Route>& routes, const ApiServices& services, const ApiOptions& options,
                const Resource& resource, const Block& block) {
  const std::string kind(resource.kind);
  const std::string of = ": " + std::string(resource.label.en);
  Route get{
      .method = Method::get,
      .path = std::string(kApiPrefix) + "/" + std::string(resource.path) + "/{id}/" + block.name,
      .access = Access::scope,
      .scope = scope_of(resource, false),
      .operation_id = "get_" + kind + "_" + block.name,
      .summary = block.summary + of,
      .tag = kind,
      .max_body_bytes = options.max_json_bytes};
  get.parameters = {{.name = "id",
                     .place = ParameterPlace::path,
                     .doc = "Id of the record",
                     .schema = schema::integer(),
                     .required = true}};
  get.answers = {{.doc = "The record with these fields alone",
                  .media_type = std::string(kJson),
                  .schema = schema::ref(component_name(resource.kind)),
                  .headers = {"ETag"}},
                 moved_answer()};
  Route patch = get;
  get.handler = [services, &resource, block](Request& request, Response& response) {
    return show(services, resource, block, request, response);
  };
  patch.method = Method::patch;
  patch.scope = scope_of(resource, true);
  patch.operation_id = "update_" + kind + "_" + block.name;
  patch.summary = "Change that block alone" + of;
  patch.parameters.push_back({.name = "If-Match",
                              .place = ParameterPlace::header,
                              .doc = "ETag of the record as it was read; 412 when it has changed",
                              .schema = schema::string(),
                              .required = true});
  patch.parameters.push_back({.name = "Idempotency-Key",
                              .place = ParameterPlace::header,
                              .doc = "Makes a repetition harmless for 72 h; at most 255 characters",
                              .schema = schema::string()});
  patch.request_media_types = {"application/merge-patch+json", std::string(kJson)};
  Json properties = Json::Object{};
  for (const auto name : block.fields)
    properties.set(std::string(name), schema::any(std::string(name)));
  patch.request_schema = Json(Json::Object{{"type", "object"}, {"properties", properties}});
  patch.answers.front().doc = "The record as it is now";
  patch.handler = [services, &resource, block, limit = options.max_json_bytes](Request& request,
                                                                               Response& response) {
    return change(services, resource, block, limit, request, response);
  };
  routes.push_back(std::move(get));
  routes.push_back(std::move(patch));
}

Block marketing_of(const Resource& resource) {
  return {.name = "marketing",
          .fields = resource.marketing,
          .summary = "Where it comes from and what may be sent",
          .refusal = "This route changes the marketing block alone."};
}

// As the card groups them.
Block requisites() {
  Block block{.name = "requisites",
              .fields = {"kind", "legal_form_code"},
              .summary = "Names, addresses and registration data",
              .refusal = "This route changes the requisites alone."};
  for (const store::CardGroup& group : store::card_groups()) {
    if (group.code != "naming" && group.code != "addresses" && group.code != "requisites") continue;
    block.fields.insert(block.fields.end(), group.fields.begin(), group.fields.end());
  }
  return block;
}

}  // namespace

void add_block_routes(std::vector<Route>& routes, const ApiServices& services,
                      const ApiOptions& options) {
  const store::Registry& registry = services.records.registry();
  for (const auto& resource : registry.all()) {
    if (resource->marketing.empty()) continue;
    add_routes(routes, services, options, *resource, marketing_of(*resource));
  }
  add_routes(routes, services, options, registry.get("counterparty"), requisites());
}

}  // namespace c360::api
