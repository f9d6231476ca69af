#include "daemon/documents.h"

#include "api/openapi.h"
#include "daemon/api_parts.h"
#include "daemon/cli.h"
#include "store/schema_check.h"

namespace c360::daemon {

std::string openapi_document() {
  // Nothing here is used but for its declarations: a Database opens no connection until its first
  // use.
  const Log log{LogTarget::none};
  Metrics metrics;
  const Observer observer{log, metrics};
  const SystemClock clock;
  store::Database database{{}, observer};
  const store::Registry registry = store::Registry::standard();
  store::Records records{database, registry, {}, clock};
  const auto routes = api::api_routes({database, records, clock, observer}, {});
  return api::openapi_document(routes, registry, kVersion) + "\n";
}

std::string ddl_document() {
  std::string text;
  const store::Registry registry = store::Registry::standard();
  for (const auto& resource : registry.all()) text += store::draft_ddl(*resource) + "\n";
  return text;
}

}  // namespace c360::daemon
