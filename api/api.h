// The REST API as a whole: the route table made from the registry, the mail routes, the document
// that describes them, and the router in front of them. `daemon` gives an HttpServer its handler.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/auth.h"
#include "api/limits.h"
#include "api/mail_actions.h"
#include "api/mail_explainer.h"
#include "api/mail_importer.h"
#include "api/router.h"
#include "api/rule_tester.h"
#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/base/secret.h"
#include "store/database.h"
#include "store/records.h"

namespace c360::adapters {
class DadataLookups;
class DocumentRenderer;
}  // namespace c360::adapters

namespace c360::api {

class RegisterLookup;
class ServiceProbe;

inline constexpr std::string_view kApiPrefix = "/api/v1";

struct ApiOptions {
  AuthOptions auth;
  std::string version = "0";  // of the program, shown in the OpenAPI document
  std::uint64_t max_json_bytes = std::uint64_t{1024} * 1024;
  std::uint64_t max_document_bytes = std::uint64_t{100} * 1024 * 1024;
  std::uint64_t max_mail_bytes = std::uint64_t{50} * 1024 * 1024;  // of rules/test
  std::uint64_t max_import_bytes = std::uint64_t{1} << 30U;
  ApiLimits limits;
  // Seals what webhooks are signed with, and the installation's keys (store/sealed_secrets.h);
  // empty: no webhook can be made. The former one only opens.
  Secret webhook_key;
  Secret former_webhook_key;
  int max_page = 200;  // store::QueryLimits::max_page of the same Records
};

// All of it must outlive the Api. The ports may be null: their routes then answer 503.
struct ApiServices {
  store::Database& database;
  store::Records& records;
  const Clock& clock;
  const Observer& observer;
  RuleTester* rule_tester = nullptr;
  MailActions* mail_actions = nullptr;
  std::chrono::hours idempotency_kept{72};  // an answer under an Idempotency-Key
  MailImporter* mail_importer = nullptr;
  MailExplainer* mail_explainer = nullptr;
  RegisterLookup* register_lookup = nullptr;
  const adapters::DocumentRenderer* renderer = nullptr;
  ServiceProbe* service_probe = nullptr;
  adapters::DadataLookups* lookups = nullptr;
};

// The whole table. Handlers keep references to the services.
std::vector<Route> api_routes(const ApiServices& services, const ApiOptions& options);

class Api {
 public:
  Api(const ApiServices& services, const ApiOptions& options);

  Handler& handler() { return *router_; }
  const Router& router() const { return *router_; }
  Authenticator& authenticator() { return *authenticator_; }

 private:
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<Router> router_;
};

}  // namespace c360::api
