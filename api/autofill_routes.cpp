#include "api/autofill_routes.h"

#include <algorithm>

#include "api/auth.h"
#include "api/preconditions.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/register_lookup.h"
#include "api/schema.h"
#include "api/write_once.h"
#include "daemon/base/text.h"
#include "store/operations/autofill.h"
#include "store/operations/pedigree.h"

namespace c360::api {
namespace {

using store::AutofillMode;
using store::Resource;
using store::Transaction;

struct AutofillContext {
  ApiServices services;
  const Resource* resource;
  std::uint64_t limit;
};

struct AutofillBody {
  AutofillMode mode = AutofillMode::fill_empty;
  bool refresh = false;
  std::string inn;
  std::string kpp;
};

// `known` are the members this route takes.
Result<AutofillBody> read_body(Request& request, std::uint64_t limit,
                               const std::vector<std::string>& known, std::string& text) {
  auto read = request.read_body(limit);
  if (!read) return std::unexpected(std::move(read).error());
  text = std::move(*read);
  AutofillBody body;
  if (text.empty()) return body;
  const auto json = Json::parse(text);
  if (!json) return std::unexpected(json.error());
  if (!json->is_object())
    return fail(ErrorCode::invalid_request,
                "the body is a JSON " + std::string(json->type_name()) + ", not an object");
  Error error{.code = ErrorCode::validation_failed, .detail = "The body is not as it should be."};
  for (const auto& [name, value] : json->as_object()) {
    const std::string pointer = "/" + std::string(utf8_prefix(name, 80));
    if (std::ranges::find(known, name) == known.end()) {
      error.fields.push_back({pointer, "unknown_field", "Known here: " + join(known, ", ") + "."});
    } else if (name == "refresh" ? !value.is_bool() : !value.is_string()) {
      error.fields.push_back({pointer, "wrong_type", "Expected another type."});
    } else if (name == "refresh") {
      body.refresh = value.as_bool();
    } else if (name == "mode") {
      const auto mode = store::autofill_mode(value.as_string());
      if (mode) body.mode = *mode;
      if (!mode)
        error.fields.push_back(
            {pointer, "unknown_choice", "One of fill_empty, overwrite, preview."});
    } else {
      (name == "inn" ? body.inn : body.kpp) = value.as_string();
    }
  }
  if (error.fields.empty()) return body;
  error.reason = error.fields.front().code;
  return std::unexpected(std::move(error));
}

Result<RegisterLookup*> lookup_of(const ApiServices& services) {
  if (services.register_lookup == nullptr)
    return fail(ErrorCode::unavailable, "No register of companies is connected.", "not_connected");
  return services.register_lookup;
}

// The register is asked before anything is locked, and again only when nothing is kept of it.
Result<void> fill_card(const AutofillContext& context, Request& request, Response& response) {
  const ApiServices& services = context.services;
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto version = offered_version(request);
  if (!version) return std::unexpected(version.error());
  std::string text;
  const auto body = read_body(request, context.limit, {"mode", "refresh"}, text);
  if (!body) return std::unexpected(body.error());
  const store::Actor actor = actor_of(request);
  const auto target = store::autofill_target(services.database, services.records, *id, actor);
  if (!target && target.error().code == ErrorCode::not_found) {
    // It may have been merged into another: then that one is told.
    auto seen = sees_record(services, *context.resource, request, "/autofill", response);
    if (seen && !*seen) return {};
  }
  if (!target) return std::unexpected(target.error());
  if (target->id.empty()) {
    Error error{.code = ErrorCode::validation_failed,
                .detail = "The card has neither INN nor OGRN to ask about.",
                .reason = "inn_required"};
    error.fields.push_back({"/inn", "inn_required", "Give the counterparty its INN first."});
    return std::unexpected(std::move(error));
  }
  // Nobody pays twice for one request, which moved the version itself.
  const auto before = answered_before(services, request, text, response);
  if (!before) return std::unexpected(before.error());
  if (*before) return {};
  // Compared again under the lock; here before a call is paid for.
  if (*version && **version != target->version)
    return fail(
        ErrorCode::precondition_failed,
        "The counterparty is at version " + std::to_string(target->version) + ": read it again.",
        "stale_version");
  const auto lookup = lookup_of(context.services);
  if (!lookup) return std::unexpected(lookup.error());
  const auto facts = (*lookup)->find({.id = target->id,
                                      .kpp = target->kpp,
                                      .subject = "counterparty " + std::to_string(*id),
                                      .refresh = body->refresh,
                                      .typed_kpp = target->typed_kpp});
  if (!facts) return std::unexpected(facts.error());
  const store::AutofillRequest fill{
      .id = *id, .mode = body->mode, .policy = (*lookup)->policy(), .version = *version};
  return write_once(services, request, text, response,
                    [&](Transaction* transaction, Response& answer) -> Result<void> {
                      auto done =
                          transaction != nullptr
                              ? store::autofill_counterparty(services.records, *transaction, fill,
                                                             *facts, actor)
                              : store::autofill_counterparty(services.database, services.records,
                                                             fill, *facts, actor);
                      if (!done) return std::unexpected(std::move(done).error());
                      answer.json(done->json);
                      answer.add_header("ETag", etag_of(done->version));
                      return {};
                    });
}

// A text member of a card that is to be made; the creation says what is wrong with it.
std::string text_member(const Json& card, std::string_view name) {
  const Json* value = card.find(name);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

// The card as it was made, with what the register added.
Result<void> take_over(store::RecordView& view, const store::AutofillResult& filled) {
  const auto record = Json::parse(filled.record);
  auto shown = Json::parse(view.json);
  if (!record || !shown) return std::unexpected((!record ? record : shown).error());
  for (const auto& [name, value] : record->as_object()) shown->set(name, value);
  view.json = shown->dump();
  view.version = filled.version;
  return {};
}

Result<void> look_up(const AutofillContext& context, Request& request, Response& response) {
  std::string text;
  const auto body = read_body(request, context.limit, {"inn", "kpp", "refresh"}, text);
  if (!body) return std::unexpected(body.error());
  // It may be paid for: by whoever may make what it is asked for.
  const store::Actor actor = actor_of(request);
  if (auto may = context.services.records.access().may_create(actor, *context.resource); !may)
    return may;
  const auto lookup = lookup_of(context.services);
  if (!lookup) return std::unexpected(lookup.error());
  const std::string asker = actor.user_id ? "user " + std::to_string(*actor.user_id) : "preview";
  const auto facts = (*lookup)->find(
      {.id = body->inn, .kpp = body->kpp, .subject = asker, .refresh = body->refresh});
  if (!facts) return std::unexpected(facts.error());
  JsonWriter json;
  json.begin_object()
      .member("source", facts->source)
      .member("obtained_at", to_rfc3339(facts->obtained_at))
      .key("fields")
      .begin_object();
  for (const auto& [field, value] : facts->values) json.member(field, value);
  json.end_object().member("legal_form", facts->legal_form).key("warnings").begin_array();
  for (const std::string& warning : facts->warnings) json.string(warning);
  response.json(json.end_array().end_object().take());
  return {};
}

Result<void> show_pedigree(const AutofillContext& context, Request& request, Response& response) {
  auto seen = sees_record(context.services, *context.resource, request, "/pedigree", response);
  if (!seen) return std::unexpected(std::move(seen).error());
  if (!*seen) return {};
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto text = store::pedigree_json(context.services.database, context.services.records, *id,
                                   actor_of(request));
  if (!text) return std::unexpected(std::move(text).error());
  response.json(*text);
  return {};
}

// -- What the document says -----------------------------------------------------------------------

Json conflict_schema() {
  return schema::object(
      {{"field", schema::string()},
       {"ours", schema::string("On the card")},
       {"ours_source", schema::string("person, import, mail, dadata, kontur, system")},
       {"theirs", schema::string("What the register says")},
       {"source", schema::string()},
       {"obtained_at", schema::string()}},
      {"field", "ours", "ours_source", "theirs", "source", "obtained_at"});
}

Json entry_schema(bool with_earlier) {
  Json::Object members{{"value", schema::nullable(schema::string())},
                       {"source", schema::string("person, import, mail, dadata, kontur, system")},
                       {"at", schema::nullable(schema::string("Since when"))},
                       {"obtained_at", schema::nullable(schema::string("From the register"))},
                       {"actor_id", schema::nullable(schema::integer("Who wrote it"))}};
  std::vector<std::string> required{"value", "source", "at", "obtained_at", "actor_id"};
  if (with_earlier) {
    members.emplace_back("field", schema::string());
    members.emplace_back("earlier", schema::array(entry_schema(false), "The latest first"));
    required.insert(required.end(), {"field", "earlier"});
  }
  return schema::object(std::move(members), std::move(required));
}

Json filled_schema() {
  return schema::object(
      {{"mode", schema::one_of({"fill_empty", "overwrite", "preview"})},
       {"source", schema::string()},
       {"obtained_at", schema::string()},
       {"written", schema::array(schema::object({{"field", schema::string()},
                                                 {"old", schema::nullable(schema::string())},
                                                 {"new", schema::string()},
                                                 {"source", schema::string()}},
                                                {"field", "old", "new", "source"}))},
       {"conflicts", schema::array(conflict_schema(), "What differs and was not written")},
       {"warnings", schema::array(schema::string(), "What was dropped, and why")},
       {"record", schema::any("The counterparty; null of a preview")}},
      {"mode", "source", "obtained_at", "written", "conflicts", "warnings", "record"});
}

Parameter id_parameter() {
  return {.name = "id",
          .place = ParameterPlace::path,
          .doc = "Id of the counterparty",
          .schema = schema::integer(),
          .required = true};
}

Parameter header_parameter(std::string name, std::string doc) {
  return {.name = std::move(name),
          .place = ParameterPlace::header,
          .doc = std::move(doc),
          .schema = schema::string()};
}

Route fill_route(const AutofillContext& context, const std::string& path) {
  return {
      .method = Method::post,
      .path = path + "/{id}/autofill",
      .access = Access::scope,
      .scope = scope_of(*context.resource, true),
      .operation_id = "autofill_counterparty",
      .summary = "Fill the card by its INN from the register of companies",
      .tag = "counterparty",
      .handler = [context](Request& request,
                           Response& response) { return fill_card(context, request, response); },
      .parameters = {id_parameter(), header_parameter("If-Match", "The version expected"),
                     header_parameter("Idempotency-Key",
                                      "Makes a repetition harmless for 72 h; at most 255 "
                                      "characters")},
      .request_media_types = {std::string(kJson)},
      .request_schema = schema::object(
          {{"mode", schema::one_of({"fill_empty", "overwrite", "preview"},
                                   "fill_empty: what is empty, or the policy gives to the "
                                   "register; preview saves nothing")},
           {"refresh", schema::boolean("Ask again, though an answer is kept")}}),
      .max_body_bytes = context.limit,
      .answers = {{.doc = "What was written, and what differs",
                   .media_type = std::string(kJson),
                   .schema = filled_schema(),
                   .headers = {"ETag"}},
                  moved_answer()}};
}

Route look_up_route(const AutofillContext& context, const std::string& path) {
  return {.method = Method::post,
          .path = path + "/autofill",
          .access = Access::scope,
          .scope = scope_of(*context.resource, true),
          .operation_id = "look_up_counterparty",
          .summary = "What the register of companies says of an INN; nothing is saved",
          .tag = "counterparty",
          .handler = [context](Request& request,
                               Response& response) { return look_up(context, request, response); },
          .request_media_types = {std::string(kJson)},
          .request_schema =
              schema::object({{"inn", schema::string("INN or OGRN")},
                              {"kpp", schema::string("Of a division; without it the head office")},
                              {"refresh", schema::boolean("Ask again, though an answer is kept")}},
                             {"inn"}),
          .max_body_bytes = context.limit,
          .answers = {{.doc = "The fields a card would get",
                       .media_type = std::string(kJson),
                       .schema = schema::object(
                           {{"source", schema::string()},
                            {"obtained_at", schema::string()},
                            {"fields", schema::any("By their names")},
                            {"legal_form", schema::string()},
                            {"warnings", schema::array(schema::string())}},
                           {"source", "obtained_at", "fields", "legal_form", "warnings"})}}};
}

Route pedigree_route(const AutofillContext& context, const std::string& path) {
  return {.method = Method::get,
          .path = path + "/{id}/pedigree",
          .access = Access::scope,
          .scope = scope_of(*context.resource, false),
          .operation_id = "pedigree_counterparty",
          .summary = "Where each requisite comes from, and what the register says otherwise",
          .tag = "counterparty",
          .handler = [context](
                         Request& request,
                         Response& response) { return show_pedigree(context, request, response); },
          .parameters = {id_parameter()},
          .answers = {{.doc = "Values with their sources and the values before them",
                       .media_type = std::string(kJson),
                       .schema = schema::object({{"items", schema::array(entry_schema(true))},
                                                 {"conflicts", schema::array(conflict_schema())}},
                                                {"items", "conflicts"})},
                      moved_answer()}};
}

}  // namespace

Result<AfterCreation> filling_of(const ApiServices& services, const Resource& resource,
                                 const Json& card, const store::Actor& actor) {
  if (auto may = services.records.access().may_create(actor, resource); !may)
    return std::unexpected(may.error());
  const std::string inn = text_member(card, "inn");
  if (inn.empty()) {
    Error error{.code = ErrorCode::validation_failed,
                .detail = "Without an INN there is nothing to ask about.",
                .reason = "inn_required"};
    error.fields.push_back({"/inn", "inn_required", "Give the counterparty its INN first."});
    return std::unexpected(std::move(error));
  }
  const auto lookup = lookup_of(services);
  if (!lookup) return std::unexpected(lookup.error());
  const std::string kpp = text_member(card, "kpp");
  const bool is_branch = text_member(card, "kind") == "branch";
  auto facts = (*lookup)->find({.id = inn,
                                .kpp = is_branch ? kpp : std::string(),
                                .subject = "counterparty to be",
                                .typed_kpp = is_branch ? std::string() : kpp});
  if (!facts) return std::unexpected(facts.error());
  return [&services, actor, facts = std::move(*facts), policy = (*lookup)->policy()](
             Transaction& tx, store::RecordView& view) -> Result<void> {
    const auto filled = store::autofill_counterparty(
        services.records, tx, {.id = view.id, .policy = policy, .is_new = true}, facts, actor);
    if (!filled) return std::unexpected(filled.error());
    return take_over(view, *filled);
  };
}

void add_autofill_routes(std::vector<Route>& routes, const ApiServices& services,
                         const ApiOptions& options) {
  const AutofillContext context{services, &services.records.registry().get("counterparty"),
                                options.max_json_bytes};
  const std::string path = std::string(kApiPrefix) + "/" + std::string(context.resource->path);
  routes.push_back(fill_route(context, path));
  routes.push_back(look_up_route(context, path));
  routes.push_back(pedigree_route(context, path));
}

}  // namespace c360::api
