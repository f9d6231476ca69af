#include "daemon/phone_config.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>

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

}  // namespace

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

}  // namespace c360::daemon
