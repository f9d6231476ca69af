#include "api/timeline_routes.h"

#include <algorithm>
#include <charconv>

#include "api/auth.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "daemon/base/text.h"
#include "store/operations/timeline.h"

namespace c360::api {
namespace {

std::string known_kinds() {
  std::string names;
  for (const std::string_view each : store::timeline_kinds()) {
    names.append(names.empty() ? "" : ", ").append(each);
  }
  return names;
}

Result<int> rows_of(const Request& request) {
  const auto text = request.query_value("limit");
  if (!text) return store::kDefaultTimelineRows;
  int limit = 0;
  const auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error == std::errc{} && stop == text->data() + text->size() && limit >= 1 &&
      limit <= store::kMaxTimelineRows) {
    return limit;
  }
  return fail(ErrorCode::invalid_request,
              "limit is a number between 1 and " + std::to_string(store::kMaxTimelineRows),
              "invalid_value");
}

Result<std::vector<std::string_view>> kinds_of(const Request& request) {
  std::vector<std::string_view> kinds;
  const auto asked = request.query_value("kind");
  if (!asked) return kinds;
  for (const std::string_view each : split(*asked, ',')) {
    const auto known = store::timeline_kinds();
    const auto found = std::ranges::find(known, trimmed(each));
    if (found == known.end()) {
      return fail(
          ErrorCode::invalid_request,
          "kind: there is no '" + std::string(utf8_prefix(each, 60)) + "'; known: " + known_kinds(),
          "unknown_kind");
    }
    kinds.push_back(*found);
  }
  return kinds;
}

Result<void> show(const ApiServices& services, Request& request, Response& response) {
  store::TimelineQuery query;
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  query.id = *id;
  auto limit = rows_of(request);
  if (!limit) return std::unexpected(std::move(limit).error());
  query.limit = *limit;
  auto kinds = kinds_of(request);
  if (!kinds) return std::unexpected(std::move(kinds).error());
  query.kinds = std::move(*kinds);
  const std::string cursor(request.query_value("cursor").value_or(""));
  query.cursor = cursor;
  const store::TokenPermits permits = [&](const store::Resource& resource, store::Right right) {
    return request.caller->has_scope(scope_of(resource, right == store::Right::write));
  };
  auto view =
      store::read_timeline(services.database, services.records, query, actor_of(request), permits);
  if (!view) return std::unexpected(std::move(view).error());
  if (view->moved_to) {
    redirect_to(*view->moved_to, services.records.registry().get("counterparty"), "/timeline",
                response);
    return {};
  }
  JsonWriter out;
  out.begin_object().key("items").raw(view->items).key("next_cursor");
  view->next_cursor ? out.string(*view->next_cursor) : out.null();
  out.end_object();
  response.json(out.view());
  return {};
}

Json row_schema() {
  std::vector<std::string> kinds;
  for (const std::string_view each : store::timeline_kinds()) kinds.emplace_back(each);
  return schema::object(
      {{"kind", schema::one_of(kinds)},
       {"id", schema::integer("Of the activity, history event, request, document or payment")},
       {"happened_at", schema::date_time()},
       {"record_id", schema::integer("The record it happened to")},
       {"record_kind", schema::string()},
       {"title", schema::nullable(schema::string())},
       {"details", Json::Object{{"type", "object"},
                                {"description", "Of each kind its own: type, status, amount, …"}}}},
      {"kind", "id", "happened_at", "record_id", "record_kind", "title", "details"});
}

}  // namespace

void add_timeline_routes(std::vector<Route>& routes, const ApiServices& services) {
  const store::Resource& counterparty = services.records.registry().get("counterparty");
  Json limit = schema::integer();
  limit.set("minimum", 1);
  limit.set("maximum", store::kMaxTimelineRows);
  limit.set("default", store::kDefaultTimelineRows);
  routes.push_back(
      {.method = Method::get,
       .path = std::string(kApiPrefix) + "/counterparties/{id}/timeline",
       .access = Access::scope,
       .scope = scope_of(counterparty, false),
       .operation_id = "counterparty_timeline",
       .summary = "What happened with the counterparty and what was sold to it, newest first",
       .tag = std::string(counterparty.kind),
       .handler = [services](Request& request,
                             Response& response) { return show(services, request, response); },
       .parameters = {{.name = "id",
                       .place = ParameterPlace::path,
                       .doc = "Id of the counterparty",
                       .schema = schema::integer(),
                       .required = true},
                      {.name = "kind",
                       .doc = "Only these, separated by commas: " + known_kinds(),
                       .schema = schema::string()},
                      {.name = "limit", .doc = "Rows of a page", .schema = std::move(limit)},
                      {.name = "cursor",
                       .doc = "next_cursor of the page before",
                       .schema = schema::string()}},
       .answers = {{.doc = "A page",
                    .media_type = std::string(kJson),
                    .schema = schema::object(
                        {{"items", schema::array(row_schema())},
                         {"next_cursor", schema::nullable(schema::string("Null: the last page"))}},
                        {"items", "next_cursor"})},
                   moved_answer()}});
}

}  // namespace c360::api
