#include "daemon/phone_channels.h"

#include <spdlog/fmt/fmt.h>

#include "adapters/redactor.h"
#include "adapters/sms_form.h"
#include "adapters/sms_ru.h"
#include "adapters/smsc.h"
#include "adapters/telegram.h"

namespace c360::daemon {

namespace {

adapters::SmscOptions smsc_options(const SmsConfig& sms) {
  adapters::SmscOptions options{.login = sms.login,
                                .password = sms.password,
                                .api_key = sms.api_key,
                                .sender = sms.sender,
                                .limits = sms.limits,
                                .ca_file = sms.ca_file};
  if (!sms.url.empty()) options.base_url = sms.url;
  return options;
}

adapters::SmsRuOptions sms_ru_options(const SmsConfig& sms) {
  adapters::SmsRuOptions options{
      .api_id = sms.api_key, .sender = sms.sender, .limits = sms.limits, .ca_file = sms.ca_file};
  if (!sms.url.empty()) options.base_url = sms.url;
  return options;
}

adapters::SmsFormOptions form_options(const SmsConfig& sms) {
  adapters::SmsFormOptions options = sms.form;
  options.url = sms.url;
  options.secret = sms.api_key;
  options.sender = sms.sender;
  options.limits = sms.limits;
  options.ca_file = sms.ca_file;
  return options;
}

}  // namespace

std::unique_ptr<adapters::MessageChannel> telegram_channel(
    const adapters::TelegramOptions& telegram, const adapters::ChannelPorts& ports) {
  if (!telegram.is_on()) return nullptr;
  return std::make_unique<adapters::Telegram>(telegram, ports);
}

std::unique_ptr<adapters::MessageChannel> sms_channel(const SmsConfig& sms,
                                                      const adapters::ChannelPorts& ports) {
  if (!sms.is_on()) return nullptr;
  switch (sms.provider) {
    case SmsProvider::none:
      return nullptr;
    case SmsProvider::smsc:
      return std::make_unique<adapters::Smsc>(smsc_options(sms), ports);
    case SmsProvider::sms_ru:
      return std::make_unique<adapters::SmsRu>(sms_ru_options(sms), ports);
    case SmsProvider::form:
      return std::make_unique<adapters::SmsForm>(form_options(sms), ports);
  }
  return nullptr;
}

std::string telegram_settings(const adapters::TelegramOptions& telegram) {
  return adapters::fingerprint(fmt::format("{} {}", telegram.token.reveal(), telegram.base_url));
}

std::string sms_settings(const SmsConfig& sms) {
  return adapters::fingerprint(
      fmt::format("{} {} {} {} {} {} {} {}", static_cast<int>(sms.provider), sms.login,
                  sms.password.reveal(), sms.api_key.reveal(), sms.url, sms.sender,
                  sms.form.secret_field, fmt::join(sms.form_fields, "&")));
}

}  // namespace c360::daemon
