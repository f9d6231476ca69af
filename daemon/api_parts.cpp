#include "daemon/api_parts.h"

#include "adapters/clamd_scanner.h"
#include "adapters/helper_renderer.h"
#include "daemon/base/digest.h"
#include "daemon/cli.h"
#include "daemon/mail_ports.h"
#include "daemon/register_lookup.h"
#include "parsers/html_sanitizer.h"
#include "parsers/phone.h"
#include "store/lease.h"

namespace c360::daemon {

namespace {

constexpr store::Sql kBirth{"daemon_birth", R"sql(
SELECT to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || ' ' || sha256
  FROM ops.schema_migration WHERE version = 1)sql"};

store::RecordsOptions records_options(const Config& config, Secret cursor_key) {
  store::RecordsOptions options;
  options.access.swap_manager_cco = config.swap_manager_cco;
  options.cursor_key = std::move(cursor_key);
  options.limits.max_page = api::ApiOptions{}.max_page;
  options.limits.time_zone = config.timezone;
  options.normalise_phone = [region = config.intake.default_phone_region](
                                std::string_view raw) -> std::optional<store::NormalisedPhone> {
    auto phone = parsers::parse_phone(raw, region);
    if (!phone) return std::nullopt;
    return store::NormalisedPhone{std::move(phone->e164), std::move(phone->extension)};
  };
  options.sanitise_html = [](std::string_view html) { return parsers::sanitize_html(html).html; };
  return options;
}

api::ApiOptions api_options(const Config& config) {
  api::ApiOptions options;
  options.version = kVersion;
  options.max_json_bytes = config.api.max_body_bytes;
  options.max_import_bytes = config.max_import_bytes;
  options.limits = config.limits;
  options.auth.requests_per_second = config.rate.requests_per_second;
  options.auth.burst = config.rate.burst;
  options.webhook_key = config.webhooks.key;
  options.former_webhook_key = config.webhooks.former_key;
  return options;
}

}  // namespace

Business::Business(const Ground& ground, const Config& config, Secret cursor_key,
                   std::shared_ptr<const parsers::RuleSet> rules, ingest::IntakeOptions intake)
    : registry_(store::Registry::standard()),
      records_(ground.database, registry_, records_options(config, std::move(cursor_key)),
               ground.clock),
      intake_(ground.database, registry_, records_, std::move(rules), std::move(intake),
              ground.observer, ground.clock) {}

ApiParts::ApiParts(const Ground& ground, const Config& config, std::shared_ptr<Business> business,
                   std::shared_ptr<OutsideServices> services)
    : business_(std::move(business)),
      services_(std::move(services)),
      rule_tester_(make_rule_tester(business_->intake(), config, ground.clock)),
      mail_actions_(make_mail_actions(business_->intake(), ground.database, config, ground.clock)),
      mail_importer_(make_mail_importer(business_->intake(), ground.database, config,
                                        ground.observer, ground.clock)),
      mail_explainer_(make_mail_explainer(business_->intake(), ground.database, config)),
      register_lookup_(
          make_register_lookup(services_->parties(), config.believed_sources, ground.clock)),
      service_probes_(*services_, ground.database, ground.clock),
      renderer_(renderer_of(config)),
      api_({ground.database, business_->records(), ground.clock, ground.observer,
            rule_tester_.get(), mail_actions_.get(), config.retention.idempotency,
            mail_importer_.get(), mail_explainer_.get(), register_lookup_.get(), renderer_.get(),
            &service_probes_, &services_->lookups()},
           api_options(config)) {}

Result<Secret> cursor_key(store::Database& database) {
  auto rows = database.execute(store::Pool::work, kBirth);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return fail(ErrorCode::internal, "the database has no first migration");
  const Sha256 key = sha256("client360 cursor " + std::string(rows->text(0, 0)));
  return Secret(std::string(as_bytes_view(key)));
}

std::shared_ptr<const adapters::VirusScanner> scanner_of(const Config& config) {
  const auto address = adapters::parse_clamd_address(config.clamd);
  if (!address) return nullptr;
  return std::make_shared<adapters::ClamdScanner>(
      adapters::ClamdOptions{.address = *address, .timeout = config.clamd_timeout});
}

std::shared_ptr<const adapters::DocumentRenderer> renderer_of(const Config& config) {
  if (config.renderer.path.empty()) return nullptr;
  return std::make_shared<const adapters::HelperRenderer>(config.renderer);
}

}  // namespace c360::daemon
