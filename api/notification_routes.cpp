#include "api/notification_routes.h"

#include <string>

#include "api/auth.h"
#include "api/record_handlers.h"
#include "api/schema.h"
#include "store/operations/notices.h"

namespace c360::api {
namespace {

constexpr std::string_view kPath = "/notifications";

struct Marked {
  std::vector<std::int64_t> ids;
  std::int64_t last = 0;
};

std::unexpected<Error> wrong(std::string pointer, std::string code, std::string detail) {
  Error error{.code = ErrorCode::validation_failed,
              .detail = "The notifications cannot be marked as asked.",
              .reason = code};
  error.fields.push_back({std::move(pointer), std::move(code), std::move(detail)});
  return std::unexpected(std::move(error));
}

Result<Marked> marked(const Json& body) {
  Marked marked;
  for (const auto& [name, value] : body.as_object()) {
    if (name == "up_to" && value.is_number() && value.as_int64()) {
      marked.last = *value.as_int64();
    } else if (name == "up_to") {
      return wrong("/up_to", "wrong_type", "Expected the id of a notification.");
    } else if (name != "ids") {
      return wrong("/" + std::string(name), "unknown_field", "The action has no such parameter.");
    } else if (!value.is_array() || value.as_array().empty() ||
               value.as_array().size() > store::kMaxMarkedNotifications) {
      return wrong(
          "/ids", "wrong_type",
          "Expected an array of 1 to " + std::to_string(store::kMaxMarkedNotifications) + " ids.");
    } else {
      for (const Json& id : value.as_array()) {
        if (!id.is_number() || !id.as_int64())
          return wrong("/ids", "wrong_type", "Expected an array of ids.");
        marked.ids.push_back(*id.as_int64());
      }
    }
  }
  return marked;
}

Result<std::int64_t> caller_of(const Request& request) {
  const auto user = actor_of(request).user_id;
  if (user) return *user;
  return fail(ErrorCode::forbidden, "Only users are notified.", "users_only");
}

Result<void> mark(store::Database& database, std::uint64_t limit, Request& request,
                  Response& response) {
  auto user = caller_of(request);
  if (!user) return std::unexpected(user.error());
  std::string text;
  auto body = read_object(request, limit, text);
  if (!body) return std::unexpected(std::move(body).error());
  auto wanted = marked(*body);
  if (!wanted) return std::unexpected(std::move(wanted).error());
  auto done = store::mark_notifications_read(database, *user, wanted->ids, wanted->last);
  if (!done) return std::unexpected(done.error());
  JsonWriter writer;
  writer.begin_object().member("marked", done->marked).member("unread", done->unread).end_object();
  response.json(writer.view());
  return {};
}

Result<void> count(store::Database& database, const Request& request, Response& response) {
  auto user = caller_of(request);
  if (!user) return std::unexpected(user.error());
  auto unread = store::unread_notifications(database, *user);
  if (!unread) return std::unexpected(unread.error());
  JsonWriter writer;
  writer.begin_object().member("unread", *unread).end_object();
  response.json(writer.view());
  return {};
}

}  // namespace

void add_notification_routes(std::vector<Route>& routes, const ApiServices& services,
                             const ApiOptions& options) {
  Route unread{.method = Method::get,
               .path = std::string(kApiPrefix) + std::string(kPath) + "/unread",
               .access = Access::scope,
               .scope = "notification:read",
               .operation_id = "count_unread_notifications",
               .summary = "How many of the caller's notifications are unread",
               .tag = "notification"};
  unread.answers = {{.doc = "The number",
                     .media_type = std::string(kJson),
                     .schema = schema::object({{"unread", schema::integer()}}, {"unread"})}};
  unread.handler = [&database = services.database](Request& request, Response& response) {
    return count(database, request, response);
  };
  routes.push_back(std::move(unread));

  Route read{.method = Method::post,
             .path = std::string(kApiPrefix) + std::string(kPath) + "/read",
             .access = Access::scope,
             .scope = "notification:write",
             .operation_id = "mark_notifications_read",
             .summary = "Mark the caller's notifications read: some, all up to one, or all",
             .tag = "notification",
             .request_media_types = {std::string(kJson)}};
  Json ids = schema::array(schema::integer());
  ids.set("minItems", 1);
  ids.set("maxItems", static_cast<std::int64_t>(store::kMaxMarkedNotifications));
  read.request_schema = schema::object(
      {{"ids", std::move(ids)},
       {"up_to", schema::integer("Without ids: those up to this id; not sent: all of them")}},
      {});
  read.answers = {
      {.doc = "How many were marked, and how many are unread now",
       .media_type = std::string(kJson),
       .schema = schema::object({{"marked", schema::integer()}, {"unread", schema::integer()}},
                                {"marked", "unread"})}};
  read.handler = [&database = services.database, limit = options.max_json_bytes](
                     Request& request, Response& response) {
    return mark(database, limit, request, response);
  };
  routes.push_back(std::move(read));
}

}  // namespace c360::api
