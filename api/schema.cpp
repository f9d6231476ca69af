#include "api/schema.h"

#include <algorithm>
#include <utility>

#include "daemon/base/text.h"
#include "store/nested.h"

namespace c360::api {

namespace schema {
namespace {

Json typed(std::string_view type, std::string_view doc) {
  Json::Object object{{"type", type}};
  if (!doc.empty()) object.emplace_back("description", doc);
  return object;
}

}  // namespace

Json string(std::string_view doc) { return typed("string", doc); }
Json integer(std::string_view doc) { return typed("integer", doc); }
Json boolean(std::string_view doc) { return typed("boolean", doc); }

Json date_time(std::string_view doc) {
  Json json = typed("string", doc);
  json.set("format", "date-time");
  return json;
}

Json one_of(std::vector<std::string> codes, std::string_view doc) {
  Json json = typed("string", doc);
  Json::Array list;
  for (auto& code : codes) list.emplace_back(std::move(code));
  json.set("enum", std::move(list));
  return json;
}

Json array(Json items, std::string_view doc) {
  Json json = typed("array", doc);
  json.set("items", std::move(items));
  return json;
}

Json object(Json::Object properties, std::vector<std::string> required, std::string_view doc) {
  Json json = typed("object", doc);
  if (!required.empty()) {
    Json::Array list;
    for (auto& name : required) list.emplace_back(std::move(name));
    json.set("required", std::move(list));
  }
  json.set("properties", std::move(properties));
  json.set("additionalProperties", false);
  return json;
}

Json nullable(Json schema) {
  const Json* type = schema.find("type");
  if (type == nullptr) {
    return Json::Object{{"anyOf", Json::Array{std::move(schema), Json::Object{{"type", "null"}}}}};
  }
  Json copy = *type;
  schema.set("type", Json::Array{std::move(copy), "null"});
  if (const Json* codes = schema.find("enum")) {
    Json::Array with_null = codes->as_array();
    with_null.emplace_back(nullptr);
    schema.set("enum", std::move(with_null));
  }
  return schema;
}

Json any(std::string_view doc) {
  Json::Object object;
  if (!doc.empty()) object.emplace_back("description", doc);
  return object;
}

Json ref(std::string_view component) {
  return Json::Object{{"$ref", "#/components/schemas/" + std::string(component)}};
}

}  // namespace schema

namespace {

using store::Field;
using store::FieldType;
using store::WriteRule;

std::string doc_of(const Field& field) {
  std::string doc(field.label.en);
  if (!field.label.ru.empty()) doc.append(" / ").append(field.label.ru);
  if (!field.doc.empty()) doc.append(doc.empty() ? "" : ". ").append(field.doc);
  if (field.is_personal) {
    doc.append(doc.empty() ? "" : ". ").append("Null to those who may not see it");
  }
  if (!field.target.empty()) {
    doc.append(doc.empty() ? "" : ". ").append("References: ").append(field.target);
  }
  return doc;
}

std::vector<std::string> codes_of(const Field& field) {
  std::vector<std::string> codes;
  codes.reserve(field.choices.size());
  for (const auto& choice : field.choices) codes.emplace_back(choice.code);
  return codes;
}

Json text_schema(const Field& field, bool in_answer) {
  if (!field.choices.empty()) return schema::one_of(codes_of(field));
  Json json = schema::string();
  if (field.length_limit > 0 && !in_answer) {
    json.set("maxLength", static_cast<std::int64_t>(field.length_limit));
  }
  return json;
}

Json bare_schema(const Field& field, bool in_answer) {
  switch (field.type) {
    case FieldType::boolean:
      return schema::boolean();
    case FieldType::integer:
    case FieldType::reference:
      return schema::integer();
    case FieldType::money: {
      Json json = schema::string();
      json.set("pattern", "^-?[0-9]{1,16}(\\.[0-9]{1,2})?$");
      json.set("examples", Json::Array{"1500.00"});
      return json;
    }
    case FieldType::decimal: {
      Json json = schema::string();
      json.set("pattern", "^-?[0-9]+(\\.[0-9]+)?$");
      return json;
    }
    case FieldType::date: {
      Json json = schema::string();
      json.set("format", "date");
      return json;
    }
    case FieldType::timestamp:
      return schema::date_time();
    case FieldType::text_array:
      return schema::array(text_schema(field, in_answer));
    case FieldType::integer_array:
      return schema::array(schema::integer());
    case FieldType::json:
      return schema::any();
    case FieldType::text:
    case FieldType::html:
    case FieldType::citext:
    case FieldType::email:
    case FieldType::phone:
    case FieldType::url:
    case FieldType::code:
    case FieldType::directory:
    case FieldType::interval:
    case FieldType::bytes:
      break;
  }
  return text_schema(field, in_answer);
}

// The field of a Resource: its statuses are choices of `status`.
Json resource_field_schema(const store::Resource& resource, const Field& field, bool in_answer) {
  Json json = field_schema(field, in_answer);
  if (field.name != "status" || resource.statuses.empty()) return json;
  Json::Array codes;
  for (const auto& status : resource.statuses) codes.emplace_back(status.code);
  json.set("enum", std::move(codes));
  json.set("type", "string");
  return json;
}

Json body_schema(const store::Resource& resource, bool on_creation) {
  Json::Object properties;
  std::vector<std::string> required;
  for (const auto& field : resource.fields) {
    if (!is_writable(field, on_creation)) continue;
    properties.emplace_back(field.name, resource_field_schema(resource, field, false));
  }
  std::string doc = on_creation ? "What a new " : "What may be changed of a ";
  doc.append(resource.kind).append(on_creation ? " may say" : "; null clears (RFC 7396)");
  return schema::object(std::move(properties), std::move(required), doc);
}

}  // namespace

std::string component_name(std::string_view kind) {
  std::string name;
  bool upper = true;
  for (const char c : kind) {
    if (c == '_') {
      upper = true;
      continue;
    }
    name.push_back(upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    upper = false;
  }
  return name;
}

bool is_writable(const Field& field, bool on_creation) {
  if (!field.has_column() || field.is_secret) return false;
  switch (field.write) {
    case WriteRule::never:
      return false;
    case WriteRule::creation:
      return on_creation;
    case WriteRule::writers:
    case WriteRule::responsible:
    case WriteRule::administrators:
      return true;
  }
  return true;
}

Json field_schema(const Field& field, bool in_answer) {
  Json json = bare_schema(field, in_answer);
  const bool never_null =
      field.is_not_null && !field.is_personal && (in_answer || !field.default_value);
  if (!never_null && field.type != FieldType::json) json = schema::nullable(std::move(json));
  if (const std::string doc = doc_of(field); !doc.empty()) json.set("description", doc);
  if (in_answer && field.write == WriteRule::never) json.set("readOnly", true);
  return json;
}

namespace {

// What `include` shows besides references and collections of its own.
void add_blocks(Json::Object& properties, const store::Resource& resource) {
  for (const store::Collection* each : resource.attached()) {
    properties.emplace_back(each->name, schema::array(schema::ref(component_name(each->kind)),
                                                      "With `include`: " + std::string(each->doc)));
  }
  if (!resource.stages.empty()) {
    properties.emplace_back(
        "stage", schema::nullable(schema::object({{"code", schema::string()},
                                                  {"percent", schema::nullable(schema::integer())},
                                                  {"ru", schema::string()},
                                                  {"en", schema::string()}},
                                                 {"code", "percent", "ru", "en"},
                                                 "With `include`: the stage of the status")));
  }
  if (!resource.marketing.empty()) {
    Json::Object block;
    for (const std::string_view name : resource.marketing) {
      block.emplace_back(name, resource_field_schema(resource, resource.field(name), true));
    }
    properties.emplace_back("marketing", schema::object(std::move(block), {}, "With `include`"));
  }
  if (!resource.holds_attached_rows()) return;
  properties.emplace_back("links", schema::any("With `include`: as of /links"));
  properties.emplace_back(
      "actions",
      schema::array(schema::object({{"name", schema::string()},
                                    {"method", schema::one_of({"POST", "PATCH", "DELETE"})},
                                    {"href", schema::string()}},
                                   {"name", "method", "href"}),
                    "With `include`: what the caller may do to it now"));
}

}  // namespace

Json record_schema(const store::Resource& resource, const store::Registry& registry) {
  Json::Object properties;
  for (const auto& field : resource.fields) {
    if (field.is_secret) continue;
    properties.emplace_back(field.name, resource_field_schema(resource, field, true));
  }
  for (const auto& field : resource.fields) {
    if (field.type != FieldType::reference && field.type != FieldType::directory) continue;
    std::string_view name = field.name;
    for (const std::string_view suffix : {"_id", "_code"}) {
      if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
    }
    if (std::ranges::find(properties, name, &Json::Member::first) != properties.end()) continue;
    properties.emplace_back(name, schema::any("With `include`: the name of " +
                                              std::string(field.name) + "; null without one"));
  }
  for (const auto& collection : resource.collections) {
    const bool linked = !collection.link_table.empty();
    Json items = linked ? schema::ref(linked_component(resource, collection))
                 : registry.find(collection.kind) != nullptr
                     ? schema::ref(component_name(collection.kind))
                     : schema::any();
    properties.emplace_back(
        collection.name,
        schema::array(std::move(items), "With `include`: " + std::string(collection.doc)));
  }
  for (const auto& kind : store::nested_kinds(registry, resource)) {
    if (std::ranges::find(properties, kind.name, &Json::Member::first) != properties.end())
      continue;
    properties.emplace_back(kind.name, schema::array(schema::ref(component_name(kind.child->kind)),
                                                     "As it was made together with the record"));
  }
  add_blocks(properties, resource);
  properties.emplace_back(
      "warnings", schema::array(schema::object({{"code", schema::string()},
                                                {"detail", schema::string()},
                                                {"id", schema::nullable(schema::integer())}},
                                               {"code", "detail"}),
                                "Not refused, but worth a look, such as possible_duplicate"));
  return schema::object(std::move(properties), {},
                        std::string(resource.label.en) + " / " + std::string(resource.label.ru) +
                            ". " + std::string(resource.doc));
}

std::string linked_component(const store::Resource& resource, const store::Collection& collection) {
  return component_name(resource.kind) + component_name(collection.name);
}

Json linked_schema(const store::Collection& collection, const store::Registry& registry) {
  Json json = registry.find(collection.kind) != nullptr
                  ? record_schema(registry.get(collection.kind), registry)
                  : schema::object({});
  Json properties = json.find("properties") != nullptr ? *json.find("properties") : Json::Object{};
  for (const auto column : split(collection.link_columns, ',')) {
    if (!trimmed(column).empty()) {
      properties.set(std::string(trimmed(column)), schema::any("Of the link"));
    }
  }
  json.set("properties", std::move(properties));
  return json;
}

Json history_event_schema() {
  const Json change =
      schema::object({{"field", schema::string()},
                      {"old", schema::any()},
                      {"new", schema::any()},
                      {"cut", schema::boolean("Of a long text only the beginning is kept")}},
                     {"field"});
  return schema::object(
      {{"id", schema::integer()},
       {"record_id", schema::integer()},
       {"record_kind", schema::string()},
       {"event", schema::string("created, updated, status_changed, …")},
       {"happened_at", schema::date_time()},
       {"actor_id", schema::nullable(schema::integer("Null: the service itself"))},
       {"actor", schema::nullable(schema::string("Name of the actor"))},
       {"on_behalf_of_id", schema::nullable(schema::integer())},
       {"role", schema::nullable(schema::string())},
       {"task_id", schema::nullable(schema::integer())},
       {"outcome", schema::nullable(schema::string())},
       {"version", schema::nullable(schema::integer())},
       {"comment", schema::nullable(schema::string())},
       {"changes", schema::array(change)},
       {"request_id", schema::nullable(schema::string())},
       {"origin", schema::string()},
       {"mail_message_id", schema::nullable(schema::integer())}},
      {"id", "event", "happened_at"});
}

Json feed_event_schema() {
  Json event = history_event_schema();
  Json properties = *event.find("properties");
  properties.set("cursor", schema::string("Everything up to this event"));
  properties.set("record_key",
                 schema::nullable(schema::string("Of what has a code, or is no record")));
  properties.set("record_id", schema::nullable(schema::integer()));
  event.set("properties", std::move(properties));
  event.set("required", Json::Array{"cursor", "id", "record_kind", "event", "happened_at"});
  return event;
}

Json create_schema(const store::Resource& resource) { return body_schema(resource, true); }

std::optional<Json> create_with_rows_schema(const store::Resource& resource,
                                            const store::Registry& registry) {
  Json json = create_schema(resource);
  Json properties = *json.find("properties");
  const auto kinds = store::nested_kinds(registry, resource);
  for (const auto& kind : kinds) {
    properties.set(kind.name,
                   schema::array(schema::ref(component_name(kind.child->kind) + "Create"),
                                 "Made in the same transaction. " + std::string(kind.doc)));
  }
  if (kinds.empty()) return std::nullopt;
  json.set("properties", std::move(properties));
  return json;
}

std::string creation_component(const store::Resource& resource, const store::Registry& registry) {
  const bool rows = !store::nested_kinds(registry, resource).empty();
  return component_name(resource.kind) + (rows ? "CreateWithRows" : "Create");
}
Json update_schema(const store::Resource& resource) { return body_schema(resource, false); }

Json default_filters_schema(std::string doc) {
  return Json::Object{{"type", "object"},
                      {"description", std::move(doc)},
                      {"additionalProperties", schema::string()}};
}

Json page_schema(std::string_view item_component) {
  return schema::object(
      {{"items", schema::array(schema::ref(item_component))},
       {"next_cursor",
        schema::nullable(schema::string("Send it as `cursor`; null on the last page"))},
       {"total", schema::integer("Only with `count`")},
       {"total_is_estimated", schema::boolean("Only with `count=estimated`")},
       {"default_filters", default_filters_schema(std::string(kFilteredByDefault))}},
      {"items", "next_cursor"});
}

}  // namespace c360::api
