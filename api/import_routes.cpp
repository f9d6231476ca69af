#include "api/import_routes.h"

#include <thread>
#include <utility>

#include "api/schema.h"

namespace c360::api {
namespace {

constexpr std::string_view kMessageType = "message/rfc822";
constexpr std::string_view kMboxType = "application/mbox";

MailImporter::Format format_of(const Request& request) {
  const auto type = request.header("content-type").value_or("");
  if (type.starts_with(kMessageType)) return MailImporter::Format::message;
  if (type.starts_with(kMboxType)) return MailImporter::Format::mbox;
  return MailImporter::Format::detected;
}

Json result_schema() {
  Json outcomes = schema::object({}, {}, "How many mails ended in which state");
  outcomes.set("additionalProperties", schema::integer());
  return schema::object(
      {{"id",
        schema::integer("Of the import: GET /mail/imports/{id} tells the same while it runs")},
       {"mails", schema::integer("Mails of the file")},
       {"outcomes", std::move(outcomes)},
       {"pending", schema::integer("Stored and not applied yet; tried again by themselves")}},
      {"id", "mails", "outcomes", "pending"});
}

void write_result(const MailImportResult& result, Response& response) {
  JsonWriter writer;
  writer.begin_object().member("id", result.id).member("mails", result.mails);
  writer.key("outcomes").begin_object();
  for (const auto& [outcome, count] : result.outcomes) writer.member(outcome, count);
  writer.end_object().member("pending", result.pending).end_object();
  response.json(writer.view());
}

Result<void> import(const ApiServices& services, Request& request, Response& response) {
  if (!request.caller->actor.is_administrator()) {
    return fail(ErrorCode::forbidden, "mail is the affair of the group crm-administrators",
                "administrators_only");
  }
  if (services.mail_importer == nullptr) {
    return fail(ErrorCode::unavailable, "mail intake is not running in this process", "intake_off");
  }
  const std::string mailbox(request.query_value("mailbox").value_or(""));
  if (mailbox.empty()) {
    return fail(ErrorCode::invalid_request, "say whose rules decide: ?mailbox=NAME",
                "mailbox_missing");
  }
  const auto read = [&request](std::span<char> into) {
    return request.body->read(into.data(), into.size());
  };
  MailImportResult result;
  Result<void> done = fail(ErrorCode::internal, "the import did not run");
  // Reading mail needs more stack than a connection's thread has.
  std::jthread([&] {
    done = services.mail_importer->import_mails(
        mailbox,
        {.format = format_of(request), .read = read, .bytes = request.body->declared_size()},
        result);
  }).join();
  if (!done) {
    Error error = std::move(done.error());
    if (result.mails > 0) {
      error.detail += ". " + std::to_string(result.mails) +
                      " mails were taken in before; send the file again, they will be known";
    }
    return std::unexpected(std::move(error));
  }
  write_result(result, response);
  return {};
}

}  // namespace

void add_import_route(std::vector<Route>& routes, const ApiServices& services,
                      const ApiOptions& options) {
  Route route{.method = Method::post,
              .path = std::string(kApiPrefix) + "/mail/import",
              .access = Access::scope,
              .scope = "mail:write",
              .operation_id = "import_mail",
              .summary =
                  "Take in a mail (.eml) or the mails of an mbox, as if they had come to a "
                  "mailbox; the same bytes only once. How far it is: GET /mail/imports",
              .tag = "mail"};
  route.parameters = {{.name = "mailbox",
                       .doc = "Whose rules decide, as its table is named in the configuration",
                       .schema = schema::string(),
                       .required = true}};
  route.request_media_types = {std::string(kMessageType), std::string(kMboxType),
                               "application/octet-stream"};
  route.max_body_bytes = options.max_import_bytes;
  route.answers = {{.doc = "What became of the mails",
                    .media_type = "application/json",
                    .schema = result_schema()}};
  route.handler = [services](Request& request, Response& response) {
    return import(services, request, response);
  };
  routes.push_back(std::move(route));
}

}  // namespace c360::api
