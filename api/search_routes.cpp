#include "api/search_routes.h"

#include <charconv>
#include <memory>

#include "api/auth.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "daemon/base/text.h"
#include "store/search.h"

namespace c360::api {
namespace {

using store::Resource;

constexpr int kDefaultHits = 20;
constexpr int kMaxHits = 100;

Result<std::vector<const Resource*>> kinds_of(const Request& request,
                                              const store::Registry& registry) {
  std::vector<const Resource*> kinds;
  const auto asked = request.query_value("kind");
  for (const auto& resource : registry.all()) {
    const bool may = request.caller->has_scope(scope_of(*resource, false));
    if (!asked && may && store::is_searched(*resource)) kinds.push_back(resource.get());
  }
  if (!asked) return kinds;
  for (const std::string_view name : split(*asked, ',')) {
    const Resource* resource = registry.find(trimmed(name));
    if (resource == nullptr || !store::is_searched(*resource)) {
      return fail(ErrorCode::invalid_request,
                  "kind: '" + std::string(utf8_prefix(name, 60)) + "' is not searched",
                  "unknown_kind");
    }
    if (!request.caller->has_scope(scope_of(*resource, false))) {
      return fail(ErrorCode::forbidden,
                  "the token has no scope '" + scope_of(*resource, false) + "'", "scope_missing");
    }
    kinds.push_back(resource);
  }
  return kinds;
}

Result<int> limit_of(const Request& request) {
  const auto text = request.query_value("limit");
  if (!text) return kDefaultHits;
  int limit = 0;
  const auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc{} || stop != text->data() + text->size() || limit < 1 ||
      limit > kMaxHits) {
    return fail(ErrorCode::invalid_request,
                "limit is a number between 1 and " + std::to_string(kMaxHits), "invalid_value");
  }
  return limit;
}

void write_hit(JsonWriter& writer, const store::SearchHit& hit) {
  writer.begin_object()
      .member("kind", hit.resource->kind)
      .member("id", hit.id)
      .member("path", location_of(*hit.resource, std::to_string(hit.id)))
      .member("title", std::string_view{hit.title});
  writer.key("field");
  hit.field.empty() ? writer.null() : writer.string(hit.field);
  writer.key("snippet").begin_array();
  for (const auto& piece : hit.snippet) {
    writer.begin_object()
        .member("text", std::string_view{piece.text})
        .member("match", piece.matches)
        .end_object();
  }
  writer.end_array().end_object();
}

Json answer_schema() {
  const Json piece =
      schema::object({{"text", schema::string()}, {"match", schema::boolean()}}, {"text", "match"});
  const Json hit = schema::object(
      {{"kind", schema::string()},
       {"id", schema::integer()},
       {"path", schema::string("Of the record")},
       {"title", schema::string("Its number, name and the like")},
       {"field",
        schema::nullable(schema::string("Where the match is; null: in several fields together"))},
       {"snippet", schema::array(piece, "A stretch of the field, as plain text")}},
      {"kind", "id", "path", "title", "field", "snippet"});
  return schema::object({{"items", schema::array(hit)}}, {"items"});
}

}  // namespace

void add_search_routes(std::vector<Route>& routes, const ApiServices& services) {
  const auto search = std::make_shared<store::Search>(services.database, services.records);
  const store::Registry& registry = services.records.registry();
  Route route{.method = Method::get,
              .path = std::string(kApiPrefix) + "/search",
              .access = Access::caller,
              .operation_id = "search",
              .summary =
                  "Records by their words, numbers and phones, the best first; of each kind "
                  "with its scope and rights. A change is found within seconds",
              .tag = "search",
              .handler = [search, &registry](Request& request, Response& response) -> Result<void> {
                store::SearchQuery query;
                query.text = trimmed(request.query_value("q").value_or(""));
                auto kinds = kinds_of(request, registry);
                if (!kinds) return std::unexpected(std::move(kinds).error());
                query.kinds = std::move(*kinds);
                auto limit = limit_of(request);
                if (!limit) return std::unexpected(std::move(limit).error());
                query.limit = *limit;
                auto hits = search->find(query, actor_of(request));
                if (!hits) return std::unexpected(std::move(hits).error());
                JsonWriter writer;
                writer.begin_object().key("items").begin_array();
                for (const auto& hit : *hits) write_hit(writer, hit);
                writer.end_array().end_object();
                response.json(writer.view());
                return {};
              }};
  Json limit = schema::integer();
  limit.set("minimum", 1);
  limit.set("maximum", kMaxHits);
  limit.set("default", kDefaultHits);
  route.parameters = {
      {.name = "q",
       .doc = "Words, of which the last letters may be missing; names may have typing errors; a "
              "phone in any writing",
       .schema = schema::string(),
       .required = true},
      {.name = "kind", .doc = "Only these, separated by commas", .schema = schema::string()},
      {.name = "limit", .doc = "Hits", .schema = std::move(limit)}};
  route.answers = {
      {.doc = "The best hits", .media_type = std::string(kJson), .schema = answer_schema()}};
  routes.push_back(std::move(route));
}

}  // namespace c360::api
