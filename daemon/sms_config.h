// What may be set about short messages: [sms].
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "adapters/sms_form.h"
#include "daemon/base/secret.h"

namespace c360::daemon {

enum class SmsProvider : std::uint8_t { none, smsc, sms_ru, form };

struct SmsConfig {
  SmsProvider provider = SmsProvider::none;
  std::string login;
  Secret password;
  Secret api_key;
  std::string url;  // empty: the provider's own
  std::string sender;
  std::string ca_file;
  adapters::SmsLimits limits;
  std::size_t connections = 1;           // messages sent at the same time by one daemon
  adapters::SmsFormOptions form;         // its names and paths
  std::vector<std::string> form_fields;  // as written; form.fields has them read

  bool is_on() const {
    switch (provider) {
      case SmsProvider::none:
        return false;
      case SmsProvider::smsc:
        return !api_key.empty() || (!login.empty() && !password.empty());
      case SmsProvider::sms_ru:
        return !api_key.empty();
      case SmsProvider::form:
        return !url.empty();
    }
    return false;
  }
};

}  // namespace c360::daemon
