#include "daemon/outside_services.h"

#include "adapters/curl_http_client.h"
#include "adapters/redactor.h"
#include "daemon/cli.h"
#include "store/lease.h"
#include "store/service_switches.h"

namespace c360::daemon {

namespace {

std::unique_ptr<adapters::HttpClient> connect() {
  return std::make_unique<adapters::CurlHttpClient>("client360/" + std::string(kVersion));
}

std::string settings_of(const Secret& key, const std::string& url) {
  return adapters::fingerprint(std::string(key.reveal()) + " " + url);
}

}  // namespace

OutsideServices::OutsideServices(store::Database& database, const Clock& clock,
                                 const Observer& observer, const Config& config)
    : database_(database),
      party_options_(config.dadata),
      believed_sources_(config.believed_sources),
      gates_(database),
      journal_(database, observer),
      parties_(config.dadata, store::lease_holder(),
               {.database = database,
                .states = gates_,
                .clock = clock,
                .connect = connect,
                .journal = &journal_}),
      reports_(config.kontur_focus, store::lease_holder(),
               {.database = database,
                .states = gates_,
                .clock = clock,
                .connect = connect,
                .journal = &journal_}),
      sources_(config.metrika,
               {.states = gates_, .clock = clock, .connect = connect, .journal = &journal_}) {}

Result<void> OutsideServices::announce() {
  const auto& dadata = party_options_.dadata;
  auto told = store::set_service_switch(
      database_, {.service = "dadata",
                  .is_on = party_options_.enabled && !dadata.token.empty(),
                  .on_import = party_options_.on_import,
                  .settings = settings_of(dadata.token, dadata.suggestions_url),
                  .jobs = {"counterparty_autofill", "counterparty_refresh"}});
  if (!told) return told;
  const auto& focus = reports_.options();
  told = store::set_service_switch(
      database_, {.service = "kontur",
                  .is_on = focus.is_on(),
                  .on_import = focus.on_import,
                  .report_days = static_cast<int>(focus.report_for.count()),
                  .settings = settings_of(focus.kontur.token, focus.kontur.base_url),
                  .jobs = {"express_report"}});
  if (!told) return told;
  const auto& metrika = sources_.options();
  return store::set_service_switch(
      database_, {.service = "metrika",
                  .is_on = metrika.is_on(),
                  .settings = settings_of(metrika.metrika.token, metrika.metrika.url),
                  .jobs = {"metrica_source_sync"}});
}

}  // namespace c360::daemon
