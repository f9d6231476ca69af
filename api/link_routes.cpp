#include "api/link_routes.h"

#include "api/action_routes.h"
#include "api/auth.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "api/shown_beside.h"
#include "api/write_once.h"
#include "daemon/base/text.h"
#include "store/operations/record_links.h"

namespace c360::api {
namespace {

using store::Resource;
using store::Transaction;

// The resource of the path; null: of any record, found by its id.
struct Of {
  ApiServices services;
  const Resource* resource;
  std::uint64_t limit;

  Result<const Resource*> of(const Request& request, bool write) const {
    if (resource != nullptr) return resource;
    return resource_of_record(services, request, write);
  }
};

// In the transaction of the key, or in one of its own.
template <typename Work>
Result<void> in_one(const ApiServices& services, Transaction* transaction, Work work) {
  if (transaction != nullptr) return work(*transaction);
  return store::in_transaction(services.database, store::Pool::api, work);
}

Result<store::NewLink> read_link(const Json& body) {
  store::NewLink link;
  Error error{.code = ErrorCode::validation_failed, .detail = "The link cannot be made as asked."};
  for (const auto& [name, value] : body.as_object()) {
    const std::string pointer = "/" + std::string(utf8_prefix(name, 80));
    if (name == "to_id") {
      link.to_id = value.is_number() ? value.as_int64() : std::nullopt;
      if (!link.to_id) error.fields.push_back({pointer, "wrong_type", "Expected a record id."});
      continue;
    }
    std::string* text = name == "kind"    ? &link.kind
                        : name == "url"   ? &link.url
                        : name == "title" ? &link.title
                                          : nullptr;
    if (text == nullptr) {
      error.fields.push_back({pointer, "unknown_field", "Known: kind, to_id, url, title."});
    } else if (!value.is_string()) {
      error.fields.push_back({pointer, "wrong_type", "Expected a string."});
    } else {
      *text = value.as_string();
    }
  }
  if (error.fields.empty()) return link;
  error.reason = error.fields.front().code;
  return std::unexpected(std::move(error));
}

Result<void> list_links(const Of& of, Request& request, Response& response) {
  auto resource = of.of(request, false);
  if (!resource) return std::unexpected(std::move(resource).error());
  auto seen = sees_record(of.services, **resource, request, "/links", response);
  if (!seen) return std::unexpected(std::move(seen).error());
  if (!*seen) return {};
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  const auto kinds = readable_kinds(of.services.records.registry(), request);
  auto links = store::read_links(of.services.database, of.services.records, **resource, *id,
                                 actor_of(request), kinds);
  if (!links) return std::unexpected(std::move(links).error());
  response.json("{\"items\":" + *links + ",\"next_cursor\":null}");
  return {};
}

Result<void> post_link(const Of& of, Request& request, Response& response) {
  auto resource = of.of(request, true);
  if (!resource) return std::unexpected(std::move(resource).error());
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  std::string text;
  auto body = read_object(request, of.limit, text);
  if (!body) return std::unexpected(std::move(body).error());
  auto link = read_link(*body);
  if (!link) return std::unexpected(std::move(link).error());
  const store::Actor actor = actor_of(request);
  return write_once(of.services, request, text, response,
                    [&](Transaction* transaction, Response& answer) -> Result<void> {
                      return in_one(of.services, transaction, [&](Transaction& tx) -> Result<void> {
                        auto made =
                            store::add_link(of.services.records, tx, **resource, *id, *link, actor);
                        if (!made) return std::unexpected(std::move(made).error());
                        answer.clear();
                        answer.json("{\"id\":" + std::to_string(*made) + "}", 201);
                        return {};
                      });
                    });
}

Result<void> delete_link(const Of& of, Request& request, Response& response) {
  auto resource = of.of(request, true);
  if (!resource) return std::unexpected(std::move(resource).error());
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto link = request.path_id(1);
  if (!link) return std::unexpected(link.error());
  const store::Actor actor = actor_of(request);
  return write_once(of.services, request, {}, response,
                    [&](Transaction* transaction, Response& answer) -> Result<void> {
                      auto done = in_one(of.services, transaction, [&](Transaction& tx) {
                        return store::remove_link(of.services.records, tx, **resource, *id, *link,
                                                  actor);
                      });
                      if (done) answer.status = 204;
                      return done;
                    });
}

Json link_schema() {
  return schema::object({{"id", schema::integer()},
                         {"kind", schema::string("related, based_on, reply_to, merged_from, web")},
                         {"direction", schema::one_of({"out", "in"})},
                         {"record_id", schema::nullable(schema::integer("At the other end"))},
                         {"record_kind", schema::nullable(schema::string())},
                         {"name", schema::nullable(schema::string("Of the record there"))},
                         {"url", schema::nullable(schema::string())},
                         {"title", schema::nullable(schema::string())},
                         {"created_by", schema::nullable(schema::integer())},
                         {"created_at", schema::date_time()}},
                        {"id", "kind", "direction", "record_id", "url"});
}

Parameter id_parameter(std::string name, std::string doc) {
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

void add_routes(std::vector<Route>& routes, const Of& of) {
  const std::string kind = of.resource != nullptr ? std::string(of.resource->kind) : "record";
  const std::string path =
      std::string(kApiPrefix) + "/" +
      (of.resource != nullptr ? std::string(of.resource->path) : std::string("records")) +
      "/{id}/links";
  const auto make = [&](Method method, const std::string& at, std::string operation,
                        std::string summary) {
    const bool write = method != Method::get;
    return Route{.method = method,
                 .path = at,
                 .access = of.resource != nullptr ? Access::scope : Access::caller,
                 .scope = of.resource != nullptr ? scope_of(*of.resource, write) : std::string(),
                 .operation_id = std::move(operation) + "_" + kind,
                 .summary = std::move(summary),
                 .tag = kind,
                 .parameters = {id_parameter("id", "Id of the record")},
                 .max_body_bytes = of.limit};
  };
  Route list = make(Method::get, path, "links", "Links from and to the record, newest first");
  list.handler = [of](Request& request, Response& response) {
    return list_links(of, request, response);
  };
  list.answers = {{.doc = "Those whose other end the caller may see",
                   .media_type = std::string(kJson),
                   .schema = schema::object({{"items", schema::array(link_schema())},
                                             {"next_cursor", schema::any("null")}},
                                            {"items", "next_cursor"})},
                  moved_answer()};
  routes.push_back(std::move(list));

  Route add = make(Method::post, path, "add_link", "Link it to another record, or to a page");
  add.handler = [of](Request& request, Response& response) {
    return post_link(of, request, response);
  };
  add.parameters.push_back(key_parameter());
  add.request_media_types = {std::string(kJson)};
  add.request_schema =
      schema::object({{"kind", schema::one_of({"related", "based_on", "reply_to", "web"})},
                      {"to_id", schema::integer("The record at the other end")},
                      {"url", schema::string("Of kind web")},
                      {"title", schema::string()}});
  add.answers = {{.status = 201,
                  .doc = "Linked",
                  .media_type = std::string(kJson),
                  .schema = schema::object({{"id", schema::integer("Of the link")}}, {"id"})}};
  routes.push_back(std::move(add));

  Route remove = make(Method::remove, path + "/{link_id}", "remove_link", "Take the link away");
  remove.handler = [of](Request& request, Response& response) {
    return delete_link(of, request, response);
  };
  remove.parameters.push_back(id_parameter("link_id", "Id of the link"));
  remove.parameters.push_back(key_parameter());
  remove.answers = {{.status = 204, .doc = "Gone"}};
  routes.push_back(std::move(remove));
}

}  // namespace

void add_link_routes(std::vector<Route>& routes, const ApiServices& services,
                     const ApiOptions& options) {
  for (const auto& resource : services.records.registry().all()) {
    if (!resource->holds_attached_rows() || !resource->offers(store::Operation::get)) continue;
    if (resource->find_collection("links") != nullptr) continue;
    add_routes(routes, {services, resource.get(), options.max_json_bytes});
  }
  add_routes(routes, {services, nullptr, options.max_json_bytes});
}

}  // namespace c360::api
