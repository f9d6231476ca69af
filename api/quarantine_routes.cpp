#include "api/quarantine_routes.h"

#include <array>
#include <optional>
#include <thread>
#include <utility>

#include "api/problem.h"
#include "api/schema.h"
#include "store/quarantine_log.h"

namespace c360::api {
namespace {

constexpr std::size_t kBulkEntries = 100;  // of one request: each is a transaction of its own

enum class Action : std::uint8_t { retry, release, discard };
struct ActionRow {
  Action action;
  std::string_view name;
  std::string_view summary;
};
constexpr std::array<ActionRow, 3> kActions = {
    {{Action::retry, "retry", "Once more, through the rules as they are now"},
     {Action::release, "release", "Process now, as it is: built-in guards do not stop it"},
     {Action::discard, "discard",
      "End it as ignored, by the built-in rule `discarded`; needs a comment"}}};

// The scope lets the token in; the matrix of rights lets the person in (domain.md 3.4).
Result<void> may_act(const ApiServices& services, const Request& request) {
  if (!request.caller->actor.is_administrator())
    return fail(ErrorCode::forbidden, "mail is the affair of the group crm-administrators",
                "administrators_only");
  if (services.mail_actions == nullptr)
    return fail(ErrorCode::unavailable, "mail intake is not running in this process", "intake_off");
  return {};
}

// The body as an object, empty when nothing was sent.
Result<Json> read_wish(Request& request, std::uint64_t limit) {
  auto text = request.read_body(limit);
  if (!text) return std::unexpected(std::move(text).error());
  if (text->empty()) return Json{Json::Object{}};
  auto body = Json::parse(*text);
  if (body && !body->is_object())
    return fail(ErrorCode::invalid_request, "the body is a JSON object or empty");
  return body;
}

Result<std::string> text_member(const Json& body, std::string_view name) {
  const Json* value = body.find(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string())
    return fail(ErrorCode::invalid_request, std::string(name) + " is a string");
  return value->as_string();
}

Result<std::optional<std::int64_t>> number_member(const Json& body, std::string_view name) {
  const Json* value = body.find(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  const auto number = value->as_int64();
  if (!number) return fail(ErrorCode::invalid_request, std::string(name) + " is a whole number");
  return number;
}

// Unknown members are mistakes: an action on the wrong mails cannot be taken back.
Result<void> only_knows(const Json& body, std::initializer_list<std::string_view> names) {
  std::string list;
  for (const std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
  for (const auto& [name, value] : body.as_object())
    if (std::ranges::find(names, name) == names.end())
      return fail(ErrorCode::invalid_request, "\"" + name + "\" is unknown; known are " + list);
  return {};
}

void write_result(JsonWriter& writer, const MailActionResult& result) {
  writer.member("outcome", std::string_view{result.outcome}).key("reason");
  result.reason.empty() ? writer.null() : writer.string(result.reason);
  writer.key("record_id");
  result.record_id == 0 ? writer.null() : writer.integer(result.record_id);
  writer.key("record_kind");
  result.record_kind.empty() ? writer.null() : writer.string(result.record_kind);
}

Result<MailActionResult> act(MailActions& actions, Action action, std::int64_t id,
                             std::int64_t actor, const std::string& comment) {
  switch (action) {
    case Action::retry:
      return actions.retry(id, actor, comment);
    case Action::release:
      return actions.release(id, actor, comment);
    case Action::discard:
      return actions.discard(id, actor, comment);
  }
  return fail(ErrorCode::internal, "no such action");
}

Result<void> send_result(Result<MailActionResult> result, Response& response) {
  if (!result) return std::unexpected(std::move(result).error());
  JsonWriter writer;
  writer.begin_object();
  write_result(writer, *result);
  writer.end_object();
  response.json(writer.view());
  return {};
}

std::int64_t user_of(const Request& request) { return request.caller->actor.user_id.value_or(0); }

Result<void> act_on_one(const ApiServices& services, Action action, std::uint64_t limit,
                        Request& request, Response& response) {
  if (auto allowed = may_act(services, request); !allowed) return allowed;
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto body = read_wish(request, limit);
  if (!body) return std::unexpected(body.error());
  auto comment = text_member(*body, "comment");
  if (!comment) return std::unexpected(comment.error());
  // Reading mail needs more stack than a connection's thread has.
  Result<MailActionResult> result = fail(ErrorCode::internal, "the action did not run");
  std::jthread([&] {
    result = act(*services.mail_actions, action, *id, user_of(request), *comment);
  }).join();
  return send_result(std::move(result), response);
}

Result<void> set_target(const ApiServices& services, std::uint64_t limit, Request& request,
                        Response& response) {
  if (auto allowed = may_act(services, request); !allowed) return allowed;
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto body = read_wish(request, limit);
  if (!body) return std::unexpected(body.error());
  if (auto known = only_knows(*body, {"record_id", "comment"}); !known) return known;
  if (body->find("record_id") == nullptr)
    return fail(ErrorCode::invalid_request, "record_id is a record, or null: the mail decides");
  auto record = number_member(*body, "record_id");
  if (!record) return std::unexpected(record.error());
  auto comment = text_member(*body, "comment");
  if (!comment) return std::unexpected(comment.error());
  return send_result(services.mail_actions->set_target(*id, user_of(request), *record, *comment),
                     response);
}

// Which entries a bulk request means.
struct Selection {
  std::vector<std::int64_t> ids;
  std::optional<std::int64_t> next_after;  // there are more behind this one
};

Result<Selection> named(const Json& ids) {
  Selection selection;
  if (!ids.is_array() || ids.as_array().empty() || ids.as_array().size() > kBulkEntries)
    return fail(ErrorCode::invalid_request,
                "ids are 1 to " + std::to_string(kBulkEntries) + " quarantine ids");
  for (const Json& id : ids.as_array()) {
    const auto number = id.as_int64();
    if (!number) return fail(ErrorCode::invalid_request, "ids are whole numbers");
    selection.ids.push_back(*number);
  }
  return selection;
}

Result<Selection> select(const ApiServices& services, const Json& body) {
  const Json* ids = body.find("ids");
  const Json* all = body.find("all");
  const bool wants_all = all != nullptr && all->is_bool() && all->as_bool();
  if ((ids != nullptr) == wants_all)
    return fail(ErrorCode::invalid_request,
                "give either ids, or \"all\": true with reason and mailbox to narrow it");
  if (ids != nullptr) return named(*ids);
  auto reason = text_member(body, "reason");
  if (!reason) return std::unexpected(reason.error());
  auto mailbox = text_member(body, "mailbox");
  if (!mailbox) return std::unexpected(mailbox.error());
  auto after = number_member(body, "after");
  if (!after) return std::unexpected(after.error());
  auto open = store::open_quarantine(
      services.database, {.reason = *reason, .mailbox = *mailbox, .after = after->value_or(0)},
      kBulkEntries + 1);
  if (!open) return std::unexpected(open.error());
  Selection selection{.ids = std::move(*open)};
  if (selection.ids.size() > kBulkEntries) {
    selection.ids.pop_back();
    selection.next_after = selection.ids.back();
  }
  return selection;
}

// Each in a transaction of its own: what is wrong with one is told and the others go on. The
// database being away ends it, because nothing would go on.
Result<void> act_on_each(const ApiServices& services, Action action, const Selection& selection,
                         std::int64_t actor, const std::string& comment, JsonWriter& writer) {
  for (const std::int64_t id : selection.ids) {
    auto result = act(*services.mail_actions, action, id, actor, comment);
    if (!result && result.error().temporary()) return std::unexpected(std::move(result).error());
    writer.begin_object().member("id", id);
    if (result) {
      write_result(writer, *result);
      writer.key("error").null();
    } else {
      const Error& error = result.error();
      write_result(writer, {.outcome = "refused"});
      writer.key("error")
          .begin_object()
          .member("code", error.reason.empty() ? to_string(error.code) : error.reason)
          .member("detail", std::string_view{error.detail})
          .end_object();
    }
    writer.end_object();
  }
  return {};
}

Result<void> act_on_many(const ApiServices& services, std::uint64_t limit, Request& request,
                         Response& response) {
  if (auto allowed = may_act(services, request); !allowed) return allowed;
  auto body = read_wish(request, limit);
  if (!body) return std::unexpected(body.error());
  if (auto known =
          only_knows(*body, {"action", "ids", "all", "reason", "mailbox", "after", "comment"});
      !known)
    return known;
  auto name = text_member(*body, "action");
  if (!name) return std::unexpected(name.error());
  const auto row = std::ranges::find(kActions, *name, &ActionRow::name);
  if (row == kActions.end())
    return fail(ErrorCode::invalid_request, "action is retry, release or discard");
  auto comment = text_member(*body, "comment");
  if (!comment) return std::unexpected(comment.error());
  auto selection = select(services, *body);
  if (!selection) return std::unexpected(selection.error());
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  Result<void> done;
  std::jthread([&] {
    done = act_on_each(services, row->action, *selection, user_of(request), *comment, writer);
  }).join();
  if (!done) return done;
  writer.end_array().key("next_after");
  selection->next_after ? writer.integer(*selection->next_after) : writer.null();
  writer.end_object();
  response.json(writer.view());
  return {};
}

Json::Object result_members() {
  return {{"outcome", schema::string("What became of the mail")},
          {"reason", schema::nullable(schema::string("Of a mail that stays"))},
          {"record_id", schema::nullable(schema::integer())},
          {"record_kind", schema::nullable(schema::string())}};
}

Route quarantine_route(Method method, std::string path, std::string id, std::string summary) {
  Route route{.method = method,
              .path = std::string(kApiPrefix) + "/mail/quarantine" + std::move(path),
              .access = Access::scope,
              .scope = "mail:write",
              .operation_id = std::move(id),
              .summary = std::move(summary),
              .tag = "mail"};
  route.request_media_types = {std::string(kJson)};
  route.answers = {{.doc = "What became of the mail",
                    .media_type = std::string(kJson),
                    .schema = schema::object(result_members(), {"outcome"})}};
  return route;
}

Parameter id_parameter() {
  return {.name = "id",
          .place = ParameterPlace::path,
          .doc = "Id of the quarantine row",
          .schema = schema::integer(),
          .required = true};
}

Json comment_schema() { return schema::string("Why; kept with the attempt"); }

void add_one(std::vector<Route>& routes, const ApiServices& services, const ApiOptions& options,
             const ActionRow& row) {
  const std::string name(row.name);
  Route route = quarantine_route(Method::post, "/{id}/" + name, name + "_quarantine",
                                 std::string(row.summary));
  route.parameters = {id_parameter()};
  route.request_schema = schema::object({{"comment", comment_schema()}});
  route.handler = [services, action = row.action, limit = options.max_json_bytes](
                      Request& request, Response& response) {
    return act_on_one(services, action, limit, request, response);
  };
  routes.push_back(std::move(route));
}

void add_target(std::vector<Route>& routes, const ApiServices& services,
                const ApiOptions& options) {
  Route route = quarantine_route(Method::put, "/{id}/target", "set_quarantine_target",
                                 "Choose the record that retry and release attach the mail to");
  route.parameters = {id_parameter()};
  route.request_schema =
      schema::object({{"record_id", schema::nullable(schema::integer("null: the mail decides"))},
                      {"comment", comment_schema()}},
                     {"record_id"});
  route.handler = [services, limit = options.max_json_bytes](Request& request, Response& response) {
    return set_target(services, limit, request, response);
  };
  routes.push_back(std::move(route));
}

void add_bulk(std::vector<Route>& routes, const ApiServices& services, const ApiOptions& options) {
  Route route = quarantine_route(Method::post, "/bulk", "act_on_quarantine",
                                 "The same on many: those named, or all open ones of a reason or "
                                 "mailbox, 100 a request");
  route.request_schema =
      schema::object({{"action", schema::one_of({"retry", "release", "discard"})},
                      {"ids", schema::array(schema::integer(), "At most 100")},
                      {"all", schema::boolean("Instead of ids: every open one")},
                      {"reason", schema::string("Only those of this reason")},
                      {"mailbox", schema::string("Only those of this mailbox, by its code")},
                      {"after", schema::integer("Only ids above: next_after of the former answer")},
                      {"comment", comment_schema()}},
                     {"action"});
  Json::Object members = result_members();
  members.emplace_back("id", schema::integer("Of the quarantine row"));
  members.emplace_back(
      "error", schema::nullable(schema::object(
                   {{"code", schema::string()}, {"detail", schema::string()}}, {"code", "detail"},
                   "Why it was refused; outcome is then `refused` and nothing was done")));
  const Json item = schema::object(std::move(members), {"id", "outcome", "error"});
  route.answers.front().schema = schema::object(
      {{"items", schema::array(item)},
       {"next_after", schema::nullable(schema::integer("Ask again with it; null: that was all"))}},
      {"items", "next_after"});
  route.handler = [services, limit = options.max_json_bytes](Request& request, Response& response) {
    return act_on_many(services, limit, request, response);
  };
  routes.push_back(std::move(route));
}

}  // namespace

void add_quarantine_routes(std::vector<Route>& routes, const ApiServices& services,
                           const ApiOptions& options) {
  for (const ActionRow& row : kActions) add_one(routes, services, options, row);
  add_target(routes, services, options);
  add_bulk(routes, services, options);
}

}  // namespace c360::api
