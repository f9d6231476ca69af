#include "daemon/admin.h"

#include <algorithm>

#include "daemon/base/clock.h"
#include "daemon/base/json.h"

namespace c360::daemon {

namespace {

using api::Request;
using api::Response;

api::Route open_route(api::Method method, std::string path, std::string summary,
                      api::RouteHandler handler) {
  api::Route route;
  route.method = method;
  route.operation_id = std::string(path.substr(1));
  route.path = std::move(path);
  route.access = api::Access::open;
  route.summary = std::move(summary);
  route.tag = "admin";
  route.handler = std::move(handler);
  return route;
}

Result<void> answer_readiness(const Readiness& readiness, const Request& request,
                              Response& response) {
  const bool ready =
      readiness.ready() && (!request.query_value("mailboxes") || readiness.mailboxes_ready());
  response.json(readiness.to_json(), ready ? 200 : 503);
  return {};
}

// A page in the operator's browser must not be able to reload: a browser names the page's origin.
Result<void> refuse_browsers(const Request& request) {
  if (!request.header("Origin")) return {};
  return fail(ErrorCode::forbidden, "a request from a web page is not served here", "cross_origin");
}

Result<void> answer_reload(const AdminPorts& ports, const Request& request, Response& response) {
  if (auto allowed = refuse_browsers(request); !allowed) return allowed;
  const auto answer = ports.reload();
  if (!answer)
    return fail(ErrorCode::unavailable,
                "the reload was not answered in time, or the service is stopping; the log says "
                "what became of it");
  response.json(answer->to_json(), answer->result == ReloadResult::refused ? 422 : 200);
  return {};
}

}  // namespace

bool Readiness::ready() const { return std::ranges::all_of(parts, &PartReadiness::ready); }
bool Readiness::mailboxes_ready() const {
  return std::ranges::all_of(mailboxes, &ingest::MailboxStatus::ready);
}

std::string Readiness::to_json() const {
  JsonWriter writer;
  writer.begin_object().member("ready", ready()).member("mailboxes_ready", mailboxes_ready());
  writer.key("parts").begin_array();
  for (const PartReadiness& part : parts)
    writer.begin_object()
        .member("part", part.part)
        .member("ready", part.ready)
        .member("reason", part.reason)
        .end_object();
  writer.end_array().key("mailboxes").begin_array();
  for (const ingest::MailboxStatus& box : mailboxes) {
    writer.begin_object()
        .member("mailbox", box.code)
        .member("kind", to_string(box.kind))
        .member("ready", box.ready)
        .member("holds_lease", box.holds_lease)
        .member("reason", box.reason)
        .member("consecutive_failures", box.consecutive_failures);
    writer.key("last_pass");
    if (box.last_pass) {
      writer.string(to_rfc3339(*box.last_pass));
    } else {
      writer.null();
    }
    const ingest::SyncStatus& sync = box.sync;
    writer.key("first_sync")
        .begin_object()
        .member("total", sync.total)
        .member("done", sync.done)
        .member("per_minute", sync.per_minute)
        .key("left_seconds");
    sync.left ? writer.integer(sync.left->count()) : writer.null();
    writer.end_object().end_object();
  }
  writer.end_array().member("degraded", !hindered.empty()).key("services").begin_array();
  for (const adapters::ServiceStatus& service : hindered) {
    writer.begin_object()
        .member("service", service.record.service)
        .member("state", service.state)
        .member("reason", service.detail)
        .member("remedy", service.remedy)
        .end_object();
  }
  writer.end_array().end_object();
  return writer.take();
}

std::vector<api::Route> admin_routes(const AdminPorts& ports) {
  using api::Method;
  std::vector<api::Route> routes;
  routes.push_back(open_route(Method::get, "/metrics", "Prometheus text format 0.0.4",
                              [ports](Request&, Response& response) -> Result<void> {
                                response.content_type = "text/plain; version=0.0.4; charset=utf-8";
                                response.body = ports.metrics();
                                return {};
                              }));
  routes.push_back(open_route(Method::get, "/healthz", "The process answers",
                              [](Request&, Response& response) -> Result<void> {
                                response.text("ok\n");
                                return {};
                              }));
  routes.push_back(open_route(Method::get, "/readyz", "What is ready, and why what is not",
                              [ports](Request& request, Response& response) {
                                return answer_readiness(ports.readiness(), request, response);
                              }));
  routes.back().check_query = false;
  routes.push_back(open_route(Method::post, "/-/reload", "Read the configuration again",
                              [ports](Request& request, Response& response) {
                                return answer_reload(ports, request, response);
                              }));
  routes.push_back(open_route(Method::get, "/-/config", "The configuration in force, masked",
                              [ports](Request&, Response& response) -> Result<void> {
                                response.json(ports.config_json());
                                return {};
                              }));
  return routes;
}

}  // namespace c360::daemon
