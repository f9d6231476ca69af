// SMSC.ru (adapters.md, 5.3). The `id` we give a message is made of its key, so that one whose
// sending ended as `unknown` can be asked about.
#pragma once

#include <string>

#include "adapters/sms_gateway.h"

namespace c360::adapters {

struct SmscOptions {
  // Either login and password, or the key alone.
  std::string login;
  Secret password;
  Secret api_key;
  std::string base_url = "https://smsc.ru";
  std::string sender;  // a name agreed with the service; empty: its own
  SmsLimits limits;
  std::string ca_file;  // PEM, instead of the system's authorities; empty: those
};

class Smsc final : public MessageChannel {
 public:
  Smsc(SmscOptions options, const ChannelPorts& ports);

  CallResult<CarriedMessage> send(const ChannelMessage& message, std::stop_token stop) override;
  CallResult<std::string> probe(std::stop_token stop) override;
  std::string own_name(const std::string& key) const override;
  std::optional<CallResult<DeliveryReport>> delivery(const std::string& provider_id,
                                                     const std::string& address,
                                                     const std::stop_token& stop) override;

 private:
  FormFields signed_in() const;
  GatewayCalls::Question question(const std::string& page, FormFields fields) const;
  CallResult<Json> read(const HttpAnswer& answer) const;

  SmscOptions options_;
  GatewayCalls calls_;
};

}  // namespace c360::adapters
