#include "api/record_routes.h"

#include <algorithm>
#include <array>

#include "api/preconditions.h"
#include "api/record_handlers.h"
#include "api/schema.h"
#include "store/model/list_filters.h"

namespace c360::api {
namespace {

using store::Collection;
using store::Operation;
using store::Resource;

constexpr std::array<std::string_view, 10> kMailKinds = {
    "mailbox",  "mail_message",   "mail_attachment", "quarantine",       "parse_rule",
    "rule_set", "parse_rule_set", "mailbox_folder",  "mail_sender_rule", "quarantine_attempt"};

// A list of what belongs to one of these is at hand inside it (domain.md 21; ): every
// resource with a reference to it, such as /deals/{id}/orders by order.deal_id.
constexpr std::array<std::string_view, 5> kOwners = {"counterparty", "deal", "order", "contract",
                                                     "project"};

Parameter path_key(const Resource& resource) {
  return {
      .name = "id",
      .place = ParameterPlace::path,
      .doc = resource.key_type == store::KeyType::text ? "Code of the row" : "Id of the record",
      .schema = resource.key_type == store::KeyType::text ? schema::string() : schema::integer(),
      .required = true};
}

Parameter query(std::string name, std::string doc, Json schema) {
  return {.name = std::move(name), .doc = std::move(doc), .schema = std::move(schema)};
}

Parameter header(std::string name, std::string doc, bool required) {
  return {.name = std::move(name),
          .place = ParameterPlace::header,
          .doc = std::move(doc),
          .schema = schema::string(),
          .required = required};
}

// What `include=` shows inside a record; links and actions of one read by itself.
std::string names_of(const Resource& resource, bool alone) {
  std::string names = store::shown_names(resource);
  if (alone && resource.holds_attached_rows()) names += ", links, actions";
  return names;
}

void add_representation_parameters(std::vector<Parameter>& parameters, const Resource& resource,
                                   bool alone) {
  parameters.push_back(query("fields", "Only these fields, separated by commas", schema::string()));
  std::string doc = names_of(resource, alone);
  if (!doc.empty()) doc = "Shown inside, separated by commas: " + doc + ".";
  for (const auto& part : resource.parts) {
    doc += (doc.empty() ? "-" : " -") + std::string(part.name) + ": " + std::string(part.doc);
  }
  if (!doc.empty()) parameters.push_back(query("include", std::move(doc), schema::string()));
  parameters.push_back(query("lang", "Language of labels: ru or en", schema::string()));
}

// What all routes of a resource share.
struct Maker {
  std::vector<Route>& routes;
  const ApiServices& services;
  const ApiOptions& options;
  const Resource& resource;
  std::shared_ptr<const ShownBeside> beside;
  std::string base = std::string(kApiPrefix) + "/" + std::string(resource.path);
  std::string item = base + "/{id}";
  std::string component = component_name(resource.kind);

  Route& add(Method method, std::string path, bool write, std::string operation,
             std::string summary) {
    // Collections are named as their paths; an operation's id is a name in any language.
    std::ranges::replace(operation, '-', '_');
    routes.push_back({.method = method,
                      .path = std::move(path),
                      .access = Access::scope,
                      .scope = scope_of(resource, write),
                      .operation_id = std::move(operation),
                      .summary = std::move(summary),
                      .tag = std::string(resource.kind),
                      .max_body_bytes = options.max_json_bytes});
    return routes.back();
  }
  // GET has both; the others name what they act on.
  Answer record_answer(int status, std::string doc) const {
    std::vector<std::string> headers;
    if (resource.has_versions) headers.emplace_back("ETag");
    if (status == 201) headers.emplace_back("Location");
    return {.status = status,
            .doc = std::move(doc),
            .media_type = std::string(kJson),
            .schema = schema::ref(component),
            .headers = std::move(headers)};
  }
  void add_write_parameters(Route& route) const {
    route.parameters.push_back(header(
        "Idempotency-Key", "Makes a repetition harmless for 72 h; at most 255 characters", false));
  }
  void add_version_parameter(Route& route, bool required) const {
    if (!resource.has_versions) return;
    route.parameters.push_back(
        header("If-Match", "ETag of the record as it was read; 412 when it has changed", required));
  }
};

std::string named(std::string_view verb, const Resource& resource) {
  return std::string(verb) + "_" + std::string(resource.kind);
}

void add_list(Maker& maker) {
  Route& route = maker.add(Method::get, maker.base, false, named("list", maker.resource),
                           "List: " + std::string(maker.resource.label_plural.en));
  route.parameters = list_parameters(maker.resource, maker.options);
  route.parameters.push_back(view_parameter());
  route.check_query = false;  // the store knows the operators
  route.answers = {
      {.doc = "A page", .media_type = std::string(kJson), .schema = page_schema(maker.component)}};
  route.handler = list_handler(maker.services, maker.resource);
}

void add_get(Maker& maker) {
  Route& route = maker.add(Method::get, maker.item, false, named("get", maker.resource),
                           "Read: " + std::string(maker.resource.label.en));
  route.parameters = {path_key(maker.resource)};
  add_representation_parameters(route.parameters, maker.resource, true);
  route.answers = {maker.record_answer(200, "The record")};
  if (maker.resource.has_versions) {
    route.parameters.push_back(header("If-None-Match", "304 while what is shown is this", false));
    route.answers.push_back({.status = 304, .doc = "Not changed", .headers = {"ETag"}});
  }
  if (maker.resource.is_record) {
    route.answers.push_back(moved_answer());
  }
  route.handler = get_handler(maker.services, maker.resource, maker.beside);
}

void add_create(Maker& maker) {
  Route& route = maker.add(Method::post, maker.base, true, named("create", maker.resource),
                           "Create: " + std::string(maker.resource.label.en));
  maker.add_write_parameters(route);
  if (maker.resource.is_record) {
    route.parameters.push_back(
        query("profile", "What must be there", schema::one_of({"full", "requisites"})));
    route.parameters.push_back(
        query("strict", "A possible duplicate is 409, not a warning", schema::boolean()));
    route.parameters.push_back(query(
        "lenient", "Import: wrong check digits are stored and told in missing_fields and warnings",
        schema::boolean()));
  }
  if (maker.resource.kind == "counterparty")
    route.parameters.push_back(
        query("autofill",
              "Ask the register of companies about the INN first, and make the card filled; where "
              "the register has no answer none is made",
              schema::boolean()));
  route.request_media_types = {std::string(kJson)};
  route.request_schema =
      schema::ref(creation_component(maker.resource, maker.services.records.registry()));
  route.answers = {maker.record_answer(201, "Created")};
  route.handler = create_handler(maker.services, maker.resource, maker.options);
}

void add_update(Maker& maker) {
  Route& route = maker.add(Method::patch, maker.item, true, named("update", maker.resource),
                           "Change: " + std::string(maker.resource.label.en));
  route.parameters = {path_key(maker.resource)};
  maker.add_version_parameter(route, true);
  maker.add_write_parameters(route);
  route.request_media_types = {"application/merge-patch+json", std::string(kJson)};
  route.request_schema = schema::ref(maker.component + "Update");
  route.answers = {maker.record_answer(200, "The record as it is now")};
  route.handler = update_handler(maker.services, maker.resource, maker.options);
}

void add_remove(Maker& maker) {
  Route& route = maker.add(Method::remove, maker.item, true, named("delete", maker.resource),
                           "Delete: " + std::string(maker.resource.label.en));
  route.parameters = {path_key(maker.resource)};
  maker.add_version_parameter(route, true);
  maker.add_write_parameters(route);
  route.answers = {{.status = 204, .doc = "Deleted"}};
  route.handler = remove_handler(maker.services, maker.resource);
}

void add_restore(Maker& maker) {
  Route& route =
      maker.add(Method::post, maker.item + "/restore", true, named("restore", maker.resource),
                "Bring back a deleted one: " + std::string(maker.resource.label.en));
  route.parameters = {path_key(maker.resource)};
  maker.add_version_parameter(route, false);
  route.answers = {maker.record_answer(200, "The record, alive again")};
  route.handler = restore_handler(maker.services, maker.resource);
}

void add_history(Maker& maker) {
  Route& route = maker.add(Method::get, maker.item + "/history", false,
                           named("history", maker.resource), "What happened to the record");
  route.parameters = {path_key(maker.resource),
                      query("limit", "Events of a page", schema::integer()),
                      query("cursor", "next_cursor of the page before", schema::string()),
                      query("event", "Only these, separated by commas", schema::string())};
  route.answers = {{.doc = "Events, newest first",
                    .media_type = std::string(kJson),
                    .schema = page_schema("HistoryEvent")}};
  route.handler = history_handler(maker.services, maker.resource);
}

// Rows linked by a table of their own: contacts, observers.
void add_linked(Maker& maker, const Collection& collection) {
  const std::string name(collection.name);
  const std::string path = maker.item + "/" + name;
  Route& list = maker.add(Method::get, path, false, named("list", maker.resource) + "_" + name,
                          std::string(collection.doc));
  const Resource* linked = maker.services.records.registry().find(collection.kind);
  if (linked != nullptr) list.scope = scope_of(*linked, false);
  list.parameters = {path_key(maker.resource)};
  list.answers = {{.doc = "All of them",
                   .media_type = std::string(kJson),
                   .schema = page_schema(linked_component(maker.resource, collection))},
                  moved_answer()};
  list.handler = linked_handler(maker.services, maker.resource, collection);

  // Documents are attached by uploading them.
  if (linked == nullptr || linked->kind == "document") return;
  const bool numbered = linked->key_type == store::KeyType::number;
  const Parameter child{.name = "child_id",
                        .place = ParameterPlace::path,
                        .doc = "Id of the " + std::string(collection.kind),
                        .schema = numbered ? schema::integer() : schema::string(),
                        .required = true};
  Route& link = maker.add(Method::put, path + "/{child_id}", true,
                          "link_" + std::string(maker.resource.kind) + "_" + name,
                          "Attach; again: no change");
  link.parameters = {path_key(maker.resource), child};
  link.request_media_types = {std::string(kJson)};
  link.request_schema =
      schema::object({{"is_main", schema::boolean("The main one of the record")}});
  link.answers = {{.status = 204, .doc = "Attached"}};
  link.handler = link_handler(maker.services, maker.resource, collection, maker.options);

  Route& unlink = maker.add(Method::remove, path + "/{child_id}", true,
                            "unlink_" + std::string(maker.resource.kind) + "_" + name, "Detach");
  unlink.parameters = {path_key(maker.resource), child};
  unlink.answers = {{.status = 204, .doc = "Detached"}};
  unlink.handler = unlink_handler(maker.services, maker.resource, collection);
}

// Rows that name their parent: comments, activities, documents, contacts of a counterparty.
void add_children(Maker& maker, const Collection& collection, const FixedFields& fixed = {}) {
  const Resource* child = maker.services.records.registry().find(collection.kind);
  if (child == nullptr || !child->has_field(collection.parent_column)) return;
  const std::string name(collection.name);
  const std::string path = maker.item + "/" + name;
  if (child->offers(Operation::list)) {
    Route& list = maker.add(Method::get, path, false, named("list", maker.resource) + "_" + name,
                            std::string(collection.doc));
    list.scope = scope_of(*child, false);
    list.parameters = list_parameters(*child, maker.options);
    list.parameters.insert(list.parameters.begin(), path_key(maker.resource));
    list.check_query = false;
    list.answers = {{.doc = "A page",
                     .media_type = std::string(kJson),
                     .schema = page_schema(component_name(child->kind))},
                    moved_answer()};
    list.handler = children_handler(maker.services, maker.resource, *child, collection, fixed);
  }
  if (child->kind == "document" || !child->offers(Operation::create)) return;
  Route& create =
      maker.add(Method::post, path, true, "add_" + std::string(maker.resource.kind) + "_" + name,
                "Create inside this record: " + std::string(child->label.en));
  create.scope = scope_of(*child, true);
  create.parameters = {path_key(maker.resource)};
  maker.add_write_parameters(create);
  create.request_media_types = {std::string(kJson)};
  create.request_schema =
      schema::ref(creation_component(*child, maker.services.records.registry()));
  create.answers = {{.status = 201,
                     .doc = "Created",
                     .media_type = std::string(kJson),
                     .schema = schema::ref(component_name(child->kind)),
                     .headers = {"ETag", "Location"}},
                    moved_answer()};
  create.handler = create_child_handler(maker.services, maker.resource, *child, collection,
                                        maker.options, fixed);
}

// Collections the declaration of the owner does not name by itself.
void add_owned(Maker& maker) {
  if (std::ranges::find(kOwners, maker.resource.kind) == kOwners.end()) return;
  const std::string column = std::string(maker.resource.kind) + "_id";
  for (const auto& child : maker.services.records.registry().all()) {
    const store::Field* field = child->find(column);
    if (field == nullptr || field->target != maker.resource.kind || !field->is_filterable) continue;
    if (maker.resource.find_collection(child->path) != nullptr) continue;
    add_children(maker, {.name = child->path,
                         .kind = child->kind,
                         .doc = child->label_plural.en,
                         .parent_column = field->name});
  }
}

// R-095, domain.md 13.3: activities of one type.
void add_reminders(Maker& maker) {
  const Resource* activity = maker.services.records.registry().find("activity");
  if (activity == nullptr) return;
  add_children(maker,
               {.name = "reminders",
                .kind = "activity",
                .doc = "Reminders of the record",
                .parent_column = "parent_record_id"},
               {{"type", "reminder"}});
}

// domain.md 6.4, 7.3, 9; R-218.
void add_assignments(Maker& maker) {
  if (maker.services.records.registry().find("assignment") == nullptr) return;
  add_children(maker, {.name = "assignments",
                       .kind = "assignment",
                       .doc = "Assignments of the record",
                       .parent_column = "parent_record_id"});
}

void add_task_completion(Maker& maker) {
  Route& route = maker.add(Method::post, maker.item + "/complete", true, "complete_task",
                           "Complete the task with one of its outcomes");
  route.parameters = {path_key(maker.resource)};
  maker.add_write_parameters(route);
  route.request_media_types = {std::string(kJson)};
  Json body = schema::object(
      {{"outcome", schema::string("Id of one of the task's outcomes")},
       {"comment", schema::string("Kept with the task")}},
      {"outcome"},
      "The outcome, and fields of the record that it needs, such as disqualification_reason_code");
  body.set("additionalProperties", true);
  route.request_schema = std::move(body);
  route.answers = {{.doc = "The record that the outcome moved; of a custom task the task itself",
                    .media_type = std::string(kJson),
                    .schema = schema::any("As its own GET")}};
  route.handler = complete_task_handler(maker.services, maker.options);
}

Json schema_of(const store::ListFilter& filter) {
  switch (filter.value) {
    case store::ListFilter::Value::flag:
      return schema::boolean();
    case store::ListFilter::Value::days: {
      Json days = schema::integer();
      days.set("minimum", 1);
      days.set("maximum", store::kMaxFilterDays);
      return days;
    }
    case store::ListFilter::Value::inn_start:
    case store::ListFilter::Value::company_name:
      break;
  }
  return schema::string();
}

}  // namespace

std::vector<Parameter> list_parameters(const Resource& resource, const ApiOptions& options) {
  std::vector<Parameter> parameters;
  constexpr std::string_view kOperators =
      "as NAME.OPERATOR with ne, gt, gte, lt, lte, in, like, null";
  for (const auto& field : resource.fields) {
    if (!field.is_filterable) continue;
    const auto* declared = store::find_list_filter(resource.kind, field.name);
    parameters.push_back({.name = std::string(field.name),
                          .doc = (declared != nullptr ? std::string(declared->doc) : "Filter") +
                                 "; " + std::string(kOperators),
                          .schema = schema::string(),
                          .with_operators = true});
  }
  for (const store::ListFilter& filter : store::list_filters(resource.kind)) {
    const store::Field* field = resource.find(filter.name);
    if (field != nullptr && field->is_filterable) continue;
    parameters.push_back(
        query(std::string(filter.name), std::string(filter.doc), schema_of(filter)));
  }
  Json limit = schema::integer();
  limit.set("minimum", 1);
  limit.set("maximum", options.max_page);
  limit.set("default", 50);
  parameters.push_back(query("q", "Search in names, numbers and the like", schema::string()));
  parameters.push_back(query("sort",
                             "Fields separated by commas, '-' in front descends; default " +
                                 std::string(resource.default_sort),
                             schema::string()));
  parameters.push_back(query("limit", "Items of a page", std::move(limit)));
  parameters.push_back(query("cursor", "next_cursor of the page before", schema::string()));
  if (!resource.scopes.empty()) {
    std::vector<std::string> names;
    for (const auto& scope : resource.scopes) names.emplace_back(scope.name);
    parameters.push_back(query("scope", "Which of them", schema::one_of(std::move(names))));
  }
  if (resource.soft_delete) {
    parameters.push_back(query("deleted", "Deleted ones too, or only them; for administrators",
                               schema::one_of({"include", "only"})));
  }
  parameters.push_back(
      query("count", "Also tell the total", schema::one_of({"exact", "estimated", "none"})));
  add_representation_parameters(parameters, resource, false);
  return parameters;
}

Parameter view_parameter() {
  Json id = schema::integer();
  id.set("minimum", 1);
  return query("view", "A saved view: its filters, order and columns, where the request names none",
               std::move(id));
}

Answer moved_answer() {
  return {.status = 308, .doc = "Merged into the record at Location", .headers = {"Location"}};
}

std::string scope_of(const Resource& resource, bool write) {
  const bool mail = std::ranges::find(kMailKinds, resource.kind) != kMailKinds.end();
  return std::string(mail ? "mail" : resource.kind) + (write ? ":write" : ":read");
}

void add_record_routes(std::vector<Route>& routes, const ApiServices& services,
                       const ApiOptions& options) {
  const auto beside = std::make_shared<const ShownBeside>(services);
  for (const auto& resource : services.records.registry().all()) {
    Maker maker{.routes = routes,
                .services = services,
                .options = options,
                .resource = *resource,
                .beside = beside};
    if (resource->offers(Operation::list)) add_list(maker);
    if (resource->offers(Operation::get)) add_get(maker);
    // A document is made by its content: document_routes.
    if (resource->offers(Operation::create) && resource->kind != "document") add_create(maker);
    if (resource->offers(Operation::update)) add_update(maker);
    // A folder may be deleted with what is in it: library_routes.
    if (resource->offers(Operation::remove) && resource->kind != "folder") add_remove(maker);
    if (resource->offers(Operation::restore)) add_restore(maker);
    if (resource->offers(Operation::history)) add_history(maker);
    for (const auto& collection : resource->collections) {
      if (collection.link_table.empty()) {
        add_children(maker, collection);
      } else {
        add_linked(maker, collection);
      }
    }
    add_owned(maker);
    if (resource->holds_attached_rows()) {
      add_reminders(maker);
      add_assignments(maker);
    }
    for (const Collection* attached : resource->attached()) add_children(maker, *attached);
    if (resource->kind == "task") add_task_completion(maker);
  }
}

}  // namespace c360::api
