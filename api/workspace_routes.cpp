#include "api/workspace_routes.h"

#include <memory>

#include "api/auth.h"
#include "api/card_routes.h"
#include "api/query_number.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "store/operations/card.h"
#include "store/operations/workspace.h"

namespace c360::api {
namespace {

using store::Resource;
using store::ShownList;
using store::WorkspaceLayout;

struct WorkspaceService {
  explicit WorkspaceService(const ApiServices& s)
      : services(s), layout(s.records.registry()), actions(s.records.registry()) {}
  const ApiServices services;
  const WorkspaceLayout layout;
  const store::Actions actions;
};

Result<void> answer(const WorkspaceService& service, const Request& request, Response& response) {
  store::WorkspaceQuery query;
  query.now = service.services.clock.now();
  auto limit = query_number(request, "limit", 1, store::kMaxCardItems);
  if (!limit) return std::unexpected(std::move(limit).error());
  query.limit = static_cast<int>(limit->value_or(store::kDefaultCardItems));
  auto days = query_number(request, "stale_days", 1, store::kMaxStaleDays);
  if (!days) return std::unexpected(std::move(days).error());
  query.stale_days = static_cast<int>(days->value_or(store::kDefaultStaleDays));
  auto counts = flag_parameter(request, "counts");
  if (!counts) return std::unexpected(std::move(counts).error());
  query.counts = *counts;
  const store::TokenPermits permits = [&](const Resource& resource, store::Right right) {
    return request.caller->has_scope(scope_of(resource, right == store::Right::write));
  };
  const store::Actor actor = actor_of(request);
  auto json = store::read_workspace(service.services.database, service.services.records,
                                    service.actions, service.layout, query, actor, permits);
  if (!json) return std::unexpected(std::move(json).error());
  response.json(*json);
  return {};
}

Json lists_schema(const std::vector<ShownList>& lists, const store::Registry& registry) {
  Json::Object properties;
  std::vector<std::string> names;
  for (const ShownList& list : lists) {
    properties.emplace_back(list.name, shown_list_schema(list, registry));
    names.emplace_back(list.name);
  }
  return schema::object(std::move(properties), std::move(names));
}

Json workspace_schema(const WorkspaceLayout& layout, const store::Registry& registry) {
  const Json section = schema::object(
      {{"kind", schema::string()},
       {"section_code", schema::string("Of one that the installation added: its code")},
       {"label_ru", schema::string()},
       {"label_en", schema::string()},
       {"href", schema::string("Of its list")},
       {"read", schema::boolean("Some of it, at least")},
       {"create", schema::boolean()},
       {"count", schema::nullable(schema::integer("With counts: rows of its list, 10000 at most; "
                                                  "null: forbidden"))},
       {"count_is_more", schema::boolean("More than are counted")}},
      {"kind", "label_ru", "label_en", "href", "read", "create"});
  Json counters = Json::Object{{"type", "object"},
                               {"description",
                                "Totals of the lists, and overdue_tasks, due_reminders, "
                                "my_customers; null: forbidden"},
                               {"additionalProperties", schema::nullable(schema::integer())}};
  return schema::object({{"user_id", schema::nullable(schema::integer())},
                         {"login", schema::string()},
                         {"as_of", schema::date_time()},
                         {"stale_days", schema::integer()},
                         {"tasks", lists_schema(layout.tasks, registry)},
                         {"reminders", shown_list_schema(layout.reminders.front(), registry)},
                         {"customers", lists_schema(layout.customers, registry)},
                         {"counters", std::move(counters)},
                         {"sections", schema::array(section, "What there is to work with")}},
                        {"user_id", "login", "as_of", "stale_days", "tasks", "reminders",
                         "customers", "counters", "sections"});
}

Parameter bounded(std::string name, std::string doc, int most, int otherwise) {
  Json schema = schema::integer();
  schema.set("minimum", 1);
  schema.set("maximum", most);
  schema.set("default", otherwise);
  return {.name = std::move(name), .doc = std::move(doc), .schema = std::move(schema)};
}

}  // namespace

void add_workspace_routes(std::vector<Route>& routes, const ApiServices& services) {
  const auto service = std::make_shared<const WorkspaceService>(services);
  Route route{.method = Method::get,
              .path = std::string(kApiPrefix) + "/workspace",
              .access = Access::caller,
              .operation_id = "workspace",
              .summary =
                  "What waits for the caller: tasks, reminders, his customers without "
                  "contact or reminder; and what he may work with",
              .tag = "workspace"};
  route.handler = [service](Request& request, Response& response) {
    return answer(*service, request, response);
  };
  route.parameters = {
      bounded("limit", "Items of each list", store::kMaxCardItems, store::kDefaultCardItems),
      bounded("stale_days", "Days without contact that make a customer stale", store::kMaxStaleDays,
              store::kDefaultStaleDays),
      {.name = "counts",
       .doc = "true: how much there is in each section",
       .schema = schema::boolean()}};
  route.answers = {{.doc = "The workspace, of one moment; of each kind with its scope and rights",
                    .media_type = std::string(kJson),
                    .schema = workspace_schema(service->layout, services.records.registry())}};
  routes.push_back(std::move(route));
}

}  // namespace c360::api
