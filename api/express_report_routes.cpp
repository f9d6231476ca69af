#include "api/express_report_routes.h"

#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "store/operations/express_report.h"

namespace c360::api {
namespace {

using store::Resource;

Result<void> show_report(const ApiServices& services, const Resource& resource, Request& request,
                         Response& response) {
  auto seen = sees_record(services, resource, request, "/express-report", response);
  if (!seen) return std::unexpected(std::move(seen).error());
  if (!*seen) return {};
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto json = store::express_report_json(services.database, *id);
  if (!json) return std::unexpected(std::move(json).error());
  response.json(*json);
  return {};
}

Json report_schema() {
  return schema::object(
      {{"counterparty_id", schema::integer()},
       {"check_status", schema::string("As on the card")},
       {"status",
        schema::one_of(
            {"none", "queued", "running", "ready", "stale", "not_found", "failed"},
            "stale: ready, but older than the settings allow; not_found: the service knows "
            "nothing of the INN")},
       {"risk_level",
        schema::nullable(schema::one_of({"green", "yellow", "red", "none"},
                                        "The worst of the flags; known before the PDF is there"))},
       {"flags", schema::array(schema::one_of({"green", "yellow", "red"}))},
       {"requested_at", schema::nullable(schema::date_time())},
       {"level_at", schema::nullable(schema::date_time("When the service gave the level"))},
       {"obtained_at", schema::nullable(schema::date_time("When the service gave the PDF"))},
       {"reason", schema::nullable(schema::string("Of failed: a stable word"))},
       {"detail", schema::nullable(schema::string("Of failed: for a person"))},
       {"document_id", schema::nullable(schema::integer("The PDF, see /documents/{id}"))},
       {"file_name", schema::nullable(schema::string())},
       {"size_bytes", schema::nullable(schema::integer())},
       {"sha256", schema::nullable(schema::string())},
       {"job_id", schema::nullable(schema::integer("Under way, see /jobs/{id}"))}},
      {"counterparty_id", "check_status", "status", "risk_level", "flags", "document_id",
       "job_id"});
}

}  // namespace

void add_express_report_routes(std::vector<Route>& routes, const ApiServices& services) {
  const Resource& resource = services.records.registry().get("counterparty");
  routes.push_back(
      {.method = Method::get,
       .path = std::string(kApiPrefix) + "/" + std::string(resource.path) + "/{id}/express-report",
       .access = Access::scope,
       .scope = scope_of(resource, false),
       .operation_id = "show_express_report",
       .summary = "Where the express report stands and what it says",
       .tag = "counterparty",
       .handler =
           [services, &resource](Request& request, Response& response) {
             return show_report(services, resource, request, response);
           },
       .parameters = {{.name = "id",
                       .place = ParameterPlace::path,
                       .doc = "Id of the counterparty",
                       .schema = schema::integer(),
                       .required = true}},
       .answers = {
           {.doc = "The report", .media_type = std::string(kJson), .schema = report_schema()},
           moved_answer()}});
}

}  // namespace c360::api
