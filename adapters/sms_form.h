// An SMS gateway of whatever make, as an HTML form: its address, its fields, and how its answer
// says that a message was taken.
#pragma once

#include <string>

#include "adapters/sms_gateway.h"

namespace c360::adapters {

struct SmsFormOptions {
  std::string url;    // whole
  FormFields fields;  // sent as they are
  std::string number_field = "to";
  std::string text_field = "text";
  std::string secret_field;  // takes `secret`; empty: none
  Secret secret;
  std::string sender_field;  // takes `sender`; empty: none
  std::string sender;
  bool plus = false;  // the number with its +
  // What means success. With a path into JSON, names and indices joined by dots: the value there,
  // or any value that is neither null, false, 0 nor empty. Without one: what the body begins with;
  // both empty: the status 200 alone.
  std::string success_path;
  std::string success;
  // Where the gateway's own id is: a path into JSON; empty: in a body of text the word behind
  // `success`.
  std::string id_path;
  std::string error_path;  // where it says why not; empty: the body is shown
  SmsLimits limits;
  std::string ca_file;  // PEM, instead of the system's authorities; empty: those
};

class SmsForm final : public MessageChannel {
 public:
  SmsForm(SmsFormOptions options, const ChannelPorts& ports);

  // What the gateway refuses in an answer is permanent: nothing more is known of it.
  CallResult<CarriedMessage> send(const ChannelMessage& message, std::stop_token stop) override;
  // Nothing can be asked without sending: says so, and asks nobody.
  CallResult<std::string> probe(std::stop_token stop) override;

 private:
  CallResult<CarriedMessage> read(const HttpAnswer& answer) const;
  CallResult<CarriedMessage> read_json(const HttpAnswer& answer) const;
  CallResult<CarriedMessage> read_text(const HttpAnswer& answer) const;

  SmsFormOptions options_;
  GatewayCalls calls_;
};

}  // namespace c360::adapters
