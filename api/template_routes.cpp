#include "api/template_routes.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "adapters/document_renderer.h"
#include "api/preconditions.h"
#include "api/record_handlers.h"
#include "api/schema.h"
#include "api/stored_content.h"
#include "daemon/base/text.h"
#include "store/documents/content.h"
#include "store/documents/docx.h"
#include "store/documents/stored_templates.h"
#include "store/documents/template.h"

namespace c360::api {
namespace {

using store::DocumentTemplate;

Result<void> may_change(const Request& request) {
  if (request.caller->actor.is_administrator()) return {};
  return fail(ErrorCode::forbidden, "Templates are the affair of the group crm-administrators.",
              "administrators_only");
}

void write_template(Response& response, const DocumentTemplate& each, bool with_page) {
  JsonWriter json;
  json.begin_object()
      .member("code", std::string_view(each.code))
      .member("name", std::string_view(each.name))
      .member("kind", std::string_view(each.kind))
      .member("type_code", std::string_view(each.type_code))
      .member("version", each.version)
      .member("has_page", !each.page.empty())
      .member("has_docx", each.has_docx);
  if (with_page) json.member("page", std::string_view(each.page));
  response.json(json.end_object().take());
}

// What came with the program has none: it is replaced without a word.
void add_etag(Response& response, std::int64_t version) {
  if (version > 0) response.add_header("ETag", etag_of(version));
}

// A change names the version it was made from, once the installation has put one.
Result<void> check_version(const Request& request, std::int64_t in_use) {
  if (in_use == 0 && !request.header("if-match")) return {};
  const auto expected = required_version(request);
  if (!expected) return std::unexpected(expected.error());
  if (!*expected || *expected == in_use) return {};
  return fail(ErrorCode::precondition_failed, "The template was changed meanwhile; read it again.",
              "stale_version");
}

Result<void> list(const ApiServices& services, Response& response) {
  auto tx = services.database.begin(store::Pool::api, store::TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  auto json = store::templates_json(*tx);
  if (!json) return std::unexpected(std::move(json).error());
  response.json(*json);
  return {};
}

Result<void> list_fields(const ApiServices& services, const Request& request, Response& response) {
  const store::Registry& registry = services.records.registry();
  const auto kinds = store::documented_kinds(registry);
  const auto kind = request.query_value("kind");
  if (!kind || std::ranges::find(kinds, *kind) == kinds.end())
    return fail(ErrorCode::invalid_request,
                "There is no such kind of record; kinds: " + join(kinds, ", ") + ".",
                "unknown_kind");
  auto tx = services.database.begin(store::Pool::api, store::TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  auto json = store::template_fields_json(*tx, registry.get(*kind));
  if (!json) return std::unexpected(std::move(json).error());
  response.json(*json);
  return {};
}

Result<std::optional<std::int64_t>> wanted_version(const Request& request) {
  std::optional<std::int64_t> version;
  if (const auto sent = request.query_value("version")) {
    std::int32_t number = 0;
    const auto [stop, error] = std::from_chars(sent->data(), sent->data() + sent->size(), number);
    if (error != std::errc{} || stop != sent->data() + sent->size() || number < 0) {
      return fail(ErrorCode::invalid_request, "version is a number from 0.", "bad_version");
    }
    version = number;
  }
  return version;
}

Result<void> get(const ApiServices& services, const Request& request, Response& response) {
  const auto version = wanted_version(request);
  if (!version) return std::unexpected(version.error());
  auto tx = services.database.begin(store::Pool::api, store::TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  const auto found = store::find_template(*tx, request.path_value(0), *version);
  if (!found) return std::unexpected(found.error());
  add_etag(response, found->version);
  write_template(response, *found, true);
  return {};
}

// Under the name people know it by.
Result<void> get_docx(const ApiServices& services, const Request& request, Response& response) {
  const auto version = wanted_version(request);
  if (!version) return std::unexpected(version.error());
  auto tx = services.database.begin(store::Pool::api, store::TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  const auto found = store::find_template(*tx, request.path_value(0), *version);
  if (!found) return std::unexpected(found.error());
  auto docx = store::read_template_docx(*tx, *found);
  if (!docx) return std::unexpected(std::move(docx).error());
  response.content_type = store::kDocxType;
  response.cache_control = "private, no-cache";
  response.add_header("Content-Disposition", attachment_disposition(found->name + ".docx"));
  response.body = std::move(*docx);
  return {};
}

struct SentTemplate {
  DocumentTemplate made;
  std::optional<std::string> comment;
  bool dry_run = false;
};

Result<SentTemplate> read_template(const Json& body, const std::string& code) {
  SentTemplate sent;
  sent.made.code = code;
  Error error{.code = ErrorCode::validation_failed, .detail = "The template cannot be used."};
  std::string comment;
  const std::array<std::pair<std::string_view, std::string*>, 5> texts = {
      {{"page", &sent.made.page},
       {"name", &sent.made.name},
       {"kind", &sent.made.kind},
       {"type_code", &sent.made.type_code},
       {"comment", &comment}}};
  for (const auto& [name, value] : body.as_object()) {
    const auto text =
        std::ranges::find(texts, name, &std::pair<std::string_view, std::string*>::first);
    if (name == "dry_run" && value.is_bool()) {
      sent.dry_run = value.as_bool();
    } else if (text != texts.end() && value.is_string()) {
      *text->second = value.as_string();
    } else {
      const bool known = name == "dry_run" || text != texts.end();
      error.fields.push_back({"/" + name, known ? "wrong_type" : "unknown_field",
                              "Known here: page, name, kind, type_code, comment, dry_run."});
    }
  }
  if (sent.made.page.empty())
    error.fields.push_back({"/page", "page_required", "No HTML is sent."});
  if (comment.size() > 1'000)
    error.fields.push_back({"/comment", "too_long", "1000 bytes at most."});
  if (!comment.empty()) sent.comment = std::move(comment);
  if (error.fields.empty()) return sent;
  error.reason = error.fields.front().code;
  return std::unexpected(std::move(error));
}

// What a document made with it would meet.
Result<void> try_template(const ApiServices& services, const Request& request,
                          const DocumentTemplate& made) {
  if (services.renderer == nullptr) {
    return fail(ErrorCode::unavailable,
                "A template is printed once before it is taken, and no renderer is connected: see "
                "the setting documents.renderer.",
                "not_connected");
  }
  const auto filled = store::fill_template(
      made.page, store::sample_content(services.records.registry().get(made.kind), {}));
  if (!filled) return std::unexpected(filled.error());
  const auto pdf = services.renderer->pdf(
      *filled, [peer = request.peer] { return peer != nullptr && peer->gone(); });
  if (!pdf) return std::unexpected(pdf.error());
  return {};
}

// What was sent, with what stays of the template before it.
Result<void> complete(const ApiServices& services, const Request& request, SentTemplate& sent) {
  auto tx = services.database.begin(store::Pool::api, store::TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  auto made = store::completed_template(*tx, services.records.registry(), std::move(sent.made));
  if (!made) return std::unexpected(std::move(made).error());
  sent.made = std::move(*made);
  return sent.dry_run ? Result<void>{} : check_version(request, sent.made.based_on);
}

Result<void> add_version(const ApiServices& services, const Request& request, SentTemplate& sent,
                         Response& response) {
  if (!sent.dry_run) {
    auto stored = store::in_transaction(
        services.database, store::Pool::api, [&](store::Transaction& tx) -> Result<void> {
          auto version = store::add_template(tx, sent.made, sent.comment, actor_of(request));
          if (!version) return std::unexpected(std::move(version).error());
          sent.made.version = *version;
          add_etag(response, *version);
          return {};
        });
    if (!stored) return stored;
  }
  write_template(response, sent.made, false);
  return {};
}

Result<void> put(const ApiServices& services, std::uint64_t limit, Request& request,
                 Response& response) {
  if (auto allowed = may_change(request); !allowed) return allowed;
  std::string text;
  const auto body = read_object(request, limit, text);
  if (!body) return std::unexpected(body.error());
  auto sent = read_template(*body, request.path_value(0));
  if (!sent) return std::unexpected(std::move(sent).error());
  if (auto completed = complete(services, request, *sent); !completed) return completed;
  if (auto tried = try_template(services, request, sent->made); !tried) return tried;
  return add_version(services, request, *sent, response);
}

// The body is the file, whatever its label says; what else there is to say is in the query.
Result<void> put_docx(const ApiServices& services, Request& request, Response& response) {
  if (auto allowed = may_change(request); !allowed) return allowed;
  auto file = request.read_body(store::DocxLimits{}.package_bytes);
  if (!file) return std::unexpected(std::move(file).error());
  const auto dry_run = flag_parameter(request, "dry_run");
  if (!dry_run) return std::unexpected(dry_run.error());
  const auto said = [&](std::string_view name) {
    return std::string(request.query_value(name).value_or(""));
  };
  SentTemplate sent{.made = {.code = request.path_value(0),
                             .name = said("name"),
                             .kind = said("kind"),
                             .type_code = said("type_code"),
                             .docx = std::move(*file)},
                    .dry_run = *dry_run};
  if (const std::string comment = said("comment"); !comment.empty()) sent.comment = comment;
  if (sent.comment && sent.comment->size() > 1'000)
    return fail(ErrorCode::invalid_request, "comment has 1000 bytes at most.", "too_long");
  if (sent.made.docx.empty())
    return fail(ErrorCode::invalid_request, "the file is empty", "file_empty");
  if (auto completed = complete(services, request, sent); !completed) return completed;
  return add_version(services, request, sent, response);
}

Result<void> retire(const ApiServices& services, const Request& request, Response& response) {
  if (auto allowed = may_change(request); !allowed) return allowed;
  auto done = store::in_transaction(
      services.database, store::Pool::api, [&](store::Transaction& tx) -> Result<void> {
        const auto found = store::find_template(tx, request.path_value(0));
        if (!found) return std::unexpected(found.error());
        if (auto same = check_version(request, found->version); !same) return same;
        return store::retire_template(tx, request.path_value(0), found->version);
      });
  if (done) response.status = 204;
  return done;
}

Json template_schema(const store::Registry& registry, bool with_page, bool with_maker) {
  Json::Object members{
      {"code", schema::string()},
      {"name", schema::string()},
      {"kind", schema::one_of(store::documented_kinds(registry), "Of the records it is for")},
      {"type_code", schema::string("Of the documents made")},
      {"version", schema::integer("0: comes with the program")},
      {"has_page", schema::boolean("Makes a PDF")},
      {"has_docx", schema::boolean("Makes a DOCX")}};
  std::vector<std::string> required{"code",    "name",     "kind",    "type_code",
                                    "version", "has_page", "has_docx"};
  if (with_page) members.emplace_back("page", schema::string("HTML with fields"));
  if (with_page) required.emplace_back("page");
  if (with_maker) {
    members.emplace_back("created_at", schema::nullable(schema::date_time()));
    members.emplace_back("created_by", schema::nullable(schema::integer("Id of the user")));
  }
  return schema::object(std::move(members), std::move(required));
}

Parameter code_parameter() {
  return {.name = "code",
          .place = ParameterPlace::path,
          .doc = "Of the template",
          .schema = schema::string(),
          .required = true};
}

Route route_of(Method method, std::string path, std::string id, std::string summary,
               std::string scope) {
  return {.method = method,
          .path = std::string(kApiPrefix) + "/document-templates" + std::move(path),
          .access = Access::scope,
          .scope = std::move(scope),
          .operation_id = std::move(id),
          .summary = std::move(summary),
          .tag = "document"};
}

Parameter if_match() {
  return {.name = "If-Match",
          .place = ParameterPlace::header,
          .doc =
              "ETag of the template as it was read; 412 when it has changed, 428 without. Not "
              "wanted of a new code, nor over what came with the program",
          .schema = schema::string()};
}

Parameter version_parameter() {
  return {.name = "version",
          .doc = "An earlier one; 0: what came with the program",
          .schema = schema::integer()};
}

Route fields_route(const ApiServices& services) {
  Route fields = route_of(Method::get, "", "list_document_template_fields",
                          "What a template may use: {{name}}, with the labels of the fields of the "
                          "record and of those an installation added (record.custom.CODE)",
                          "document:read");
  fields.path = std::string(kApiPrefix) + "/document-template-fields";
  fields.handler = [services](Request& request, Response& response) {
    return list_fields(services, request, response);
  };
  fields.parameters = {
      {.name = "kind",
       .doc = "Of the records the template is for",
       .schema = schema::one_of(store::documented_kinds(services.records.registry()), "Kind"),
       .required = true}};
  fields.answers = {
      {.doc = "In the order of a document, the record's own last",
       .media_type = std::string(kJson),
       .schema = schema::object({{"items", schema::array(schema::object(
                                               {{"name", schema::string()},
                                                {"label_ru", schema::nullable(schema::string())},
                                                {"label_en", schema::nullable(schema::string())},
                                                {"type", schema::string()}},
                                               {"name", "label_ru", "label_en", "type"}))}},
                                {"items"})}};
  return fields;
}

void add_docx_routes(std::vector<Route>& routes, const ApiServices& services) {
  Route file = route_of(Method::get, "/{code}/docx", "get_document_template_docx",
                        "The file to edit in Word", "document:read");
  file.handler = [services](Request& request, Response& response) {
    return get_docx(services, request, response);
  };
  file.parameters = {code_parameter(), version_parameter()};
  file.answers = {{.doc = "The file",
                   .media_type = std::string(store::kDocxType),
                   .headers = {"Content-Disposition"}}};
  routes.push_back(std::move(file));

  Route change =
      route_of(Method::put, "/{code}/docx", "put_document_template_docx",
               "A new version of a template by a file edited in Word, in use at once; it "
               "is filled once before",
               "document:write");
  change.handler = [services](Request& request, Response& response) {
    return put_docx(services, request, response);
  };
  change.parameters = {code_parameter(), if_match()};
  for (const auto& [name, doc] :
       {std::pair{"name", "Wanted of a new code"},
        std::pair{"kind", "Wanted of a new code: deal, order, lead, … (kind of record)"},
        std::pair{"type_code", "Wanted of a new code: a document type"},
        std::pair{"comment", "Kept with the version"}}) {
    change.parameters.push_back({.name = name, .doc = doc, .schema = schema::string()});
  }
  change.parameters.push_back(
      {.name = "dry_run", .doc = "true: only tried", .schema = schema::boolean()});
  change.request_media_types = {std::string(store::kDocxType), "*/*"};
  change.max_body_bytes = store::DocxLimits{}.package_bytes;
  change.answers = {{.doc = "Its version",
                     .media_type = std::string(kJson),
                     .schema = template_schema(services.records.registry(), false, false),
                     .headers = {"ETag"}}};
  routes.push_back(std::move(change));
}

}  // namespace

void add_template_routes(std::vector<Route>& routes, const ApiServices& services,
                         const ApiOptions& options) {
  Route all = route_of(Method::get, "", "list_document_templates",
                       "The templates documents are generated with", "document:read");
  all.handler = [services](Request&, Response& response) { return list(services, response); };
  all.answers = {
      {.doc = "By code",
       .media_type = std::string(kJson),
       .schema = schema::object(
           {{"items", schema::array(template_schema(services.records.registry(), false, true))}},
           {"items"})}};
  routes.push_back(std::move(all));

  routes.push_back(fields_route(services));

  Route one = route_of(Method::get, "/{code}", "get_document_template", "A template with its HTML",
                       "document:read");
  one.handler = [services](Request& request, Response& response) {
    return get(services, request, response);
  };
  one.parameters = {code_parameter(), version_parameter()};
  one.answers = {{.doc = "The template",
                  .media_type = std::string(kJson),
                  .schema = template_schema(services.records.registry(), true, false),
                  .headers = {"ETag"}}};
  routes.push_back(std::move(one));

  Route change =
      route_of(Method::put, "/{code}", "put_document_template",
               "A new version of a template, in use at once; it is tried before", "document:write");
  change.handler = [services, limit = options.max_json_bytes](Request& request,
                                                              Response& response) {
    return put(services, limit, request, response);
  };
  change.parameters = {code_parameter(), if_match()};
  change.request_media_types = {std::string(kJson)};
  change.request_schema = schema::object(
      {{"page", schema::string("HTML: {{field}}, {{#list}}…{{/list}}, {{^absent}}…{{/absent}}")},
       {"name", schema::string("Wanted of a new code")},
       {"kind", schema::string("Wanted of a new code: deal, order, lead, … (kind of record)")},
       {"type_code", schema::string("Wanted of a new code: a document type")},
       {"comment", schema::string("Kept with the version")},
       {"dry_run", schema::boolean("Only tried")}},
      {"page"});
  change.max_body_bytes = options.max_json_bytes;
  change.answers = {{.doc = "Its version",
                     .media_type = std::string(kJson),
                     .schema = template_schema(services.records.registry(), false, false),
                     .headers = {"ETag"}}};
  routes.push_back(std::move(change));

  add_docx_routes(routes, services);

  Route gone =
      route_of(Method::remove, "/{code}", "retire_document_template",
               "Out of use; the one that came with the program counts again", "document:write");
  gone.handler = [services](Request& request, Response& response) {
    return retire(services, request, response);
  };
  gone.parameters = {code_parameter(), if_match()};
  gone.answers = {{.status = 204, .doc = "Out of use"}};
  routes.push_back(std::move(gone));
}

}  // namespace c360::api
