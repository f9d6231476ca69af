// SMS.ru (adapters.md, 5.3). The outer status of an answer speaks of the call; what became of the
// message stands beside its number.
#pragma once

#include <string>

#include "adapters/sms_gateway.h"

namespace c360::adapters {

struct SmsRuOptions {
  Secret api_id;
  std::string base_url = "https://sms.ru";
  std::string sender;  // a name agreed with the service; empty: its own
  SmsLimits limits;
  std::string ca_file;  // PEM, instead of the system's authorities; empty: those
};

class SmsRu final : public MessageChannel {
 public:
  SmsRu(SmsRuOptions options, const ChannelPorts& ports);

  CallResult<CarriedMessage> send(const ChannelMessage& message, std::stop_token stop) override;
  CallResult<std::string> probe(std::stop_token stop) override;
  std::optional<CallResult<DeliveryReport>> delivery(const std::string& provider_id,
                                                     const std::string& address,
                                                     const std::stop_token& stop) override;

 private:
  GatewayCalls::Question question(const std::string& page, FormFields fields) const;
  // The answer, when the call itself was taken.
  CallResult<Json> read(const HttpAnswer& answer) const;
  NoAnswer refused(std::int64_t code, const std::string& said) const;

  SmsRuOptions options_;
  GatewayCalls calls_;
};

}  // namespace c360::adapters
