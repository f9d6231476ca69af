#include "api/meta_routes.h"

#include <array>
#include <memory>
#include <set>

#include "api/auth.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "daemon/base/text.h"
#include "store/record_json.h"

namespace c360::api {
namespace {

using store::Field;
using store::FieldType;
using store::Label;
using store::Operation;
using store::Resource;

constexpr store::Sql kEnumLabels{"api_enum_labels",
                                 "SELECT domain, code, name_ru, name_en FROM crm.enum_label "
                                 "ORDER BY domain, position, code"};

constexpr store::Sql kCustomFields{"api_custom_fields", R"sql(
SELECT record_kind, code, type, name_ru, name_en, to_json(enum_values), is_required,
       default_value, is_searchable, section_code
FROM crm.custom_field_def WHERE is_active ORDER BY record_kind, sort_order, id
)sql"};

std::string_view pick(const Label& label, Language language) {
  return language == Language::en && !label.en.empty() ? label.en : label.ru;
}

void write_code(JsonWriter& writer, std::string_view code, const Label& label, Language language) {
  writer.member("code", code)
      .member("name", pick(label, language))
      .member("name_ru", label.ru)
      .member("name_en", label.en);
}

void write_statuses(JsonWriter& writer, const Resource& resource, Language language,
                    std::set<std::string, std::less<>>& written) {
  const std::string statuses = std::string(resource.kind) + ".status";
  const std::string stages = std::string(resource.kind) + ".stage";
  written.insert({statuses, stages});
  writer.key(statuses).begin_array();
  for (const auto& status : resource.statuses) {
    writer.begin_object();
    write_code(writer, status.code, status.label, language);
    writer.key("stage");
    status.stage.empty() ? writer.null() : writer.string(status.stage);
    const store::Stage* stage = resource.find_stage(status.stage);
    writer.key("percent");
    stage != nullptr && stage->percent ? writer.integer(*stage->percent) : writer.null();
    writer.member("on_board", status.on_board).member("is_final", status.is_final);
    writer.end_object();
  }
  writer.end_array();
  writer.key(stages).begin_array();
  for (const auto& stage : resource.stages) {
    writer.begin_object();
    write_code(writer, stage.code, stage.label, language);
    writer.key("percent");
    stage.percent ? writer.integer(*stage.percent) : writer.null();
    writer.end_object();
  }
  writer.end_array();
}

// Statuses and stages come from the declarations (schema_check compares them with the tables), the
// other lists from crm.enum_label, where an installation may change the words.
std::string enums_json(const store::Registry& registry, const store::Rows& labels,
                       Language language) {
  JsonWriter writer;
  std::set<std::string, std::less<>> written;
  writer.begin_object().key("enums").begin_object();
  for (const auto& resource : registry.all()) {
    if (!resource->statuses.empty()) write_statuses(writer, *resource, language, written);
  }
  std::string_view open;
  for (int row = 0; row < labels.size(); ++row) {
    const auto domain = labels.text(row, 0);
    if (written.contains(domain)) continue;
    if (domain != open) {
      if (!open.empty()) writer.end_array();
      writer.key(domain).begin_array();
      open = domain;
    }
    writer.begin_object();
    write_code(writer, labels.text(row, 1), {labels.text(row, 2), labels.text(row, 3)}, language);
    writer.end_object();
  }
  if (!open.empty()) writer.end_array();
  writer.end_object().end_object();
  return writer.take();
}

std::string_view type_name(FieldType type) {
  constexpr std::array<std::string_view, 20> kNames = {
      "boolean",   "integer",  "money", "decimal",    "text",          "html",      "citext",
      "email",     "phone",    "url",   "code",       "directory",     "reference", "date",
      "timestamp", "interval", "json",  "text_array", "integer_array", "bytes"};
  return kNames.at(static_cast<std::size_t>(type));
}

std::string_view write_rule_name(store::WriteRule rule) {
  constexpr std::array<std::string_view, 5> kNames = {"writers", "never", "creation", "responsible",
                                                      "administrators"};
  return kNames.at(static_cast<std::size_t>(rule));
}

// What resources are shown with, of one moment.
struct Shape {
  const store::Rows& custom_fields;
  const store::Sections& sections;
  const store::RequiredFields& required;
  Language language;
};

void write_field(JsonWriter& writer, const Resource& resource, const Field& field,
                 const store::Registry& registry, const Shape& shape) {
  const Language language = shape.language;
  const store::AskedBy asked_by = shape.required.asked_by(resource, field);
  writer.begin_object()
      .member("name", field.name)
      .member("type", type_name(field.type))
      .member("label", pick(field.label, language))
      .member("label_ru", field.label.ru)
      .member("label_en", field.label.en)
      .member("doc", field.doc)
      .member("writable", write_rule_name(field.write))
      .member("required", field.is_not_null && !field.default_value)
      .member("needed_on_creation", asked_by == store::AskedBy::full)
      .member("needed_for_requisites", asked_by == store::AskedBy::requisites)
      .member("filterable", field.is_filterable)
      .member("sortable", field.is_sortable)
      .member("searchable", field.is_searchable);
  if (field.length_limit > 0) {
    writer.member("max_length", static_cast<std::int64_t>(field.length_limit));
  }
  if (field.default_value && field.type != FieldType::bytes) {
    writer.key("default");
    store::write_value(writer, field, field.default_value);
  }
  if (!field.target.empty()) {
    writer.member("target", field.target);
    // Where its values are chosen from.
    if (const Resource* target = registry.find(field.target)) {
      writer.member("target_path", std::string(kApiPrefix) + "/" + std::string(target->path));
    }
  }
  if (!field.choices.empty()) {
    writer.key("choices").begin_array();
    for (const auto& choice : field.choices) {
      writer.begin_object();
      write_code(writer, choice.code, choice.label, language);
      writer.end_object();
    }
    writer.end_array();
  }
  writer.end_object();
}

// What the caller may do with records of the kind at all; what of one record, its own GET says.
void write_may(JsonWriter& writer, const Resource& resource, const store::Records& records,
               const Caller& caller) {
  const bool reads = caller.has_scope(scope_of(resource, false));
  const bool writes = caller.has_scope(scope_of(resource, true));
  const bool creates = writes && resource.offers(Operation::create) &&
                       records.access().may_create(caller.actor, resource).has_value();
  writer.key("may")
      .begin_object()
      .member("read", reads)
      .member("write", writes)
      .member("create", creates)
      .end_object();
}

void write_custom_fields(JsonWriter& writer, const Resource& resource, const store::Rows& custom,
                         Language language) {
  writer.key("custom_fields").begin_array();
  for (int row = 0; row < custom.size(); ++row) {
    if (custom.text(row, 0) != resource.kind) continue;
    const Label label{custom.text(row, 3), custom.text(row, 4)};
    writer.begin_object()
        .member("name", "custom." + std::string(custom.text(row, 1)))
        .member("type", custom.text(row, 2))
        .member("label", pick(label, language))
        .member("label_ru", label.ru)
        .member("label_en", label.en)
        .member("needed_on_creation", custom.boolean(row, 6))
        .member("searchable", custom.boolean(row, 8));
    if (!custom.is_null(row, 9)) writer.member("section_code", custom.text(row, 9));
    writer.key("values");
    custom.is_null(row, 5) ? writer.begin_array().end_array() : writer.raw(custom.text(row, 5));
    if (!custom.is_null(row, 7)) writer.key("default").raw(custom.text(row, 7));
    writer.end_object();
  }
  writer.end_array();
}

void write_names(JsonWriter& writer, const Resource& resource) {
  writer.key("natural_keys").begin_array();
  for (const auto name : resource.natural_keys) writer.string(name);
  writer.end_array();
}

void write_resource(JsonWriter& writer, const Resource& resource, const store::Records& records,
                    const Caller& caller, const Shape& shape) {
  const store::Registry& registry = records.registry();
  constexpr std::array<std::pair<Operation, std::string_view>, 7> kOperations = {
      {{Operation::list, "list"},
       {Operation::get, "get"},
       {Operation::create, "create"},
       {Operation::update, "update"},
       {Operation::remove, "remove"},
       {Operation::restore, "restore"},
       {Operation::history, "history"}}};
  const Label label = shape.sections.label(resource);
  const Label plural = shape.sections.label_plural(resource);
  writer.begin_object()
      .member("kind", resource.kind)
      .member("path", std::string(kApiPrefix) + "/" + std::string(resource.path))
      .member("label", pick(label, shape.language))
      .member("label_plural", pick(plural, shape.language))
      .member("label_ru", label.ru)
      .member("label_en", label.en)
      .member("label_plural_ru", plural.ru)
      .member("label_plural_en", plural.en)
      .member("is_hidden", shape.sections.is_hidden(resource))
      .member("doc", resource.doc)
      .member("key", resource.key)
      .member("has_versions", resource.has_versions)
      .member("default_sort", resource.default_sort);
  write_may(writer, resource, records, caller);
  write_names(writer, resource);
  write_default_filters(writer, shape.sections.default_filters(resource));
  write_custom_fields(writer, resource, shape.custom_fields, shape.language);
  writer.key("operations").begin_array();
  for (const auto& [operation, name] : kOperations) {
    if (resource.offers(operation)) writer.string(name);
  }
  writer.end_array().key("collections").begin_array();
  for (const auto& collection : resource.collections) {
    writer.begin_object()
        .member("name", collection.name)
        .member("kind", collection.kind)
        .member("doc", collection.doc)
        .end_object();
  }
  writer.end_array().key("fields").begin_array();
  for (const auto& field : resource.fields) {
    if (!field.is_secret) write_field(writer, resource, field, registry, shape);
  }
  writer.end_array().end_object();
}

Result<void> write_resources(const ApiServices& services, const Request& request,
                             Response& response) {
  auto language = language_of(request);
  if (!language) return std::unexpected(language.error());
  auto custom = services.database.execute(store::Pool::api, kCustomFields);
  if (!custom) return std::unexpected(std::move(custom).error());
  const auto sections = services.records.sections();
  const auto required = services.records.required_fields();
  const Shape shape{*custom, *sections, *required, *language};
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const auto& resource : services.records.registry().all()) {
    write_resource(writer, *resource, services.records, *request.caller, shape);
  }
  writer.end_array().end_object();
  response.json(writer.view());
  return {};
}

Result<void> write_me(const Request& request, Response& response) {
  const Caller& caller = *request.caller;
  JsonWriter writer;
  writer.begin_object();
  writer.key("user_id");
  caller.actor.user_id ? writer.integer(*caller.actor.user_id) : writer.null();
  writer.member("login", std::string_view{caller.actor.login})
      .member("is_service", caller.actor.is_service)
      .member("is_administrator", caller.actor.is_administrator())
      .member("token_id", caller.token_id);
  writer.key("groups").begin_array();
  for (const auto& group : caller.actor.groups) writer.string(group);
  writer.end_array().key("scopes").begin_array();
  for (const auto& scope : caller.actor.scopes) writer.string(scope);
  writer.end_array().end_object();
  response.json(writer.view());
  return {};
}

Json code_schema() {
  return schema::object({{"code", schema::string()},
                         {"name", schema::string("In the language asked for")},
                         {"name_ru", schema::string()},
                         {"name_en", schema::string()},
                         {"stage", schema::nullable(schema::string())},
                         {"percent", schema::nullable(schema::integer())},
                         {"on_board", schema::boolean()},
                         {"is_final", schema::boolean()}},
                        {"code", "name", "name_ru", "name_en"});
}

Json resource_schema() {
  const Json field = schema::object(
      {{"name", schema::string()},
       {"type", schema::string()},
       {"label", schema::string("In the language asked for")},
       {"label_ru", schema::string()},
       {"label_en", schema::string()},
       {"doc", schema::string()},
       {"writable",
        schema::one_of({"writers", "never", "creation", "responsible", "administrators"})},
       {"required", schema::boolean()},
       {"needed_on_creation", schema::boolean("By profile full")},
       {"needed_for_requisites", schema::boolean("By profile requisites")},
       {"default", schema::any("Where nothing is sent")},
       {"filterable", schema::boolean()},
       {"sortable", schema::boolean()},
       {"searchable", schema::boolean()},
       {"max_length", schema::integer()},
       {"target", schema::string("Kind it refers to")},
       {"target_path", schema::string("Where its values are listed")},
       {"choices", schema::array(code_schema())}},
      {"name", "type", "label", "writable", "required"});
  const Json custom = schema::object({{"name", schema::string("A member of `custom`")},
                                      {"type", schema::string()},
                                      {"label", schema::string()},
                                      {"label_ru", schema::string()},
                                      {"label_en", schema::string()},
                                      {"needed_on_creation", schema::boolean()},
                                      {"searchable", schema::boolean()},
                                      {"section_code", schema::string("Of this section alone")},
                                      {"values", schema::array(schema::string())},
                                      {"default", schema::any()}},
                                     {"name", "type", "label"});
  const Json collection = schema::object(
      {{"name", schema::string()}, {"kind", schema::string()}, {"doc", schema::string()}},
      {"name", "kind"});
  return schema::object(
      {{"kind", schema::string()},
       {"path", schema::string()},
       {"label", schema::string()},
       {"label_plural", schema::string()},
       {"label_ru", schema::string()},
       {"label_en", schema::string()},
       {"label_plural_ru", schema::string()},
       {"label_plural_en", schema::string()},
       {"is_hidden", schema::boolean("By this installation: not among the sections it works with")},
       {"default_filters",
        default_filters_schema("Of its list, where the request does not name the field")},
       {"may", schema::object({{"read", schema::boolean()},
                               {"write", schema::boolean()},
                               {"create", schema::boolean()}},
                              {"read", "write", "create"}, "The caller, by scopes and groups")},
       {"natural_keys", schema::array(schema::string())},
       {"custom_fields", schema::array(custom)},
       {"doc", schema::string()},
       {"key", schema::string()},
       {"has_versions", schema::boolean()},
       {"default_sort", schema::string()},
       {"operations", schema::array(schema::string())},
       {"collections", schema::array(collection)},
       {"fields", schema::array(field)}},
      {"kind", "path", "fields", "may"});
}

Json me_schema() {
  return schema::object({{"user_id", schema::nullable(schema::integer())},
                         {"login", schema::string()},
                         {"is_service", schema::boolean()},
                         {"is_administrator", schema::boolean()},
                         {"token_id", schema::integer()},
                         {"groups", schema::array(schema::string())},
                         {"scopes", schema::array(schema::string())}},
                        {"user_id", "login", "groups", "scopes"});
}

Route meta_route(std::string path, std::string id, std::string summary, Json answer,
                 RouteHandler handler) {
  return {
      .method = Method::get,
      .path = std::string(kApiPrefix) + std::move(path),
      .access = Access::caller,
      .operation_id = std::move(id),
      .summary = std::move(summary),
      .tag = "meta",
      .handler = std::move(handler),
      .parameters = {{.name = "lang",
                      .doc = "Language of labels; else Accept-Language, else Russian",
                      .schema = schema::one_of({"ru", "en"})}},
      .answers = {{.doc = "Done", .media_type = std::string(kJson), .schema = std::move(answer)}}};
}

}  // namespace

Result<Language> language_of(const Request& request) {
  if (const auto lang = request.query_value("lang")) {
    if (*lang == "ru") return Language::ru;
    if (*lang == "en") return Language::en;
    return fail(ErrorCode::invalid_request, "lang is ru or en");
  }
  // The first of the two that is named; weights are not read, clients put their first choice first.
  for (const auto entry : split(request.header("accept-language").value_or(""), ',')) {
    const auto tag = trimmed(entry.substr(0, entry.find(';')));
    if (equal_ignoring_case(tag.substr(0, 2), "ru")) return Language::ru;
    if (equal_ignoring_case(tag.substr(0, 2), "en")) return Language::en;
  }
  return Language::ru;
}

void add_meta_routes(std::vector<Route>& routes, const ApiServices& services) {
  const store::Registry& registry = services.records.registry();
  Json enums = schema::object({}, {});
  enums.set("additionalProperties", schema::array(code_schema()));
  routes.push_back(
      meta_route("/meta/enums", "get_enums", "Code lists with their labels",
                 schema::object({{"enums", std::move(enums)}}, {"enums"}),
                 [services, &registry](Request& request, Response& response) -> Result<void> {
                   auto language = language_of(request);
                   if (!language) return std::unexpected(language.error());
                   auto labels = services.database.execute(store::Pool::api, kEnumLabels);
                   if (!labels) return std::unexpected(std::move(labels).error());
                   response.json(enums_json(registry, *labels, *language));
                   return {};
                 }));

  routes.push_back(meta_route(
      "/meta/resources", "get_resources", "Resources with their fields, as a form needs them",
      schema::object({{"items", schema::array(resource_schema())}}, {"items"}),
      [services](Request& request, Response& response) {
        return write_resources(services, request, response);
      }));

  Route me =
      meta_route("/me", "get_me", "Who the token speaks for", me_schema(),
                 [](Request& request, Response& response) { return write_me(request, response); });
  me.parameters.clear();
  routes.push_back(std::move(me));
}

}  // namespace c360::api
