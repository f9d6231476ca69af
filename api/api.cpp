#include "api/api.h"

#include "api/action_routes.h"
#include "api/autofill_routes.h"
#include "api/block_routes.h"
#include "api/board_routes.h"
#include "api/bulk_routes.h"
#include "api/card_routes.h"
#include "api/document_routes.h"
#include "api/explain_routes.h"
#include "api/export_routes.h"
#include "api/express_report_routes.h"
#include "api/feed_routes.h"
#include "api/import_routes.h"
#include "api/job_routes.h"
#include "api/library_routes.h"
#include "api/link_routes.h"
#include "api/lookup_routes.h"
#include "api/mail_conservation.h"
#include "api/mail_routes.h"
#include "api/message_routes.h"
#include "api/meta_routes.h"
#include "api/notification_routes.h"
#include "api/openapi.h"
#include "api/portal_routes.h"
#include "api/preview_routes.h"
#include "api/quarantine_routes.h"
#include "api/record_import.h"
#include "api/record_routes.h"
#include "api/report_batch_routes.h"
#include "api/search_routes.h"
#include "api/service_routes.h"
#include "api/template_routes.h"
#include "api/timeline_routes.h"
#include "api/token_routes.h"
#include "api/webhook_routes.h"
#include "api/workspace_routes.h"

namespace c360::api {

std::vector<Route> api_routes(const ApiServices& services, const ApiOptions& options) {
  std::vector<Route> routes;
  add_meta_routes(routes, services);
  add_record_routes(routes, services, options);
  add_block_routes(routes, services, options);
  add_action_routes(routes, services, options);
  add_autofill_routes(routes, services, options);
  add_lookup_routes(routes, services, options);
  add_express_report_routes(routes, services);
  add_report_batch_routes(routes, services, options);
  add_board_routes(routes, services, options);
  add_card_routes(routes, services);
  add_timeline_routes(routes, services);
  add_link_routes(routes, services, options);
  add_feed_routes(routes, services, options);
  add_search_routes(routes, services);
  add_export_routes(routes, services, options);
  add_record_import_routes(routes, services, options);
  add_bulk_routes(routes, services, options);
  add_document_routes(routes, services, options);
  add_preview_routes(routes, services);
  add_template_routes(routes, services, options);
  add_library_routes(routes, services, options);
  add_mail_routes(routes, services, options);
  add_import_route(routes, services, options);
  add_conservation_routes(routes, services);
  add_quarantine_routes(routes, services, options);
  add_explain_routes(routes, services);
  add_workspace_routes(routes, services);
  add_notification_routes(routes, services, options);
  add_job_routes(routes, services, options);
  add_webhook_routes(routes, services, options);
  add_message_routes(routes, services, options);
  add_unsubscribe_routes(routes, services, options);
  add_service_routes(routes, services);
  add_token_routes(routes, services, options);
  add_portal_routes(routes, services, options);
  add_documentation_routes(routes, services.records.registry(), options.version,
                           [services, options] { return api_routes(services, options); });
  return routes;
}

namespace {

// What only the document says of routes: of the memory of an idle daemon it was more than half.
std::vector<Route> without_schemas(std::vector<Route> routes) {
  for (Route& route : routes) {
    route.request_schema = {};
    for (Parameter& parameter : route.parameters) parameter.schema = {};
    for (Answer& answer : route.answers) answer.schema = {};
  }
  return routes;
}

}  // namespace

Api::Api(const ApiServices& services, const ApiOptions& options)
    : authenticator_(
          std::make_unique<Authenticator>(services.database, options.auth, services.clock)),
      router_(std::make_unique<Router>(without_schemas(api_routes(services, options)),
                                       authenticator_.get(), services.observer)) {}

}  // namespace c360::api
