#include "api/report_batch_routes.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/auth.h"
#include "api/query_number.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "api/write_once.h"
#include "daemon/base/text.h"
#include "store/jobs.h"
#include "store/operations/report_batch.h"

namespace c360::api {
namespace {

using store::BatchPlan;
using store::BatchWish;
using store::Transaction;

constexpr std::string_view kPath = "/express-report-batches";
// Of the list, and without meaning here.
constexpr std::array<std::string_view, 6> kOfPages = {"limit",  "cursor",  "count",
                                                      "fields", "include", "sort"};

// -- What is asked for ----------------------------------------------------------------------------

std::unexpected<Error> wrong(std::string pointer, std::string code, std::string detail) {
  Error error{.code = ErrorCode::validation_failed, .detail = detail, .reason = code};
  error.fields.push_back({std::move(pointer), std::move(code), std::move(detail)});
  return std::unexpected(std::move(error));
}

// "status_code=active&q=ромашка", as it stands behind the ? of the list.
Result<store::Parameters> read_filter(std::string_view text) {
  store::Parameters parameters;
  for (const std::string_view pair : split(text, '&')) {
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = percent_decoded(pair.substr(0, equals), /*plus_is_blank=*/true);
    auto value =
        percent_decoded(equals == pair.npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value)
      return wrong("/filter", "query_encoding", "The filter is not percent-encoded UTF-8.");
    if (std::ranges::find(kOfPages, *name) != kOfPages.end())
      return wrong("/filter", "unknown_parameter",
                   "The batch is the whole list: leave out " + *name + ".");
    parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return parameters;
}

Result<std::vector<std::int64_t>> read_ids(const Json& ids) {
  if (!ids.is_array() || ids.as_array().empty())
    return wrong("/ids", "ids_required", "Send ids, a list of ids of counterparties, or filter.");
  std::vector<std::int64_t> numbers;
  for (const Json& each : ids.as_array()) {
    const auto id = each.is_number() ? each.as_int64() : std::nullopt;
    if (!id || *id <= 0) return wrong("/ids", "invalid_value", "Ids are positive whole numbers.");
    numbers.push_back(*id);
  }
  return numbers;
}

Result<bool> read_flag(const Json& body, const std::string& name) {
  const Json* value = body.find(name);
  if (value == nullptr) return false;
  if (value->is_bool()) return value->as_bool();
  return wrong("/" + name, "wrong_type", "Expected true or false.");
}

struct Asked {
  BatchWish wish;
  bool dry_run = false;
};

Result<Asked> read_asked(const Json& body) {
  for (const auto& [name, value] : body.as_object())
    if (name != "ids" && name != "filter" && name != "refresh" && name != "dry_run")
      return wrong("/" + name, "unknown_field", "Known are ids, filter, refresh and dry_run.");
  Asked asked;
  const Json* ids = body.find("ids");
  const Json* filter = body.find("filter");
  if ((ids == nullptr) == (filter == nullptr))
    return wrong("/ids", "ids_required", "Send ids, a list of ids of counterparties, or filter.");
  if (filter != nullptr) {
    if (!filter->is_string())
      return wrong("/filter", "wrong_type", "Expected the filter of a list, as in its URL.");
    auto parameters = read_filter(filter->as_string());
    if (!parameters) return std::unexpected(std::move(parameters).error());
    asked.wish.filter_text = filter->as_string();
    asked.wish.filter = std::move(*parameters);
  } else {
    auto numbers = read_ids(*ids);
    if (!numbers) return std::unexpected(std::move(numbers).error());
    asked.wish.ids = std::move(*numbers);
  }
  const auto refresh = read_flag(body, "refresh");
  if (!refresh) return std::unexpected(refresh.error());
  const auto dry_run = read_flag(body, "dry_run");
  if (!dry_run) return std::unexpected(dry_run.error());
  asked.wish.fresh = *refresh;
  asked.dry_run = *dry_run;
  return asked;
}

// -- Handlers -------------------------------------------------------------------------------------

void write_started(const BatchPlan& plan, std::int64_t id, bool dry_run, Response& response) {
  JsonWriter json;
  json.begin_object().key("id");
  id == 0 ? json.null() : json.integer(id);
  json.key("plan").raw(store::to_json(plan, dry_run)).end_object();
  response.json(json.view(), id == 0 ? 200 : 202);
  if (id == 0) return;
  response.add_header("Location",
                      std::string(kApiPrefix) + std::string(kPath) + "/" + std::to_string(id));
}

Result<void> start_in(const ApiServices& services, Transaction& tx, const Asked& asked,
                      const store::Actor& actor, Response& response) {
  auto plan = store::plan_report_batch(services.records, tx, asked.wish, actor);
  if (!plan) return std::unexpected(std::move(plan).error());
  std::int64_t id = 0;
  if (!asked.dry_run) {
    auto started = store::start_report_batch(tx, asked.wish, *plan, actor);
    if (!started) return std::unexpected(std::move(started).error());
    id = *started;
  }
  response.headers.clear();  // of an attempt before
  write_started(*plan, id, asked.dry_run, response);
  return {};
}

RouteHandler start_handler(const ApiServices& services, std::uint64_t limit) {
  return [services, limit](Request& request, Response& response) -> Result<void> {
    std::string text;
    auto body = read_object(request, limit, text);
    if (!body) return std::unexpected(std::move(body).error());
    auto asked = read_asked(*body);
    if (!asked) return std::unexpected(std::move(asked).error());
    const store::Actor actor = actor_of(request);
    return write_once(
        services, request, text, response, [&](Transaction* transaction, Response& answer) {
          if (transaction != nullptr)
            return start_in(services, *transaction, *asked, actor, answer);
          return store::in_transaction(services.database, store::Pool::api, [&](Transaction& own) {
            return start_in(services, own, *asked, actor, answer);
          });
        });
  };
}

struct PageWish {
  std::optional<std::int64_t> cursor;
  int limit = 0;
};

Result<PageWish> page_wish(const Request& request, int most) {
  const auto cursor = query_number(request, "cursor");
  if (!cursor) return std::unexpected(cursor.error());
  const auto limit = page_size(request, most);
  if (!limit) return std::unexpected(limit.error());
  return PageWish{.cursor = *cursor, .limit = *limit};
}

void write_page(const store::BatchPage& page, Response& response) {
  JsonWriter json;
  json.begin_object().key("items").begin_array();
  for (const std::string& row : page.rows) json.raw(row);
  json.end_array().key("next_cursor");
  page.next ? json.string(std::to_string(*page.next)) : json.null();
  response.json(json.end_object().view());
}

Result<void> list_batches(const ApiServices& services, int max_page, const Request& request,
                          Response& response) {
  const auto wish = page_wish(request, max_page);
  if (!wish) return std::unexpected(wish.error());
  const auto page =
      store::list_report_batches(services.database, wish->cursor, wish->limit, actor_of(request));
  if (!page) return std::unexpected(page.error());
  write_page(*page, response);
  return {};
}

Result<void> show_batch(const ApiServices& services, const Request& request, Response& response) {
  const auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  const auto json = store::report_batch_json(services.database, *id, actor_of(request));
  if (!json) return std::unexpected(json.error());
  response.json(*json);
  return {};
}

Result<void> list_items(const ApiServices& services, int max_page, const Request& request,
                        Response& response) {
  const auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  const auto wish = page_wish(request, max_page);
  if (!wish) return std::unexpected(wish.error());
  const std::string state(request.query_value("state").value_or(""));
  const auto& known = store::batch_item_states();
  if (!state.empty() && std::ranges::find(known, state) == known.end())
    return fail(ErrorCode::invalid_request, "state is one of " + join(known, ", "),
                "invalid_value");
  const auto page = store::list_batch_items(services.database, *id, state, wish->cursor.value_or(0),
                                            wish->limit, actor_of(request));
  if (!page) return std::unexpected(page.error());
  write_page(*page, response);
  return {};
}

// Only what the caller sees as his may be steered.
template <typename Act>
RouteHandler acting(const ApiServices& services, Act act) {
  return [services, act](Request& request, Response& response) -> Result<void> {
    const auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    const store::Actor actor = actor_of(request);
    if (auto seen = store::report_batch_json(services.database, *id, actor); !seen)
      return std::unexpected(seen.error());
    if (auto done = act(services.database, *id); !done) return std::unexpected(done.error());
    return show_batch(services, request, response);
  };
}

// -- What the document says -----------------------------------------------------------------------

Json plan_schema() {
  using schema::integer;
  return schema::object(
      {{"dry_run", schema::boolean()},
       {"found", integer("Counterparties the caller sees")},
       {"reports", integer("That will be got")},
       {"kept", integer("Whose report is still good")},
       {"without_inn", integer("Or with one that cannot be")},
       {"read_only", integer("The caller may not change them")},
       {"unseen", integer("Of ids")},
       {"calls", integer("Requests to the service, at most, where none fails")},
       {"charged", integer("Companies that count against the contract, at most")},
       {"quota_left", schema::nullable(integer("Of the contract, as told last; null: not known"))},
       {"is_enough", schema::boolean("quota_left is not less than charged")},
       {"takes_seconds", integer("By kontur_focus.pdfs_per_second")}},
      {"dry_run", "found", "reports", "calls", "charged", "is_enough"});
}

Json batch_schema() {
  using schema::integer;
  using schema::nullable;
  using schema::string;
  return schema::object(
      {{"id", integer("Of its job, see /jobs/{id}")},
       {"state",
        schema::one_of({"queued", "running", "waiting", "paused", "done", "failed", "canceled"},
                       "waiting: nothing can be got now; see reason, remedy and until")},
       {"paused", schema::boolean("Somebody wants it to rest")},
       {"refresh", schema::boolean()},
       {"filter", nullable(string("As it was sent; null: by ids"))},
       {"plan", plan_schema()},
       {"total", integer()},
       {"done", integer("Ended, well or not")},
       {"failed", integer("Of done")},
       {"left_seconds", nullable(integer("Estimated, at work; null: it has ended"))},
       {"reason", nullable(string("Why it waits: a stable word"))},
       {"detail", nullable(string("What went wrong last"))},
       {"remedy", nullable(string("What to do"))},
       {"until", nullable(schema::date_time("It goes on by itself"))},
       {"created_at", schema::date_time()},
       {"created_by", nullable(integer("A user"))},
       {"finished_at", nullable(schema::date_time())}},
      {"id", "state", "total", "done", "failed"});
}

Json item_schema() {
  return schema::object(
      {{"counterparty_id", schema::integer()},
       {"state", schema::one_of(store::batch_item_states(),
                                "kept: its report came from elsewhere meanwhile; not_found: the "
                                "service knows nothing of the INN; gone: the counterparty")},
       {"attempts", schema::integer("That failed")},
       {"reason", schema::nullable(schema::string("A stable word"))},
       {"detail", schema::nullable(schema::string("For a person"))},
       {"ended_at", schema::nullable(schema::date_time())}},
      {"counterparty_id", "state"});
}

Json page_of(Json item) {
  return schema::object(
      {{"items", schema::array(std::move(item))},
       {"next_cursor",
        schema::nullable(schema::string("Send it as `cursor`; null: that was all"))}},
      {"items", "next_cursor"});
}

Route batch_route(Method method, const std::string& path, std::string operation,
                  std::string summary, std::string scope, Json answer, RouteHandler handler) {
  Route route{
      .method = method,
      .path = std::string(kApiPrefix) + path,
      .access = Access::scope,
      .scope = std::move(scope),
      .operation_id = std::move(operation),
      .summary = std::move(summary),
      .tag = "counterparty",
      .handler = std::move(handler),
      .answers = {
          {.doc = "As asked", .media_type = std::string(kJson), .schema = std::move(answer)}}};
  if (path.contains("{id}"))
    route.parameters = {{.name = "id",
                         .place = ParameterPlace::path,
                         .doc = "Id of the batch",
                         .schema = schema::integer(),
                         .required = true}};
  return route;
}

void add_paging(Route& route) {
  route.parameters.push_back(
      {.name = "limit", .doc = "Items of a page", .schema = schema::integer()});
  route.parameters.push_back(
      {.name = "cursor", .doc = "next_cursor of the page before", .schema = schema::string()});
}

Route start_route(const ApiServices& services, std::uint64_t limit,
                  const store::Resource& counterparty) {
  const Json answer = schema::object(
      {{"id", schema::nullable(schema::integer("Of the batch; null: a dry run, or nothing to "
                                               "get"))},
       {"plan", plan_schema()}},
      {"id", "plan"});
  Route route =
      batch_route(Method::post, "/" + std::string(counterparty.path) + "/express-report",
                  "start_express_reports",
                  "Get the express reports of many as one job; dry_run says what it would cost",
                  scope_of(counterparty, true), answer, start_handler(services, limit));
  route.parameters = {{.name = "Idempotency-Key",
                       .place = ParameterPlace::header,
                       .doc = "Makes a repetition harmless for 72 h; at most 255 characters",
                       .schema = schema::string()}};
  Json ids = schema::array(schema::integer(), "At most kontur_focus.batch_limit");
  ids.set("minItems", 1);
  route.request_media_types = {std::string(kJson)};
  route.request_schema = schema::object(
      {{"ids", std::move(ids)},
       {"filter", schema::string("Instead of ids: the filter of the list, as in its URL, such as "
                                 "status_code=active&q=roga")},
       {"refresh", schema::boolean("Default false: a report that is still good is not got again")},
       {"dry_run", schema::boolean("Only say what it would come to")}});
  route.max_body_bytes = limit;
  route.answers.front().doc = "What it would come to; nothing was begun";
  route.answers.push_back({.status = 202,
                           .doc = "Begun; see Location",
                           .media_type = std::string(kJson),
                           .schema = answer,
                           .headers = {"Location"}});
  return route;
}

}  // namespace

void add_report_batch_routes(std::vector<Route>& routes, const ApiServices& services,
                             const ApiOptions& options) {
  const store::Resource& counterparty = services.records.registry().get("counterparty");
  const std::string read = scope_of(counterparty, false);
  const std::string write = scope_of(counterparty, true);
  const std::string path(kPath);
  const int max_page = options.max_page;
  routes.push_back(start_route(services, options.max_json_bytes, counterparty));

  Route list = batch_route(Method::get, path, "list_express_report_batches",
                           "Batches of express reports, newest first", read,
                           page_of(batch_schema()), [services, max_page](Request& q, Response& r) {
                             return list_batches(services, max_page, q, r);
                           });
  add_paging(list);
  routes.push_back(std::move(list));
  routes.push_back(
      batch_route(Method::get, path + "/{id}", "get_express_report_batch",
                  "How far a batch is, and what it waits for", read, batch_schema(),
                  [services](Request& q, Response& r) { return show_batch(services, q, r); }));
  Route items = batch_route(Method::get, path + "/{id}/items", "list_express_report_batch_items",
                            "What became of each counterparty", read, page_of(item_schema()),
                            [services, max_page](Request& q, Response& r) {
                              return list_items(services, max_page, q, r);
                            });
  items.parameters.push_back(
      {.name = "state", .doc = "Only these", .schema = schema::one_of(store::batch_item_states())});
  add_paging(items);
  routes.push_back(std::move(items));

  const auto add = [&](const std::string& act, std::string summary, RouteHandler handler) {
    routes.push_back(batch_route(Method::post, path + "/{id}/" + act, act + "_express_report_batch",
                                 std::move(summary), write, batch_schema(), std::move(handler)));
  };
  add("pause", "It rests after the report under way", acting(services, store::pause_job));
  add("resume", "It goes on, at once also where it waits", acting(services, store::resume_job));
  add("cancel", "What was got stays; the rest is not asked for",
      acting(services, store::cancel_job));
}

}  // namespace c360::api
