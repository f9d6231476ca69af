#include "api/message_routes.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/auth.h"
#include "api/preconditions.h"
#include "api/record_handlers.h"
#include "api/schema.h"
#include "api/write_once.h"
#include "store/draft.h"
#include "store/message_queue.h"
#include "store/operations/order_message.h"

namespace c360::api {
namespace {

using store::MessageOrder;
using store::OrderedMessage;
using store::Transaction;

constexpr std::string_view kScope = "outbound_message:write";

struct SentOrder {
  MessageOrder order;
  bool dry_run = false;
};

// Every member of the wrong type, or unknown, at once.
class OrderReader {
 public:
  Result<SentOrder> read(const Json& body) {
    for (const auto& [name, value] : body.as_object()) {
      if (!value.is_null() && !take(name, value)) wrong(name, value);
    }
    if (error_.fields.empty()) return std::move(sent_);
    error_.reason = error_.fields.front().code;
    return std::unexpected(std::move(error_));
  }

 private:
  using Text = std::pair<std::string_view, std::string*>;
  using Id = std::pair<std::string_view, std::optional<std::int64_t>*>;

  bool take(const std::string& name, const Json& value) {
    MessageOrder& order = sent_.order;
    const auto text = std::ranges::find(texts_, name, &Text::first);
    if (text != texts_.end() && value.is_string()) {
      *text->second = value.as_string();
      return true;
    }
    const auto id = std::ranges::find(ids_, name, &Id::first);
    if (id != ids_.end() && value.is_number()) return (*id->second = value.as_int64()).has_value();
    if (name == "parameters" && value.is_object()) {
      order.parameters = value;
      return true;
    }
    if (name == "dry_run" && value.is_bool()) {
      sent_.dry_run = value.as_bool();
      return true;
    }
    if (name == "not_before" && value.is_string())
      return (order.not_before = from_rfc3339(value.as_string())).has_value();
    return name == "document_version_ids" && value.is_array() && take_versions(value);
  }

  bool take_versions(const Json& list) {
    for (const Json& each : list.as_array()) {
      const auto id = each.is_number() ? each.as_int64() : std::nullopt;
      if (!id) return false;
      sent_.order.document_version_ids.push_back(*id);
    }
    return true;
  }

  void wrong(const std::string& name, const Json& value) {
    const auto expected = expected_of(name);
    if (expected.empty()) {
      error_.fields.push_back(
          {store::pointer_segment(name), "unknown_field", "A message has no such field."});
    } else {
      error_.fields.push_back(
          {store::pointer_segment(name), "wrong_type",
           "Expected " + std::string(expected) + ", got " + std::string(value.type_name()) + "."});
    }
  }

  std::string_view expected_of(const std::string& name) const {
    if (name == "not_before" || std::ranges::find(texts_, name, &Text::first) != texts_.end())
      return "string";
    if (std::ranges::find(ids_, name, &Id::first) != ids_.end()) return "number";
    if (name == "parameters") return "object";
    if (name == "dry_run") return "boolean";
    return name == "document_version_ids" ? "array" : "";
  }

  SentOrder sent_;
  const std::array<Text, 9> texts_ = {{{"channel", &sent_.order.channel},
                                       {"purpose", &sent_.order.purpose},
                                       {"lang", &sent_.order.language},
                                       {"address", &sent_.order.address},
                                       {"subject", &sent_.order.subject},
                                       {"text", &sent_.order.text},
                                       {"template_code", &sent_.order.template_code},
                                       {"in_reply_to", &sent_.order.in_reply_to},
                                       {"dedupe_key", &sent_.order.dedupe_key}}};
  const std::array<Id, 3> ids_ = {{{"record_id", &sent_.order.record_id},
                                   {"counterparty_id", &sent_.order.counterparty_id},
                                   {"contact_id", &sent_.order.contact_id}}};
  Error error_{.code = ErrorCode::validation_failed,
               .detail = "The message cannot be sent as asked."};
};

void write_ordered(const OrderedMessage& made, bool dry_run, Response& response) {
  JsonWriter json;
  json.begin_object();
  if (!dry_run) json.member("id", made.queued.id);
  json.member("status", std::string_view(made.queued.status));
  if (made.queued.suppressed()) {
    json.member("reason", std::string_view(made.queued.reason))
        .member("detail", store::suppression_sentence(made.queued.reason));
  }
  json.member("channel", std::string_view(made.channel))
      .member("address", std::string_view(made.address))
      .member("subject", std::string_view(made.subject))
      .member("text", std::string_view(made.text))
      .member("dry_run", dry_run)
      .end_object();
  response.json(json.view(), dry_run ? 200 : 201);
  if (!dry_run)
    response.add_header("Location",
                        std::string(kApiPrefix) + "/messages/" + std::to_string(made.queued.id));
}

// As if it were sent; nothing is kept.
Result<void> show_order(const ApiServices& services, const MessageOrder& order,
                        const store::Actor& actor, Response& response) {
  auto tx = services.database.begin(store::Pool::api, store::TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  auto made = store::order_message(services.records, *tx, order, actor);
  if (!made) return std::unexpected(std::move(made).error());
  write_ordered(*made, true, response);
  return {};
}

Result<void> send(const ApiServices& services, std::uint64_t limit, Request& request,
                  Response& response) {
  std::string text;
  auto body = read_object(request, limit, text);
  if (!body) return std::unexpected(std::move(body).error());
  auto sent = OrderReader().read(*body);
  if (!sent) return std::unexpected(std::move(sent).error());
  const store::Actor actor = actor_of(request);
  if (sent->dry_run) return show_order(services, sent->order, actor, response);
  return write_once(services, request, text, response,
                    [&](Transaction* transaction, Response& answer) -> Result<void> {
                      const auto order = [&](Transaction& tx) -> Result<void> {
                        answer.clear();  // of an attempt before
                        auto made = store::order_message(services.records, tx, sent->order, actor);
                        if (!made) return std::unexpected(std::move(made).error());
                        write_ordered(*made, false, answer);
                        return {};
                      };
                      if (transaction != nullptr) return order(*transaction);
                      return store::in_transaction(services.database, store::Pool::api, order);
                    });
}

using Change = Result<void> (*)(Transaction& tx, std::int64_t id,
                                std::optional<std::int64_t> version);

// The message as it is afterwards.
Result<void> change(const ApiServices& services, Change what, Request& request,
                    Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto version = offered_version(request);
  if (!version) return std::unexpected(version.error());
  const store::Actor actor = actor_of(request);
  auto done = store::in_transaction(
      services.database, store::Pool::api, [&](Transaction& tx) -> Result<void> {
        if (auto may = store::may_change_message(services.records, tx, *id, actor); !may)
          return may;
        return what(tx, *id, *version);
      });
  if (!done) return done;
  const store::Resource& message = services.records.registry().get("outbound_message");
  auto view = services.records.get(message, request.path_value(0), actor, {});
  if (!view) return std::unexpected(std::move(view).error());
  write_record(std::move(*view), message, response, 200);
  return {};
}

Route route_of(std::string path, std::string id, std::string summary) {
  return {.method = Method::post,
          .path = std::string(kApiPrefix) + "/messages" + std::move(path),
          .access = Access::scope,
          .scope = std::string(kScope),
          .operation_id = std::move(id),
          .summary = std::move(summary),
          .tag = "outbound_message"};
}

Json order_schema() {
  return schema::object(
      {{"channel", schema::one_of({"email", "telegram", "sms"}, "Left out: the template's")},
       {"purpose", schema::one_of({"service", "reminder", "promo", "support_reply"},
                                  "promo needs the consent of the customer; default service")},
       {"counterparty_id", schema::integer("The customer it is for")},
       {"contact_id", schema::integer("His contact it is for")},
       {"record_id", schema::integer("What it is about: an answer to a mail finds it")},
       {"address", schema::string("Left out: that of the contact, else of the customer")},
       {"subject", schema::string("Of a mail")},
       {"text", schema::string("Plain text")},
       {"template_code", schema::string("Instead of subject and text")},
       {"lang", schema::one_of({"ru", "en"}, "Of the template; default ru")},
       {"parameters", schema::any("An object: a text for each placeholder of the template")},
       {"document_version_ids",
        schema::array(schema::integer(), "Attachments: versions of documents, at most 20")},
       {"in_reply_to", schema::string("The Message-ID of the mail it answers, in brackets")},
       {"dedupe_key", schema::string("One message ever with this key; a second one is a conflict")},
       {"not_before", schema::date_time("Not sent before")},
       {"dry_run", schema::boolean("Only what would be sent, or why not")}});
}

Json ordered_schema() {
  return schema::object({{"id", schema::integer("Not with dry_run")},
                         {"status", schema::one_of({"queued", "suppressed"})},
                         {"reason", schema::string("Of suppressed: a stable word")},
                         {"detail", schema::string("Of suppressed: why, for a person")},
                         {"channel", schema::string()},
                         {"address", schema::string()},
                         {"subject", schema::string()},
                         {"text", schema::string()},
                         {"dry_run", schema::boolean()}},
                        {"status", "channel", "address", "subject", "text", "dry_run"});
}

void add_change(std::vector<Route>& routes, const ApiServices& services, const std::string& name,
                std::string summary, Change what) {
  Route route = route_of("/{id}/" + name, name + "_message", std::move(summary));
  route.parameters = {{.name = "id",
                       .place = ParameterPlace::path,
                       .doc = "Id of the message",
                       .schema = schema::integer(),
                       .required = true},
                      {.name = "If-Match",
                       .place = ParameterPlace::header,
                       .doc = "ETag of the message as it was read; 412 when it has changed",
                       .schema = schema::string()}};
  route.answers = {{.doc = "The message as it is now",
                    .media_type = std::string(kJson),
                    .schema = schema::ref(component_name("outbound_message")),
                    .headers = {"ETag"}}};
  route.handler = [services, what](Request& request, Response& response) {
    return change(services, what, request, response);
  };
  routes.push_back(std::move(route));
}

}  // namespace

void add_message_routes(std::vector<Route>& routes, const ApiServices& services,
                        const ApiOptions& options) {
  if (services.records.registry().find("outbound_message") == nullptr) return;
  Route post = route_of("", "send_message", "Send a message to a customer or a contact");
  post.parameters = {{.name = "Idempotency-Key",
                      .place = ParameterPlace::header,
                      .doc = "Makes a repetition harmless for 72 h; at most 255 characters",
                      .schema = schema::string()}};
  post.request_media_types = {std::string(kJson)};
  post.request_schema = order_schema();
  post.max_body_bytes = options.max_json_bytes;
  post.answers = {{.status = 201,
                   .doc = "Queued, or suppressed with the reason",
                   .media_type = std::string(kJson),
                   .schema = ordered_schema(),
                   .headers = {"Location"}},
                  {.status = 200,
                   .doc = "With dry_run: what would be sent",
                   .media_type = std::string(kJson),
                   .schema = ordered_schema()}};
  post.handler = [services, limit = options.max_json_bytes](Request& request, Response& response) {
    return send(services, limit, request, response);
  };
  routes.push_back(std::move(post));
  add_change(routes, services, "cancel", "Take a queued message back", store::cancel_message);
  add_change(routes, services, "retry",
             "Send a message once more that failed, was canceled or suppressed, or may be lost",
             store::retry_message);
}

}  // namespace c360::api
