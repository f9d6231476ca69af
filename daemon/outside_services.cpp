#include "daemon/outside_services.h"

#include <spdlog/fmt/fmt.h>

#include "adapters/curl_http_client.h"
#include "adapters/redactor.h"
#include "daemon/cli.h"
#include "daemon/email_channel.h"
#include "daemon/phone_channels.h"
#include "store/lease.h"
#include "store/operations/repolicy.h"
#include "store/service_switches.h"

namespace c360::daemon {

namespace {

std::unique_ptr<adapters::HttpClient> connect() {
  return std::make_unique<adapters::CurlHttpClient>(std::string(kUserAgent));
}

// Of what a pause or a wait is about: key and address, and in a second word all else that may be
// the reason of one. Where either changes, the jobs that wait try at once.
std::string settings_of(const Secret& key, const std::string& url, const std::string& others) {
  return adapters::fingerprint(std::string(key.reveal()) + " " + url) + " " +
         adapters::fingerprint(others);
}

std::string spelled(const adapters::CallLimits& limits) {
  return fmt::format("{} {} {} {} {} {} {} {}", limits.day_calls, limits.month_calls,
                     limits.rate.calls, limits.connect.count(), limits.whole.count(),
                     limits.max_answer_bytes, limits.proxy.url, limits.proxy.credentials.reveal());
}

}  // namespace

OutsideServices::OutsideServices(store::Database& database, const Clock& clock,
                                 const Observer& observer, const Config& config)
    : database_(database),
      party_options_(config.dadata),
      believed_sources_(config.believed_sources),
      message_config_(config.messages),
      telegram_options_(config.telegram),
      sms_config_(config.sms),
      clock_(clock),
      observer_(observer),
      gates_(database),
      journal_(database, observer),
      parties_(config.dadata, store::lease_holder(),
               {.database = database,
                .states = gates_,
                .clock = clock,
                .connect = connect,
                .journal = &journal_}),
      lookups_(config.dadata, store::lease_holder(), parties_,
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

adapters::ChannelPorts OutsideServices::channel_ports() {
  return {.connect = connect, .states = gates_, .clock = clock_, .journal = &journal_};
}

std::unique_ptr<adapters::MessageChannel> OutsideServices::email() {
  return email_channel(message_config_, {.database = database_,
                                         .clock = clock_,
                                         .observer = observer_,
                                         .holder = store::lease_holder(),
                                         .journal = &journal_});
}

std::unique_ptr<adapters::MessageChannel> OutsideServices::telegram() {
  return telegram_channel(telegram_options_, channel_ports());
}

std::unique_ptr<adapters::MessageChannel> OutsideServices::sms() {
  return sms_channel(sms_config_, channel_ports());
}

std::optional<bool> OutsideServices::is_on(std::string_view service) const {
  if (service == "dadata") return party_options_.enabled && !party_options_.dadata.token.empty();
  if (service == "kontur") return reports_.options().is_on();
  if (service == "metrika") return sources_.options().is_on();
  if (service == "email") return !message_config_.smtp.host.empty();
  if (service == "telegram") return telegram_options_.is_on();
  if (service == "sms") return sms_config_.is_on();
  return std::nullopt;
}

Result<void> OutsideServices::announce() {
  const auto& dadata = party_options_.dadata;
  auto told = store::set_service_switch(
      database_, {.service = "dadata",
                  .is_on = *is_on("dadata"),
                  .is_configured = !dadata.token.empty(),
                  .on_import = party_options_.on_import,
                  .settings = settings_of(
                      dadata.token, dadata.suggestions_url,
                      spelled(dadata.find) + dadata.ca_file + std::string(dadata.secret.reveal())),
                  .jobs = {"counterparty_autofill", "counterparty_refresh"}});
  if (!told) return told;
  const auto& focus = reports_.options();
  told = store::set_service_switch(
      database_, {.service = "kontur",
                  .is_on = focus.is_on(),
                  .is_configured = !focus.kontur.token.empty(),
                  .on_import = focus.on_import,
                  .report_days = static_cast<int>(focus.report_for.count()),
                  .batch_limit = focus.batch_limit,
                  .reports_per_second = focus.kontur.pdf.rate.calls,
                  .settings = settings_of(focus.kontur.token, focus.kontur.base_url,
                                          spelled(focus.kontur.json) + spelled(focus.kontur.pdf) +
                                              focus.kontur.ca_file),
                  .jobs = {"express_report", "express_report_batch", "counterparty_autofill",
                           "counterparty_refresh", "counterparty_watch"}});
  if (!told) return told;
  const auto& metrika = sources_.options();
  told = store::set_service_switch(
      database_, {.service = "metrika",
                  .is_on = metrika.is_on(),
                  .is_configured = !metrika.metrika.token.empty(),
                  .settings = settings_of(metrika.metrika.token, metrika.metrika.url,
                                          spelled(metrika.metrika.limits) +
                                              metrika.metrika.counter + metrika.metrika.ca_file),
                  .jobs = {"metrica_source_sync"}});
  if (!told) return told;
  told = store::set_service_switch(database_, {.service = "email",
                                               .is_on = *is_on("email"),
                                               .is_configured = *is_on("email"),
                                               .settings = email_settings(message_config_),
                                               .jobs = {}});
  if (!told) return told;
  told = store::set_service_switch(database_, {.service = "telegram",
                                               .is_on = telegram_options_.is_on(),
                                               .is_configured = !telegram_options_.token.empty(),
                                               .settings = telegram_settings(telegram_options_),
                                               .jobs = {}});
  if (!told) return told;
  told = store::set_service_switch(database_, {.service = "sms",
                                               .is_on = sms_config_.is_on(),
                                               .is_configured = sms_config_.is_on(),
                                               .settings = sms_settings(sms_config_),
                                               .jobs = {}});
  if (!told) return told;
  const auto queued = store::queue_repolicy(database_, believed_sources_);
  return queued ? Result<void>{} : std::unexpected(queued.error());
}

}  // namespace c360::daemon
