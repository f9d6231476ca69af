#include "api/mail_routes.h"

#include <map>
#include <thread>
#include <utility>

#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "api/stored_content.h"
#include "daemon/base/digest.h"
#include "store/left_out_mail.h"

namespace c360::api {
namespace {

constexpr std::string_view kMessageType = "message/rfc822";

constexpr store::Sql kRawOfMail{
    "api_raw_of_mail", "SELECT raw_sha256, size_bytes FROM ops.mail_message WHERE id = $1"};

constexpr store::Sql kAttachment{"api_mail_attachment",
                                 "SELECT sha256, size_bytes, file_name, "
                                 "coalesce(detected_type, mime_type), blocked_reason "
                                 "FROM ops.mail_attachment WHERE id = $1"};

Error not_wired(std::string_view what) {
  return {.code = ErrorCode::unavailable,
          .detail = std::string(what) + " is not running in this process",
          .reason = "intake_off"};
}

Parameter id_parameter(std::string doc) {
  return {.name = "id",
          .place = ParameterPlace::path,
          .doc = std::move(doc),
          .schema = schema::integer(),
          .required = true};
}

Route mail_route(Method method, std::string path, bool write, std::string id, std::string summary) {
  return {.method = method,
          .path = std::string(kApiPrefix) + std::move(path),
          .access = Access::scope,
          .scope = write ? "mail:write" : "mail:read",
          .operation_id = std::move(id),
          .summary = std::move(summary),
          .tag = "mail"};
}

// The scope lets the token in; the matrix of rights lets the person in (domain.md 3.4).
Result<void> needs_administrator(const Request& request) {
  if (request.caller->actor.is_administrator()) return {};
  return fail(ErrorCode::forbidden, "mail is the affair of the group crm-administrators",
              "administrators_only");
}

Result<void> send_raw(const ApiServices& services, Request& request, Response& response) {
  const store::Resource& mail = services.records.registry().get("mail_message");
  if (auto seen = sees_record(services, mail, request, "", response); !seen) {
    return std::unexpected(std::move(seen).error());
  }
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto rows = services.database.execute(store::Pool::api, kRawOfMail, store::Params{}.add(*id));
  if (!rows) return std::unexpected(std::move(rows).error());
  if (rows->empty() || rows->is_null(0, 0)) {
    return fail(ErrorCode::not_found, "the raw mail was never fetched", "raw_not_stored");
  }
  return send_content(services.database, request, response,
                      {.sha256 = rows->bytes(0, 0),
                       .size = rows->int64(0, 1),
                       .media_type = std::string(kMessageType),
                       .file_name = "mail-" + std::to_string(*id) + ".eml"});
}

Result<void> send_attachment(const ApiServices& services, Request& request, Response& response) {
  const store::Resource& attachment = services.records.registry().get("mail_attachment");
  if (auto seen = sees_record(services, attachment, request, "", response); !seen) {
    return std::unexpected(std::move(seen).error());
  }
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto rows = services.database.execute(store::Pool::api, kAttachment, store::Params{}.add(*id));
  if (!rows) return std::unexpected(std::move(rows).error());
  if (rows->empty()) return fail(ErrorCode::not_found, "no such attachment");
  if (!rows->is_null(0, 4)) {
    return fail(ErrorCode::forbidden, "the attachment is blocked: " + std::string(rows->text(0, 4)),
                "attachment_blocked");
  }
  return send_content(services.database, request, response,
                      {.sha256 = rows->bytes(0, 0),
                       .size = rows->int64(0, 1),
                       .media_type = std::string(rows->text(0, 3)),
                       .file_name = std::string(rows->text(0, 2))});
}

Result<void> test_rules(const ApiServices& services, std::uint64_t limit, Request& request,
                        Response& response) {
  if (auto allowed = needs_administrator(request); !allowed) return allowed;
  if (services.rule_tester == nullptr) return std::unexpected(not_wired("mail intake"));
  auto mail = request.read_body(limit);
  if (!mail) return std::unexpected(std::move(mail).error());
  if (mail->empty()) {
    return fail(ErrorCode::invalid_request, "send the mail itself as message/rfc822");
  }
  const std::string kind(request.query_value("kind").value_or("crm"));
  Result<Json> result = fail(ErrorCode::internal, "the test did not run");
  std::jthread([&] { result = services.rule_tester->test(kind, *mail); }).join();
  if (!result) return std::unexpected(std::move(result).error());
  response.json(result->dump());
  return {};
}

Result<void> process(const ApiServices& services, const Request& request, Response& response) {
  if (auto allowed = needs_administrator(request); !allowed) return allowed;
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  if (auto taken = store::process_left_out(services.database, *id); !taken) return taken;
  JsonWriter writer;
  writer.begin_object().member("id", *id).member("state", "listed").end_object();
  response.json(writer.view(), 202);
  return {};
}

// How often each rule decided within the last day: by the index over processed_at, however long the
// ledger is.
constexpr store::Sql kRuleCounts{"api_rule_counts", R"sql(
SELECT b.kind, m.rule_id, count(*)
FROM ops.mail_message m JOIN ops.mailbox b ON b.id = m.mailbox_id
WHERE m.processed_at > now() - interval '1 day' AND m.rule_id IS NOT NULL
GROUP BY b.kind, m.rule_id
)sql"};

Result<std::map<std::pair<std::string, std::string>, std::int64_t>> rule_counts(
    store::Database& database) {
  const auto rows = database.execute(store::Pool::api, kRuleCounts);
  if (!rows) return std::unexpected(rows.error());
  std::map<std::pair<std::string, std::string>, std::int64_t> counts;
  for (int row = 0; row < rows->size(); ++row) {
    counts[{std::string(rows->text(row, 0)), std::string(rows->text(row, 1))}] =
        rows->int64(row, 2);
  }
  return counts;
}

Result<void> list_rules(const ApiServices& services, Request& request, Response& response) {
  if (auto allowed = needs_administrator(request); !allowed) return allowed;
  if (services.rule_tester == nullptr) return std::unexpected(not_wired("mail intake"));
  auto counts = rule_counts(services.database);
  if (!counts) return std::unexpected(std::move(counts).error());
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const auto& set : services.rule_tester->sets()) {
    writer.begin_object()
        .member("name", std::string_view{set.name})
        .member("version", std::string_view{set.version})
        .member("sha256", std::string_view{set.sha256})
        .member("source", std::string_view{set.source});
    writer.key("rules").begin_array();
    for (const auto& rule : set.rules) {
      writer.begin_object()
          .member("name", std::string_view{rule.name})
          .member("action", std::string_view{rule.action})
          .member("priority", rule.priority)
          .member("built_in", rule.built_in);
      writer.key("line");
      rule.built_in ? writer.null() : writer.integer(rule.line);
      writer.member("matched_last_day", (*counts)[{set.name, rule.name}]).end_object();
    }
    writer.end_array().end_object();
  }
  writer.end_array().end_object();
  response.json(writer.view());
  return {};
}

void add_rules(std::vector<Route>& routes, const ApiServices& services, const ApiOptions& options) {
  Route test = mail_route(Method::post, "/rules/test", false, "test_rules",
                          "What the rules would make of a mail; writes nothing");
  test.tag = "rules";
  test.parameters = {{.name = "kind",
                      .doc = "Purpose of the mailbox it would come to",
                      .schema = schema::one_of({"crm", "activity", "support"})}};
  test.request_media_types = {std::string(kMessageType), "application/octet-stream"};
  test.max_body_bytes = options.max_mail_bytes;
  Json outcome = schema::object({{"outcome", schema::string()}}, {"outcome"},
                                "Outcome, rule, values with their spans, the record it would make");
  outcome.set("additionalProperties", true);
  test.answers = {
      {.doc = "The dry run", .media_type = std::string(kJson), .schema = std::move(outcome)}};
  test.handler = [services, limit = options.max_mail_bytes](Request& request, Response& response) {
    return test_rules(services, limit, request, response);
  };
  routes.push_back(std::move(test));

  Route list = mail_route(Method::get, "/rules", false, "list_rules", "The rule sets in use");
  list.tag = "rules";
  const Json rule = schema::object(
      {{"name", schema::string("As messages name it in rule_id")},
       {"action", schema::string("create: what the mailbox's target says")},
       {"priority", schema::integer("Position; the first rule that matches decides")},
       {"built_in", schema::boolean("Of the program, in front of every file")},
       {"line", schema::nullable(schema::integer("Where the rule begins in its file"))},
       {"matched_last_day", schema::integer("Mails it decided within 24 hours")}},
      {"name", "action", "priority", "built_in", "line", "matched_last_day"});
  const Json set =
      schema::object({{"name", schema::string("Kind of mailbox")},
                      {"version", schema::string()},
                      {"sha256", schema::string()},
                      {"source", schema::string()},
                      {"rules", schema::array(rule)}},
                     {"name", "version", "rules"}, "The rules of one kind of mailbox: one file");
  list.answers = {{.doc = "All of them",
                   .media_type = std::string(kJson),
                   .schema = schema::object({{"items", schema::array(set)}}, {"items"})}};
  list.handler = [services](Request& request, Response& response) {
    return list_rules(services, request, response);
  };
  routes.push_back(std::move(list));
}

}  // namespace

void add_mail_routes(std::vector<Route>& routes, const ApiServices& services,
                     const ApiOptions& options) {
  Route raw = mail_route(Method::get, "/mail/messages/{id}/raw", false, "get_mail_message_raw",
                         "The mail as it was received");
  raw.parameters = {id_parameter("Id of the mail"), range_parameter()};
  raw.answers = content_answers(std::string(kMessageType));
  raw.handler = [services](Request& request, Response& response) {
    return send_raw(services, request, response);
  };
  routes.push_back(std::move(raw));

  Route attachment = mail_route(Method::get, "/mail/attachments/{id}/content", false,
                                "get_mail_attachment_content", "The file");
  attachment.parameters = {id_parameter("Id of the attachment"), range_parameter()};
  attachment.answers = content_answers("application/octet-stream");
  attachment.handler = [services](Request& request, Response& response) {
    return send_attachment(services, request, response);
  };
  routes.push_back(std::move(attachment));

  Route taken =
      mail_route(Method::post, "/mail/messages/{id}/process", true, "process_mail_message",
                 "Take in a mail that a listing left out: ignored as already-seen, "
                 "already-deleted, before-since, outside-search or before-first-sync");
  taken.parameters = {id_parameter("Id of the mail")};
  taken.answers = {
      {.status = 202,
       .doc = "The next pass over its folder fetches it, through the rules as they are then",
       .media_type = std::string(kJson),
       .schema = schema::object({{"id", schema::integer()}, {"state", schema::string("listed")}},
                                {"id", "state"})}};
  taken.handler = [services](Request& request, Response& response) {
    return process(services, request, response);
  };
  routes.push_back(std::move(taken));

  add_rules(routes, services, options);
}

}  // namespace c360::api
