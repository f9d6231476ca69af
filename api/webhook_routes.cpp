#include "api/webhook_routes.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "adapters/webhook.h"
#include "api/auth.h"
#include "api/preconditions.h"
#include "api/query_number.h"
#include "api/record_handlers.h"
#include "api/schema.h"
#include "daemon/base/text.h"
#include "store/webhooks.h"

namespace c360::api {
namespace {

constexpr std::string_view kScope = "admin";
constexpr std::size_t kMaxWords = 200;  // kinds or events of one webhook
constexpr std::size_t kMaxEventBytes = 60;
constexpr std::int64_t kDefaultOverlap = 86'400;  // seconds
constexpr std::int64_t kMaxOverlap = 2'592'000;

const std::vector<std::string>& states() {
  static const std::vector<std::string> kStates = {"active", "paused"};
  return kStates;
}
const std::vector<std::string>& delivery_statuses() {
  static const std::vector<std::string> kStatuses = {"queued", "delivered", "parked"};
  return kStatuses;
}

// Where it may lead to is for the sender to say, by the settings in force when it is called and the
// addresses that its name has then; here only its form is looked at.
const adapters::TargetPolicy& any_target() {
  static const adapters::TargetPolicy kAny{
      .plain_http = true,
      .allowed = {*adapters::Network::parse("::/0"), *adapters::Network::parse("0.0.0.0/0")}};
  return kAny;
}

// Deliveries hold what their owner may read, and an address is a door to the outside.
Result<void> administrators_only(const Request& request) {
  if (request.caller->actor.is_administrator()) return {};
  return fail(ErrorCode::forbidden, "webhooks are the affair of the group crm-administrators",
              "administrators_only");
}

// -- What a request says --------------------------------------------------------------------------

// Reads the fields of a webhook and collects all that is wrong with them.
class WebhookReader {
 public:
  WebhookReader(const store::Registry& registry, const store::Actor& caller)
      : registry_(registry), caller_(caller.user_id) {}

  Result<store::WebhookDraft> read(const Json& body, bool is_new) {
    for (const auto& [name, value] : body.as_object()) take(name, value);
    if (is_new && !body.find("url")) wrong("url", "required", "Send the address to deliver to.");
    if (error_.fields.empty()) return std::move(draft_);
    error_.reason = error_.fields.front().code;
    return std::unexpected(std::move(error_));
  }

 private:
  void take(const std::string& name, const Json& value) {
    if (name == "name") {
      take_name(value);
    } else if (name == "url") {
      take_url(value);
    } else if (name == "state") {
      if (value.is_string() && std::ranges::count(states(), value.as_string()) > 0) {
        draft_.state = value.as_string();
      } else {
        wrong(name, "unknown_code", "Send active or paused.");
      }
    } else if (name == "owner_id") {
      take_owner(value);
    } else if (name == "kinds") {
      draft_.kinds = words(name, value, [&](const std::string& word) {
        const store::Resource* resource = registry_.find(word);
        return resource != nullptr && store::in_feed(*resource);
      });
    } else if (name == "events") {
      draft_.events = words(name, value, [](const std::string& word) {
        return !word.empty() && word.size() <= kMaxEventBytes &&
               std::ranges::all_of(word, [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); });
      });
    } else {
      wrong(std::string(utf8_prefix(name, 80)), "unknown_field",
            "Known are name, url, kinds, events, state and owner_id.");
    }
  }

  void take_name(const Json& value) {
    if (!value.is_string() || value.as_string().size() > store::kMaxWebhookNameBytes) {
      wrong("name", "length",
            "Send a text of at most " + std::to_string(store::kMaxWebhookNameBytes) + " bytes.");
    } else {
      draft_.name = value.as_string();
    }
  }

  // Nobody is made to answer for what another wants to be told.
  void take_owner(const Json& value) {
    draft_.owner_id = value.is_number() ? value.as_int64() : std::nullopt;
    if (!draft_.owner_id || draft_.owner_id != caller_)
      wrong("owner_id", "not_yourself", "Send your own id: a webhook is taken over, not given.");
  }

  void take_url(const Json& value) {
    if (!value.is_string()) return wrong("url", "wrong_type", "Send an address.");
    if (auto fine = any_target().check(value.as_string()); !fine)
      return wrong("url", fine.error().reason, fine.error().detail);
    draft_.url = value.as_string();
  }

  template <typename Known>
  std::vector<std::string> words(const std::string& name, const Json& value, Known known) {
    std::vector<std::string> list;
    if (!value.is_array() || value.as_array().size() > kMaxWords) {
      wrong(name, "wrong_type",
            "Send a list of at most " + std::to_string(kMaxWords) + " codes; an empty one: all.");
      return list;
    }
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      const Json& each = value.as_array()[i];
      if (each.is_string() && known(each.as_string())) {
        list.push_back(each.as_string());
      } else {
        wrong(name + "/" + std::to_string(i), "unknown_code",
              "No such code; see /api/v1/meta/resources and the history of records.");
      }
    }
    return list;
  }

  void wrong(const std::string& name, std::string code, std::string detail) {
    error_.fields.push_back({"/" + name, std::move(code), std::move(detail)});
  }

  const store::Registry& registry_;
  const std::optional<std::int64_t> caller_;
  store::WebhookDraft draft_;
  Error error_{.code = ErrorCode::validation_failed,
               .detail = "The webhook cannot be stored as asked; see errors."};
};

// -- Handlers -------------------------------------------------------------------------------------

Result<void> answer_webhook(store::Database& database, std::int64_t id, Response& response) {
  auto rows = store::list_webhooks(database, id);
  if (!rows) return std::unexpected(rows.error());
  response.add_header("ETag", etag_of(rows->front().version));
  response.json(rows->front().json);
  return {};
}

Result<void> answer_webhooks(store::Database& database, Response& response) {
  auto rows = store::list_webhooks(database);
  if (!rows) return std::unexpected(rows.error());
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const auto& row : *rows) writer.raw(row.json);
  writer.end_array().end_object();
  response.json(writer.view());
  return {};
}

// The one answer with the secret.
void write_webhook_secret(std::int64_t id, const Secret& key, Response& response, int status) {
  JsonWriter writer;
  writer.begin_object()
      .member("id", id)
      .member("secret", adapters::webhook_secret_text(key).reveal())
      .end_object();
  response.json(writer.view(), status);
}

// What they are signed with is never kept as it is.
Result<Seal> seal_of(const ApiOptions& options) {
  if (!options.webhook_key.empty()) return store::webhook_seal(options.webhook_key);
  return fail(ErrorCode::conflict,
              "What webhooks are signed with is sealed under a key that is not set: name one in "
              "webhooks.key_file.",
              "webhook_key_missing");
}

Result<void> create_one(const ApiServices& services, const ApiOptions& options, Request& request,
                        Response& response) {
  std::string text;
  auto body = read_object(request, options.max_json_bytes, text);
  if (!body) return std::unexpected(body.error());
  auto draft = WebhookReader(services.records.registry(), actor_of(request)).read(*body, true);
  if (!draft) return std::unexpected(draft.error());
  auto seal = seal_of(options);
  if (!seal) return std::unexpected(seal.error());
  auto made = store::create_webhook(services.database, *draft, *seal, actor_of(request));
  if (!made) return std::unexpected(made.error());
  write_webhook_secret(made->id, made->key, response, 201);
  response.add_header("Location",
                      std::string(kApiPrefix) + "/webhooks/" + std::to_string(made->id));
  return {};
}

Result<void> change_one(const ApiServices& services, const ApiOptions& options, Request& request,
                        Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto version = required_version(request);
  if (!version) return std::unexpected(version.error());
  std::string text;
  auto body = read_object(request, options.max_json_bytes, text);
  if (!body) return std::unexpected(body.error());
  auto draft = WebhookReader(services.records.registry(), actor_of(request)).read(*body, false);
  if (!draft) return std::unexpected(draft.error());
  if (auto done =
          store::change_webhook(services.database, *id, *draft, *version, actor_of(request));
      !done)
    return done;
  return answer_webhook(services.database, *id, response);
}

Result<void> remove_one(store::Database& database, Request& request, Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto version = required_version(request);
  if (!version) return std::unexpected(version.error());
  if (auto done = store::remove_webhook(database, *id, *version, actor_of(request)); !done)
    return done;
  response.status = 204;
  return {};
}

Result<void> rotate(store::Database& database, const ApiOptions& options, Request& request,
                    Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto overlap = query_number(request, "overlap_s", 0, kMaxOverlap);
  if (!overlap) return std::unexpected(overlap.error());
  auto seal = seal_of(options);
  if (!seal) return std::unexpected(seal.error());
  auto key = store::rotate_webhook_key(database, *id,
                                       std::chrono::seconds{overlap->value_or(kDefaultOverlap)},
                                       *seal, actor_of(request));
  if (!key) return std::unexpected(key.error());
  write_webhook_secret(*id, *key, response, 200);
  return {};
}

Result<void> replay(store::Database& database, Request& request, Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  const auto after = request.query_value("after");
  if (!after) {
    if (auto done = store::replay_parked(database, *id, actor_of(request)); !done)
      return std::unexpected(done.error());
    return answer_webhook(database, *id, response);
  }
  const auto position = store::FeedPosition::parse(*after);
  if (!position)
    return fail(ErrorCode::invalid_request,
                "after is a cursor of the feed of events; 0.0 is the beginning of history",
                "invalid_cursor");
  if (auto done = store::replay_webhook(database, *id, *position, actor_of(request)); !done)
    return done;
  return answer_webhook(database, *id, response);
}

Result<void> answer_deliveries(store::Database& database, int max_page, const Request& request,
                               Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  store::WebhookDeliveryFilter filter{.webhook_id = *id};
  filter.status = request.query_value("status").value_or("");
  if (!filter.status.empty() && std::ranges::count(delivery_statuses(), filter.status) == 0)
    return fail(ErrorCode::invalid_request, "status is one of queued, delivered, parked",
                "invalid_value");
  const auto limit = page_size(request, max_page);
  if (!limit) return std::unexpected(limit.error());
  filter.limit = *limit;
  const auto before = query_number(request, "cursor");
  if (!before) return std::unexpected(before.error());
  filter.before = *before;
  if (auto known = store::list_webhooks(database, *id); !known)
    return std::unexpected(known.error());
  auto rows = store::list_webhook_deliveries(database, filter);
  if (!rows) return std::unexpected(rows.error());
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const auto& row : *rows) writer.raw(row.json);
  writer.end_array().key("next_cursor");
  // A full page may be followed by another.
  rows->size() == static_cast<std::size_t>(filter.limit)
      ? writer.string(std::to_string(rows->back().event_id))
      : writer.null();
  writer.end_object();
  response.json(writer.view());
  return {};
}

// -- What the document says -----------------------------------------------------------------------

Json webhook_schema() {
  using schema::date_time;
  using schema::integer;
  using schema::nullable;
  using schema::string;
  return schema::object(
      {{"id", integer()},
       {"name", string("What for")},
       {"url", string("Where events are posted to")},
       {"kinds", schema::array(string("Kind of records"), "Empty: all")},
       {"events", schema::array(string("created, updated, …"), "Empty: all")},
       {"state", schema::one_of(states())},
       {"owner_id", integer("Who made it or took it over; what he may read is delivered")},
       {"cursor", string("Up to here events are delivered or queued")},
       {"queued", integer("Events that wait")},
       {"parked", integer("Events given up after three days; POST …/replay sends them again")},
       {"oldest_queued_at", nullable(date_time())},
       {"failures", integer("In a row, of the receiver")},
       {"last_error", nullable(string("null: the last attempt went well"))},
       {"last_attempt_at", nullable(date_time())},
       {"last_delivered_at", nullable(date_time())},
       {"former_secret_until", nullable(date_time("Until then the secret before this signs too"))},
       {"created_at", date_time()},
       {"updated_at", date_time()},
       {"row_version", integer("As in the ETag")}},
      {"id", "url", "state", "cursor", "queued", "parked"});
}

Json delivery_schema() {
  using schema::date_time;
  using schema::integer;
  using schema::nullable;
  using schema::string;
  return schema::object(
      {{"event_id", integer("As in the body that was sent")},
       {"cursor", string("As in the body; replay from here sends what came after it")},
       {"event", string()},
       {"subject", string("Events of one subject go one after the other")},
       {"status", schema::one_of(delivery_statuses())},
       {"attempts", integer()},
       {"queued_at", date_time()},
       {"next_attempt_at", nullable(date_time("Of a queued one"))},
       {"last_attempt_at", nullable(date_time())},
       {"http_status", nullable(integer("null: no answer arrived"))},
       {"took_ms", nullable(integer())},
       {"last_error", nullable(string())},
       {"delivered_at", nullable(date_time())}},
      {"event_id", "cursor", "event", "status", "attempts"});
}

Json draft_schema(bool is_new) {
  using schema::string;
  return schema::object({{"name", string("What for; at most 200 bytes")},
                         {"url", string("https://…, at most 2,000 bytes")},
                         {"kinds", schema::array(string("Kind of records"), "Empty: all")},
                         {"events", schema::array(string("created, updated, …"), "Empty: all")},
                         {"state", schema::one_of(states(), "active at first")},
                         {"owner_id", schema::integer("Yourself: you take it over")}},
                        is_new ? std::vector<std::string>{"url"} : std::vector<std::string>{});
}

Json secret_schema() {
  return schema::object({{"id", schema::integer()},
                         {"secret", schema::string("Keep it now: it is never shown again")}},
                        {"id", "secret"});
}

Route webhook_route(Method method, const std::string& path, std::string operation,
                    std::string summary, Json answer, RouteHandler handler) {
  Route route{
      .method = method,
      .path = std::string(kApiPrefix) + path,
      .access = Access::scope,
      .scope = std::string(kScope),
      .operation_id = std::move(operation),
      .summary = std::move(summary),
      .tag = "webhooks",
      .handler = [handler = std::move(handler)](Request& request,
                                                Response& response) -> Result<void> {
        if (auto allowed = administrators_only(request); !allowed) return allowed;
        return handler(request, response);
      },
      .answers = {
          {.doc = "As asked", .media_type = std::string(kJson), .schema = std::move(answer)}}};
  if (path.find("{id}") != std::string::npos)
    route.parameters.push_back({.name = "id",
                                .place = ParameterPlace::path,
                                .doc = "Id of the webhook",
                                .schema = schema::integer(),
                                .required = true});
  return route;
}

Parameter if_match() {
  return {.name = "If-Match",
          .place = ParameterPlace::header,
          .doc = "ETag of the webhook as it was read; 412 when it has changed",
          .schema = schema::string(),
          .required = true};
}

void add_subscription_routes(std::vector<Route>& routes, const ApiServices& services,
                             const ApiOptions& options) {
  store::Database& database = services.database;
  routes.push_back(
      webhook_route(Method::get, "/webhooks", "list_webhooks", "All webhooks and how they fare",
                    schema::object({{"items", schema::array(webhook_schema())}}, {"items"}),
                    [&database](Request&, Response& r) { return answer_webhooks(database, r); }));

  Route make = webhook_route(Method::post, "/webhooks", "create_webhook",
                             "Be told of what happens from now on; the secret is in this answer "
                             "and never again",
                             secret_schema(), [services, options](Request& q, Response& r) {
                               return create_one(services, options, q, r);
                             });
  make.answers.front().status = 201;
  make.answers.front().headers = {"Location"};
  make.request_media_types = {std::string(kJson)};
  make.request_schema = draft_schema(true);
  routes.push_back(std::move(make));

  Route get = webhook_route(Method::get, "/webhooks/{id}", "get_webhook",
                            "One webhook: where it stands, what waits, what went wrong last",
                            webhook_schema(), [&database](Request& q, Response& r) -> Result<void> {
                              auto id = q.path_id(0);
                              if (!id) return std::unexpected(id.error());
                              return answer_webhook(database, *id, r);
                            });
  get.answers.front().headers = {"ETag"};
  routes.push_back(std::move(get));

  Route patch = webhook_route(
      Method::patch, "/webhooks/{id}", "update_webhook",
      "Another address or choice, pause, go on; what waits is tried at once", webhook_schema(),
      [services, options](Request& q, Response& r) { return change_one(services, options, q, r); });
  patch.answers.front().headers = {"ETag"};
  patch.parameters.push_back(if_match());
  patch.request_media_types = {"application/merge-patch+json", std::string(kJson)};
  patch.request_schema = draft_schema(false);
  routes.push_back(std::move(patch));

  Route remove = webhook_route(
      Method::remove, "/webhooks/{id}", "delete_webhook", "With all that waits, and its log",
      schema::any(), [&database](Request& q, Response& r) { return remove_one(database, q, r); });
  remove.answers = {{.status = 204, .doc = "Gone"}};
  remove.parameters.push_back(if_match());
  routes.push_back(std::move(remove));
}

void add_delivery_routes(std::vector<Route>& routes, const ApiServices& services,
                         const ApiOptions& options) {
  store::Database& database = services.database;
  const int max_page = options.max_page;
  Route rotation = webhook_route(
      Method::post, "/webhooks/{id}/rotate-secret", "rotate_webhook_secret",
      "A new secret, in this answer and never again; the former one signs too for a while",
      secret_schema(),
      [&database, options](Request& q, Response& r) { return rotate(database, options, q, r); });
  rotation.parameters.push_back({.name = "overlap_s",
                                 .doc = "For so many seconds; a day, at most 30 days",
                                 .schema = schema::integer()});
  routes.push_back(std::move(rotation));

  Route again = webhook_route(
      Method::post, "/webhooks/{id}/replay", "replay_webhook",
      "With `after`: everything after that cursor once more; without: the parked events",
      webhook_schema(), [&database](Request& q, Response& r) { return replay(database, q, r); });
  again.answers.front().headers = {"ETag"};
  again.parameters.push_back({.name = "after",
                              .doc = "A cursor, as in deliveries and GET /events; 0.0: all",
                              .schema = schema::string()});
  routes.push_back(std::move(again));

  Route log = webhook_route(
      Method::get, "/webhooks/{id}/deliveries", "list_webhook_deliveries",
      "What was sent and what waits, the newest event first",
      schema::object({{"items", schema::array(delivery_schema())},
                      {"next_cursor", schema::nullable(schema::string(
                                          "Send it as `cursor`; null: that was all"))}},
                     {"items", "next_cursor"}),
      [&database, max_page](Request& q, Response& r) {
        return answer_deliveries(database, max_page, q, r);
      });
  log.parameters.push_back(
      {.name = "status", .doc = "Only these", .schema = schema::one_of(delivery_statuses())});
  log.parameters.push_back(
      {.name = "limit", .doc = "Items of a page", .schema = schema::integer()});
  log.parameters.push_back(
      {.name = "cursor", .doc = "next_cursor of the page before", .schema = schema::string()});
  routes.push_back(std::move(log));
}

}  // namespace

void add_webhook_routes(std::vector<Route>& routes, const ApiServices& services,
                        const ApiOptions& options) {
  add_subscription_routes(routes, services, options);
  add_delivery_routes(routes, services, options);
}

}  // namespace c360::api
