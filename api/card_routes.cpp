#include "api/card_routes.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include "api/auth.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "daemon/base/text.h"
#include "store/operations/card.h"

namespace c360::api {
namespace {

using store::CardLayout;
using store::CardTab;
using store::Resource;
using store::ShownList;

// What the card's requests share.
struct CardService {
  explicit CardService(const ApiServices& s)
      : services(s),
        layout(s.records.registry()),
        past(s.records.registry(), store::CardTime::past),
        actions(s.records.registry()) {}
  const CardLayout& layout_of(const store::CardQuery& query) const {
    return query.as_of ? past : layout;
  }
  const ApiServices services;
  const CardLayout layout;
  const CardLayout past;
  const store::Actions actions;
};

Result<int> limit_of(const Request& request) {
  const auto text = request.query_value("limit");
  if (!text) return store::kDefaultCardItems;
  int limit = 0;
  const auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc{} || stop != text->data() + text->size() || limit < 1 ||
      limit > store::kMaxCardItems) {
    return fail(ErrorCode::invalid_request,
                "limit is a number between 1 and " + std::to_string(store::kMaxCardItems),
                "invalid_value");
  }
  return limit;
}

Result<std::optional<Instant>> as_of_of(const Request& request) {
  const auto text = request.query_value("as_of");
  if (!text) return std::nullopt;
  auto moment = from_rfc3339(*text);
  if (!moment) {
    return fail(ErrorCode::invalid_request,
                "as_of: expected a moment such as 2026-11-22T10:15:00Z (a + in it is written %2B).",
                "invalid_value");
  }
  return moment;
}

Result<std::vector<const CardTab*>> tabs_of(const Request& request, const CardLayout& layout) {
  std::vector<const CardTab*> tabs;
  const auto asked = request.query_value("tabs");
  for (const CardTab& tab : layout.tabs()) {
    if (!asked) tabs.push_back(&tab);
  }
  if (!asked) return tabs;
  for (const std::string_view name : split(*asked, ',')) {
    const CardTab* tab = layout.find(trimmed(name));
    if (tab == nullptr) {
      std::string known;
      for (const CardTab& each : layout.tabs())
        known.append(known.empty() ? "" : ", ").append(each.name);
      return fail(ErrorCode::invalid_request,
                  "tabs: there is no '" + std::string(utf8_prefix(name, 60)) + "'; known: " + known,
                  "unknown_tab");
    }
    if (std::ranges::find(tabs, tab) == tabs.end()) tabs.push_back(tab);
  }
  return tabs;
}

// The lists of a tab that can be asked for alone.
std::vector<std::string> lists_of(const CardTab& tab) {
  std::vector<std::string> names;
  if (tab.name == "history") names.emplace_back("events");
  for (const ShownList& list : tab.lists) names.emplace_back(list.name);
  return names;
}

Result<std::string> list_of(const Request& request, const CardTab& tab) {
  const auto asked = request.query_value("list");
  if (!asked) return std::string();
  const auto known = lists_of(tab);
  if (std::ranges::find(known, *asked) != known.end()) return std::string(*asked);
  std::string names;
  for (const auto& each : known) names.append(names.empty() ? "" : ", ").append(each);
  return fail(ErrorCode::invalid_request,
              "list: there is no '" + std::string(utf8_prefix(*asked, 60)) + "'; known: " + names,
              "unknown_list");
}

void write_untracked(JsonWriter& out, const CardLayout& past) {
  out.key("untracked").begin_object();
  for (const auto& [list, fields] : past.untracked()) {
    out.key(list).begin_array();
    for (const std::string_view field : fields) out.string(field);
    out.end_array();
  }
  out.end_object();
}

// Writes the answer, or the way to the record it was merged into; `tail` follows the id.
Result<void> answer(const CardService& service, const store::CardQuery& query, bool one_tab,
                    const Request& request, std::string_view tail, Response& response) {
  const store::TokenPermits permits = [&](const Resource& resource, store::Right right) {
    return request.caller->has_scope(scope_of(resource, right == store::Right::write));
  };
  auto view = store::read_card(service.services.database, service.services.records, service.actions,
                               service.layout_of(query), query, actor_of(request), permits);
  if (!view) return std::unexpected(std::move(view).error());
  if (view->moved_to) {
    std::string way(tail);
    if (query.as_of) way += "?as_of=" + to_rfc3339(*query.as_of);
    redirect_to(*view->moved_to, service.services.records.registry().get("counterparty"), way,
                response);
    return {};
  }
  JsonWriter out;
  out.begin_object().member("counterparty_id", query.id);
  out.member("as_of", std::string_view{view->as_of});
  if (one_tab) {
    out.member("tab", view->tabs.front().first->name).key("content").raw(view->tabs.front().second);
  } else {
    out.key("tabs").begin_object();
    for (const auto& [tab, json] : view->tabs) out.key(tab->name).raw(json);
    out.end_object();
  }
  if (query.as_of) write_untracked(out, service.past);
  out.end_object();
  response.json(out.view());
  return {};
}

RouteHandler card_handler(std::shared_ptr<const CardService> service) {
  return [service = std::move(service)](Request& request, Response& response) -> Result<void> {
    store::CardQuery query;
    auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    query.id = *id;
    auto limit = limit_of(request);
    if (!limit) return std::unexpected(std::move(limit).error());
    query.limit = *limit;
    auto as_of = as_of_of(request);
    if (!as_of) return std::unexpected(std::move(as_of).error());
    query.as_of = *as_of;
    auto tabs = tabs_of(request, service->layout_of(query));
    if (!tabs) return std::unexpected(std::move(tabs).error());
    query.tabs = std::move(*tabs);
    return answer(*service, query, false, request, "/360", response);
  };
}

RouteHandler tab_handler(std::shared_ptr<const CardService> service, const CardTab& tab) {
  return
      [service = std::move(service), &tab](Request& request, Response& response) -> Result<void> {
        auto id = request.path_id(0);
        if (!id) return std::unexpected(id.error());
        auto limit = limit_of(request);
        if (!limit) return std::unexpected(std::move(limit).error());
        auto list = list_of(request, tab);
        if (!list) return std::unexpected(std::move(list).error());
        const std::string cursor(request.query_value("cursor").value_or(""));
        auto as_of = as_of_of(request);
        if (!as_of) return std::unexpected(std::move(as_of).error());
        store::CardQuery query{.id = *id, .limit = *limit, .list = *list, .cursor = cursor};
        query.as_of = *as_of;
        query.tabs = {service->layout_of(query).find(tab.name)};
        return answer(*service, query, true, request, "/360/" + std::string(tab.name), response);
      };
}

// -- The schemas ----------------------------------------------------------------------------------

Json list_schema(Json item, std::string_view doc) {
  return schema::object(
      {{"forbidden", schema::boolean("The caller may not see this kind of record")},
       {"total", schema::nullable(schema::integer("Of all, not only of the items shown"))},
       {"items", schema::array(std::move(item))},
       {"next_cursor", schema::nullable(schema::string(
                           "Send it as `cursor` to the route of the tab, with `list`"))}},
      {"forbidden", "total", "items", "next_cursor"}, doc);
}

Json with_actions(Json record) {
  Json properties = *record.find("properties");
  properties.set(
      "actions",
      schema::array(
          schema::object({{"name", schema::string()},
                          {"method", schema::one_of({"POST", "PATCH", "DELETE"})},
                          {"href", schema::string()}},
                         {"name", "method", "href"}),
          "What the caller may do to it now; /records/{id}/actions says what each takes"));
  record.set("properties", std::move(properties));
  return record;
}

Json sums_schema(const std::vector<std::string>& names) {
  Json::Object properties{{"currency", schema::string()}};
  std::vector<std::string> required{"currency"};
  for (const auto& name : names) {
    properties.emplace_back(name, schema::string("Decimal"));
    required.push_back(name);
  }
  return schema::array(schema::object(std::move(properties), std::move(required)));
}

void add_main(Json::Object& properties, const store::Registry& registry) {
  properties.emplace_back("counterparty",
                          with_actions(record_schema(registry.get("counterparty"), registry)));
  properties.emplace_back(
      "groups", schema::array(schema::object({{"code", schema::string()},
                                              {"label_ru", schema::string()},
                                              {"label_en", schema::string()},
                                              {"fields", schema::array(schema::string())}},
                                             {"code", "label_ru", "label_en", "fields"}),
                              "Which fields of the counterparty stand together"));
  properties.emplace_back(
      "counters",
      Json::Object{{"type", "object"},
                   {"description", "Rows of the lists of the other tabs; null: forbidden"},
                   {"additionalProperties", schema::nullable(schema::integer())}});
  properties.emplace_back(
      "links",
      schema::object({{"total", schema::integer()},
                      {"items", schema::array(schema::any("As /counterparties/{id}/links"))}},
                     {"total", "items"}));
}

void add_documents(Json::Object& properties) {
  properties.emplace_back("types",
                          schema::array(schema::object({{"code", schema::string()},
                                                        {"label_ru", schema::string()},
                                                        {"label_en", schema::string()},
                                                        {"count", schema::integer()}},
                                                       {"code", "label_ru", "label_en", "count"}),
                                        "Every type, those without documents too"));
}

Json card_schema(std::string_view of_tabs, Json content) {
  return schema::object(
      {{"counterparty_id", schema::integer()},
       {"as_of", schema::date_time("The moment all of it stood so")},
       {std::string(of_tabs), std::move(content)},
       {"untracked",
        Json::Object{{"type", "object"},
                     {"description",
                      "With as_of: by list, the fields that history does not track and that "
                      "are shown as they are now; \"*\": all of them"},
                     {"additionalProperties", schema::array(schema::string())}}}},
      {"counterparty_id", "as_of", std::string(of_tabs)});
}

Parameter limit_parameter() {
  Json limit = schema::integer();
  limit.set("minimum", 1);
  limit.set("maximum", store::kMaxCardItems);
  limit.set("default", store::kDefaultCardItems);
  return {.name = "limit", .doc = "Items of each list", .schema = std::move(limit)};
}

Parameter as_of_parameter() {
  return {.name = "as_of",
          .doc = "The card as it stood at this moment, of the records the caller may read now",
          .schema = schema::date_time("RFC 3339")};
}

Route card_route(const Resource& counterparty, std::string path, std::string operation,
                 std::string summary) {
  return {.method = Method::get,
          .path = std::string(kApiPrefix) + "/counterparties/{id}/360" + std::move(path),
          .access = Access::scope,
          .scope = scope_of(counterparty, false),
          .operation_id = std::move(operation),
          .summary = std::move(summary),
          .tag = std::string(counterparty.kind),
          .parameters = {{.name = "id",
                          .place = ParameterPlace::path,
                          .doc = "Id of the counterparty",
                          .schema = schema::integer(),
                          .required = true},
                         limit_parameter(),
                         as_of_parameter()}};
}

}  // namespace

std::string card_component(const CardTab& tab) { return "Card" + component_name(tab.name); }

Json shown_list_schema(const ShownList& list, const store::Registry& registry) {
  return list_schema(with_actions(record_schema(*list.shown, registry)), list.label.en);
}

Json card_tab_schema(const CardTab& tab, const store::Registry& registry) {
  Json::Object properties{{"forbidden", schema::boolean("Nothing else is told then")},
                          {"label_ru", schema::string()},
                          {"label_en", schema::string()}};
  if (tab.name == "main") add_main(properties, registry);
  if (tab.name == "history") {
    properties.emplace_back("events", list_schema(schema::ref("HistoryEvent"), "Newest first"));
  }
  if (tab.name == "documents") add_documents(properties);
  for (const ShownList& list : tab.lists) {
    properties.emplace_back(list.name, shown_list_schema(list, registry));
  }
  if (tab.name == "crm") {
    properties.emplace_back("sums",
                            schema::object({{"pipeline", sums_schema({"amount", "weighted"})},
                                            {"payments", sums_schema({"paid", "due", "overdue"})}},
                                           {"pipeline", "payments"}));
  }
  if (tab.name == "support") {
    properties.emplace_back("open", schema::integer());
    properties.emplace_back("overdue", schema::integer("Of the open ones, by SLA 2"));
  }
  return schema::object(std::move(properties), {"forbidden", "label_ru", "label_en"}, tab.label.en);
}

void add_card_routes(std::vector<Route>& routes, const ApiServices& services) {
  const auto service = std::make_shared<const CardService>(services);
  const Resource& counterparty = services.records.registry().get("counterparty");
  Route whole = card_route(counterparty, "", "client_360",
                           "Client 360: everything about the counterparty, of one moment");
  whole.handler = card_handler(service);
  std::string names;
  Json::Object tabs;
  for (const CardTab& tab : service->layout.tabs()) {
    names.append(names.empty() ? "" : ", ").append(tab.name);
    tabs.emplace_back(tab.name, schema::ref(card_component(tab)));
  }
  whole.parameters.push_back({.name = "tabs",
                              .doc = "Only these, separated by commas: " + names,
                              .schema = schema::string()});
  whole.answers = {{.doc = "The card",
                    .media_type = std::string(kJson),
                    .schema = card_schema("tabs", schema::object(std::move(tabs)))},
                   moved_answer()};
  routes.push_back(std::move(whole));

  for (const CardTab& tab : service->layout.tabs()) {
    Route one =
        card_route(counterparty, "/" + std::string(tab.name), "client_360_" + std::string(tab.name),
                   "Client 360, tab " + std::string(tab.label.en));
    one.handler = tab_handler(service, tab);
    one.parameters.push_back({.name = "list",
                              .doc = "Only this list; with `cursor` its next rows",
                              .schema = schema::one_of(lists_of(tab))});
    one.parameters.push_back(
        {.name = "cursor", .doc = "next_cursor of the list before", .schema = schema::string()});
    Json answered = card_schema("content", schema::ref(card_component(tab)));
    Json properties = *answered.find("properties");
    properties.set("tab", schema::string());
    answered.set("properties", std::move(properties));
    one.answers = {
        {.doc = "The tab", .media_type = std::string(kJson), .schema = std::move(answered)},
        moved_answer()};
    routes.push_back(std::move(one));
  }
}

}  // namespace c360::api
