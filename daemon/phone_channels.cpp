#include "daemon/phone_channels.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>

#include "adapters/redactor.h"
#include "adapters/sms_form.h"
#include "adapters/sms_ru.h"
#include "adapters/smsc.h"
#include "adapters/telegram.h"

namespace c360::daemon {

namespace {

using Tell = std::function<void(std::string_view key, std::string detail)>;

// Behind the scheme.
bool is_host(std::string_view rest) {
  return !rest.empty() && rest.find_first_of("/?#@ ") == std::string_view::npos;
}

// A server of Telegram's API on this machine speaks plain HTTP.
bool is_loopback(std::string_view url) {
  constexpr std::array<std::string_view, 3> kHosts{"http://127.0.0.1", "http://localhost",
                                                   "http://[::1]"};
  return std::ranges::any_of(kHosts, [&](std::string_view host) {
    return url.starts_with(host) && (url.size() == host.size() ||
                                     (url[host.size()] == ':' && is_host(url.substr(host.size()))));
  });
}

constexpr std::string_view kHttps = "https://";

bool is_origin(std::string_view url) {
  return url.starts_with(kHttps) && is_host(url.substr(kHttps.size()));
}

bool is_address(std::string_view url) {
  if (!url.starts_with(kHttps)) return false;
  url.remove_prefix(kHttps.size());
  return is_host(url.substr(0, url.find('/'))) &&
         url.find_first_of("#@ ") == std::string_view::npos;
}

void read_form_fields(SmsConfig& sms, const Tell& tell) {
  for (const std::string& field : sms.form_fields) {
    const std::size_t sign = field.find('=');
    if (sign == std::string::npos || sign == 0) {
      tell("sms.form_fields",
           fmt::format("sms.form_fields: '{}' is no NAME=VALUE", field.substr(0, sign)));
      continue;
    }
    sms.form.fields.emplace_back(field.substr(0, sign), field.substr(sign + 1));
  }
}

void check_form(SmsConfig& sms, const Tell& tell) {
  read_form_fields(sms, tell);
  if (!sms.url.empty() && !is_address(sms.url))
    tell("sms.url", fmt::format("sms.url: '{}' is no https://HOST/PATH", sms.url));
  if (sms.form.number_field.empty() || sms.form.text_field.empty())
    tell("sms.form_number_field", "sms: form_number_field and form_text_field must have names");
  if (!sms.api_key.empty() && sms.form.secret_field.empty())
    tell("sms.api_key_file",
         "sms.api_key_file: form_secret_field does not say which field takes the key");
}

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

void check_phone_channels(Config& config, const Tell& tell) {
  const std::string& telegram = config.telegram.base_url;
  if (!is_origin(telegram) && !is_loopback(telegram))
    tell(
        "telegram.url",
        fmt::format("telegram.url: '{}' is no https://HOST or https://HOST:PORT, and no http:// of "
                    "this machine",
                    telegram));
  SmsConfig& sms = config.sms;
  if (sms.provider == SmsProvider::form) {
    check_form(sms, tell);
  } else if (!sms.url.empty() && !is_origin(sms.url)) {
    tell("sms.url", fmt::format("sms.url: '{}' is no https://HOST or https://HOST:PORT", sms.url));
  }
}

std::string telegram_settings(const adapters::TelegramOptions& telegram) {
  return adapters::fingerprint(fmt::format("{} {}", telegram.token.reveal(), telegram.base_url));
}

std::string sms_settings(const SmsConfig& sms) {
  return adapters::fingerprint(fmt::format("{} {} {} {} {}", static_cast<int>(sms.provider),
                                           sms.login, sms.password.reveal(), sms.api_key.reveal(),
                                           sms.url));
}

}  // namespace c360::daemon
