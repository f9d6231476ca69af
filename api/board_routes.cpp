#include "api/board_routes.h"

#include "api/action_routes.h"
#include "api/auth.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "store/operations/board.h"
#include "store/saved_views.h"

namespace c360::api {
namespace {

using store::BoardColumn;
using store::Resource;

void write_column(JsonWriter& out, const Resource& resource, const BoardColumn& column) {
  const store::Stage* stage = resource.find_stage(column.status->stage);
  out.begin_object()
      .member("status", column.status->code)
      .member("label_ru", column.status->label.ru)
      .member("label_en", column.status->label.en);
  out.key("stage");
  stage != nullptr ? out.string(stage->code) : out.null();
  out.key("percent");
  stage != nullptr && stage->percent ? out.integer(*stage->percent) : out.null();
  out.member("count", column.count).key("sums").begin_array();
  for (const store::BoardSum& sum : column.sums) {
    out.begin_object().member("currency", sum.currency).member("amount", sum.amount);
    out.key("weighted");
    sum.weighted ? out.string(*sum.weighted) : out.null();
    out.end_object();
  }
  out.end_array().key("items").raw(column.cards.items).key("next_cursor");
  column.cards.next_cursor ? out.string(*column.cards.next_cursor) : out.null();
  out.end_object();
}

RouteHandler board_handler(const ApiServices& services, const Resource& resource) {
  return [services, &resource](Request& request, Response& response) -> Result<void> {
    auto parameters = parameters_of(request);
    if (auto admitted = admit_view(request, services.records.registry()); !admitted) {
      return admitted;
    }
    if (auto view = store::apply_view(services.records, resource, parameters, actor_of(request));
        !view) {
      return view;
    }
    // The columns of a board are the statuses.
    std::erase_if(parameters, [&](const auto& parameter) {
      return !request.query_value(parameter.first) &&
             store::filter_field(parameter.first) == "status";
    });
    const auto added =
        services.records.sections()->filter_by_default(resource, parameters, "status");
    auto columns = store::read_board(services.database, services.records, resource, parameters,
                                     actor_of(request));
    if (!columns) return std::unexpected(std::move(columns).error());
    JsonWriter out;
    out.begin_object().member("kind", resource.kind).key("columns").begin_array();
    for (const BoardColumn& column : *columns) write_column(out, resource, column);
    out.end_array();
    write_default_filters(out, added);
    out.end_object();
    response.json(out.view());
    return {};
  };
}

Json column_schema(const Resource& resource) {
  const Json sum = schema::object(
      {{"currency", schema::string()},
       {"amount", schema::string("Decimal")},
       {"weighted", schema::nullable(schema::string("Amount times the percent of the stage"))}},
      {"currency", "amount", "weighted"});
  return schema::object(
      {{"status", schema::string()},
       {"label_ru", schema::string()},
       {"label_en", schema::string()},
       {"stage", schema::nullable(schema::string())},
       {"percent", schema::nullable(schema::integer())},
       {"count", schema::integer("Of all, not only of the items shown")},
       {"sums", schema::array(sum)},
       {"items", schema::array(schema::ref(component_name(resource.kind)))},
       {"next_cursor",
        schema::nullable(schema::string("Send it as `cursor`, with `column` the status"))}},
      {"status", "label_ru", "label_en", "stage", "percent", "count", "sums", "items",
       "next_cursor"});
}

std::string board_path(const Resource& resource) {
  return std::string(kApiPrefix) + "/boards/" + std::string(resource.path);
}

Route board_route(const ApiServices& services, const ApiOptions& options,
                  const Resource& resource) {
  Json limit = schema::integer();
  limit.set("minimum", 1);
  limit.set("maximum", store::kMaxBoardCards);
  limit.set("default", store::kDefaultBoardCards);
  std::vector<std::string> codes;
  for (const store::Status* each : store::board_columns(resource)) codes.emplace_back(each->code);
  Route route{
      .method = Method::get,
      .path = board_path(resource),
      .access = Access::scope,
      .scope = scope_of(resource, false),
      .operation_id = "board_" + std::string(resource.kind),
      .summary = "Board: " + std::string(resource.label_plural.en),
      .tag = std::string(resource.kind),
      .answers = {
          {.doc = "The columns, of one moment",
           .media_type = std::string(kJson),
           .schema = schema::object(
               {{"kind", schema::string()},
                {"columns", schema::array(column_schema(resource))},
                {"default_filters", default_filters_schema(std::string(kFilteredByDefault))}},
               {"kind", "columns"})}}};
  route.handler = board_handler(services, resource);
  for (Parameter& parameter : list_parameters(resource, options)) {
    if (parameter.name == "limit" || parameter.name == "count" || parameter.name == "deleted" ||
        parameter.name == "status") {
      continue;
    }
    route.parameters.push_back(std::move(parameter));
  }
  route.parameters.push_back(view_parameter());
  route.parameters.push_back(
      {.name = "limit", .doc = "Cards of each column", .schema = std::move(limit)});
  route.parameters.push_back({.name = "column",
                              .doc = "Only this one; with `cursor` its next cards",
                              .schema = schema::one_of(std::move(codes))});
  route.check_query = false;  // the store knows the operators
  return route;
}

}  // namespace

void add_board_routes(std::vector<Route>& routes, const ApiServices& services,
                      const ApiOptions& options) {
  for (const auto& resource : services.records.registry().all()) {
    if (store::board_columns(*resource).empty()) continue;
    routes.push_back(board_route(services, options, *resource));
  }
}

}  // namespace c360::api
