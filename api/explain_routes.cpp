#include "api/explain_routes.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "api/explain_page.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"

namespace c360::api {
namespace {

constexpr std::string_view kMailScope = "mail:read";
constexpr std::string_view kExplain = "/explain";

// Records a mail can make.
constexpr std::array<std::string_view, 4> kMade = {"deal", "lead", "activity", "support_request"};

Result<Json> explain(const ApiServices& services, std::int64_t mail_id) {
  if (services.mail_explainer == nullptr)
    return fail(ErrorCode::unavailable, "mail intake is not running in this process", "intake_off");
  // Reading mail needs more stack than a connection's thread has.
  Result<Json> result = fail(ErrorCode::internal, "the explanation did not run");
  std::jthread([&] { result = services.mail_explainer->explain(mail_id); }).join();
  return result;
}

Result<Json> explain_mail(const ApiServices& services, Request& request, Response& response) {
  const store::Resource& mail = services.records.registry().get("mail_message");
  if (auto seen = sees_record(services, mail, request, "", response); !seen)
    return std::unexpected(std::move(seen).error());
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  return explain(services, *id);
}

Result<void> send_json(const ApiServices& services, Request& request, Response& response) {
  auto explained = explain_mail(services, request, response);
  if (!explained) return std::unexpected(std::move(explained).error());
  response.json(explained->dump());
  return {};
}

Result<void> send_page(const ApiServices& services, Request& request, Response& response) {
  auto explained = explain_mail(services, request, response);
  if (!explained) return std::unexpected(std::move(explained).error());
  ExplainPage page = explain_page(*explained);
  response.content_type = "text/html; charset=utf-8";
  response.content_security_policy = std::move(page.content_security_policy);
  response.body = std::move(page.html);
  return {};
}

// What the explanation says of this one record.
void narrow(Json& explained, const store::Resource& resource, std::int64_t id) {
  const auto of_other = [&](const Json& field) {
    const Json* kind = field.find("record_kind");
    const Json* record = field.find("record_id");
    if (kind == nullptr || !kind->is_string()) return true;
    // A contact is named by the deal or lead it came with.
    if (kind->as_string() == "contact") return resource.kind == "activity";
    return kind->as_string() != resource.kind || record == nullptr || record->as_int64() != id;
  };
  for (auto& [name, value] : explained.as_object())
    if (name == "fields") std::erase_if(value.as_array(), of_other);
  Json record{Json::Object{}};
  record.set("kind", resource.kind).set("id", id);
  explained.set("record", std::move(record));
}

Result<void> send_of_record(const ApiServices& services, const store::Resource& resource,
                            const Request& request, Response& response) {
  const store::Actor actor = actor_of(request);
  auto view = services.records.get(resource, request.path_value(0), actor,
                                   {{"fields", std::string(resource.key) + ",mail_message_id"}});
  if (!view) return std::unexpected(std::move(view).error());
  if (view->moved_to) {
    redirect_to(*view->moved_to, resource, kExplain, response);
    return {};
  }
  if (!request.caller->has_scope(kMailScope))
    return fail(
        ErrorCode::forbidden,
        "an explanation shows the mail: the token has no scope '" + std::string(kMailScope) + "'",
        "scope_missing");
  auto record = Json::parse(view->json);
  if (!record) return std::unexpected(record.error());
  const Json* mail = record->find("mail_message_id");
  if (mail == nullptr || !mail->is_number())
    return fail(ErrorCode::not_found,
                std::string(resource.kind) + " " + view->key +
                    " was not made from a mail, so there is nothing to explain",
                "not_from_mail");
  const store::Resource& message = services.records.registry().get("mail_message");
  if (auto seen = services.records.get(message, mail->number_text(), actor, {{"fields", "id"}});
      !seen) {
    if (seen.error().code != ErrorCode::not_found) return std::unexpected(seen.error());
    return fail(ErrorCode::forbidden,
                "an explanation shows the mail, which is the affair of crm-administrators",
                "administrators_only");
  }
  auto explained = explain(services, mail->as_int64().value_or(0));
  if (!explained) return std::unexpected(std::move(explained).error());
  narrow(*explained, resource, view->id);
  response.json(explained->dump());
  return {};
}

Json span_schema(Json::Object more, std::vector<std::string> required, std::string_view doc) {
  Json::Object properties{{"begin", schema::integer("First byte")},
                          {"end", schema::integer("Behind the last byte")}};
  required.insert(required.end(), {"begin", "end"});
  for (auto& member : more) properties.push_back(std::move(member));
  return schema::object(std::move(properties), std::move(required), doc);
}

Json nullable_text(std::string_view doc = {}) { return schema::nullable(schema::string(doc)); }
Json nullable_number(std::string_view doc = {}) { return schema::nullable(schema::integer(doc)); }

Json prepared_schema() {
  return schema::nullable(span_schema({{"in", schema::one_of({"subject", "body"})}}, {"in"},
                                      "Where it stands in text.subject or text.body (UTF-8)"));
}

Json raw_mail_schema() {
  return schema::nullable(
      span_schema({{"exact", schema::boolean("These bytes are the value; else they only hold it")}},
                  {"exact"}, "Where it stands in the mail as received"));
}

constexpr std::string_view kRawReasons =
    "Why there is no exact place: constant, transfer_encoding, charset, encoded_word, rewritten, "
    "whole_part, not_found";

Json field_schema() {
  return schema::object(
      {{"record_kind", nullable_text("Of the record it is a field of; null: only kept")},
       {"record_id", nullable_number()},
       {"field", schema::string()},
       {"value", nullable_text("null: the whole text")},
       {"raw", nullable_text("As written in the mail")},
       {"source", schema::one_of({"body", "subject", "header", "from_name", "from_address", "rule",
                                  "derived", "program", "match", "server", "fetch", "person"})},
       {"header", nullable_text("Name of the header field")},
       {"rule", nullable_text()},
       {"rule_set_version", nullable_number()},
       {"mail_message_id", schema::integer()},
       {"part", nullable_text("Section number of the part (RFC 9051)")},
       {"prepared", prepared_schema()},
       {"raw_mail", raw_mail_schema()},
       {"raw_mail_reason", nullable_text(kRawReasons)},
       {"charset", nullable_text()},
       {"charset_path", nullable_text("How the charset was found")},
       {"transformations", schema::array(schema::string())},
       {"rejected", schema::string("Why a value that was found could not be used")}},
      {"record_kind", "field", "value", "source", "prepared", "raw_mail", "transformations"});
}

Json why_not_schema() {
  const Json rule =
      schema::object({{"rule", schema::string()},
                      {"reached", schema::boolean("false behind the rule that decided")},
                      {"condition", schema::string("The first that failed")},
                      {"detail", schema::string("What was wanted")},
                      {"conditions_met", schema::integer()},
                      {"conditions", schema::integer()}},
                     {"rule", "reached", "condition", "detail", "conditions_met", "conditions"});
  return schema::nullable(schema::object(
      {{"stage", schema::one_of({"pending", "listing", "fetching", "reading", "rules", "target",
                                 "storing", "duplicate", "person"},
                                "How far the mail came")},
       {"reason", schema::string("Outcome, or reason of the quarantine")},
       {"detail", schema::string()},
       {"rule", nullable_text("The rule that decided")},
       {"would_match", nullable_text("The first rule behind it that the mail meets as well")},
       {"nearest", schema::array(rule, "Rules that did not match, nearest first")}},
      {"stage", "reason", "detail", "nearest"}, "Why the mail made nothing; null: it did"));
}

Json text_schema() {
  return schema::nullable(
      schema::object({{"subject", schema::string()},
                      {"body", schema::string()},
                      {"part", nullable_text()},
                      {"media_type", nullable_text()},
                      {"transfer_encoding", nullable_text()},
                      {"charset", nullable_text()},
                      {"charset_path", nullable_text()},
                      {"from_html", schema::boolean()},
                      {"truncated", schema::boolean("A limit was crossed: see the mail itself")}},
                     {"subject", "body"}, "The text as rules see it; null: never fetched"));
}

Json outcome_schema() {
  const Json set = schema::nullable(schema::object(
      {{"version", schema::integer()}, {"sha256", schema::string()}}, {"version", "sha256"}));
  const Json quarantine = schema::nullable(schema::object({{"id", schema::integer()},
                                                           {"reason", schema::string()},
                                                           {"details", schema::string()},
                                                           {"status", schema::string()}},
                                                          {"id", "reason", "status"}));
  const Json record = schema::nullable(
      schema::object({{"kind", schema::string()}, {"id", schema::integer()}}, {"kind", "id"}));
  return schema::object({{"state", schema::string()},
                         {"code", nullable_text("As outcome of the mail")},
                         {"rule", nullable_text()},
                         {"rule_set", set},
                         {"record", record},
                         {"duplicate_of_id", nullable_number()},
                         {"quarantine", quarantine}},
                        {"state", "code"});
}

Json mail_schema() {
  return schema::object({{"id", schema::integer()},
                         {"mailbox", schema::string()},
                         {"mailbox_kind", schema::string()},
                         {"folder", schema::string()},
                         {"uidvalidity", schema::integer()},
                         {"uid", schema::integer()},
                         {"message_id", nullable_text()},
                         {"subject", nullable_text()},
                         {"from_name", nullable_text()},
                         {"from_address", nullable_text()},
                         {"date", nullable_text()},
                         {"date_source", nullable_text()},
                         {"size_bytes", nullable_number()}},
                        {"id", "mailbox"});
}

Json target_schema() {
  return schema::nullable(schema::object({{"kind", nullable_text()},
                                          {"alias", nullable_text()},
                                          {"search_field", nullable_text()},
                                          {"value", schema::string()},
                                          {"prepared", prepared_schema()},
                                          {"raw_mail", raw_mail_schema()},
                                          {"raw_mail_reason", nullable_text(kRawReasons)}},
                                         {"value"}, "The record the mail names"));
}

Json reply_schema() {
  const Json spans = schema::array(schema::array(schema::integer()), "[begin, end), in bytes");
  const Json sender =
      schema::object({{"name", schema::string()},
                      {"address", schema::string()},
                      {"text", schema::array(schema::integer())}},
                     {"name", "address"}, "Of a forward: who wrote what is passed on");
  return schema::nullable(schema::object({{"kind", schema::one_of({"reply", "forward"})},
                                          {"typed", spans},
                                          {"quoted", spans},
                                          {"signature", spans},
                                          {"cut", schema::boolean("There are more than 500 spans")},
                                          {"original_sender", sender}},
                                         {"kind", "typed", "quoted", "signature"},
                                         "Which part of the mail's body_text is new and which is "
                                         "another mail's; null: it quotes nothing"));
}

Json explanation_schema(bool of_record) {
  const Json record =
      schema::object({{"kind", schema::string()}, {"id", schema::integer()}}, {"kind", "id"});
  Json::Object properties{
      {"mail", mail_schema()},
      {"outcome", outcome_schema()},
      {"rules", nullable_text("Name of the rule file's rules that looked at it: the mailbox's own, "
                              "or those of its kind")},
      {"reply", reply_schema()},
      {"text", text_schema()},
      {"records", schema::array(record, "Made from this mail")},
      {"fields", schema::array(field_schema())},
      {"unusable", schema::array(field_schema(), "Found, and not usable")},
      {"target", target_schema()},
      {"why_not", why_not_schema()},
      {"reproduced", schema::nullable(schema::boolean("Reading the mail again with the rules of "
                                                      "that time gives the same"))},
      {"notes", schema::array(schema::string(), "What is missing here and why")}};
  std::vector<std::string> required = {"mail", "outcome", "text", "fields", "why_not"};
  if (of_record) {
    properties.emplace_back("record", record);
    required.emplace_back("record");
  }
  return schema::object(std::move(properties), std::move(required));
}

Route explain_route(std::string path, std::string scope, std::string id, std::string summary) {
  Route route{.method = Method::get,
              .path = std::string(kApiPrefix) + std::move(path),
              .access = Access::scope,
              .scope = std::move(scope),
              .operation_id = std::move(id),
              .summary = std::move(summary),
              .tag = "mail"};
  route.parameters = {{.name = "id",
                       .place = ParameterPlace::path,
                       .doc = "Id of the row",
                       .schema = schema::integer(),
                       .required = true}};
  return route;
}

}  // namespace

void add_explain_routes(std::vector<Route>& routes, const ApiServices& services) {
  Route json =
      explain_route("/mail/messages/{id}/explain", std::string(kMailScope), "explain_mail_message",
                    "Where each value was read, and why a mail made nothing");
  json.answers = {{.doc = "The explanation",
                   .media_type = std::string(kJson),
                   .schema = explanation_schema(false)}};
  json.handler = [services](Request& request, Response& response) {
    return send_json(services, request, response);
  };
  routes.push_back(std::move(json));

  Route page = explain_route("/mail/messages/{id}/explain.html", std::string(kMailScope),
                             "show_mail_message_explanation", "The same as a page to look at");
  page.answers = {
      {.doc = "The page; it needs no script and loads nothing", .media_type = "text/html"}};
  page.handler = [services](Request& request, Response& response) {
    return send_page(services, request, response);
  };
  routes.push_back(std::move(page));

  for (const std::string_view kind : kMade) {
    const store::Resource* resource = services.records.registry().find(kind);
    if (resource == nullptr || !resource->offers(store::Operation::get)) continue;
    Route route = explain_route("/" + std::string(resource->path) + "/{id}" + std::string(kExplain),
                                scope_of(*resource, false), "explain_" + std::string(kind),
                                "Where each value was read; needs the scope mail:read as well");
    route.tag = kind;
    route.answers = {{.doc = "The explanation",
                      .media_type = std::string(kJson),
                      .schema = explanation_schema(true)},
                     moved_answer()};
    route.handler = [services, resource](Request& request, Response& response) {
      return send_of_record(services, *resource, request, response);
    };
    routes.push_back(std::move(route));
  }
}

}  // namespace c360::api
