// What all SMS gateways have in common (adapters.md, 5.3; R-112): a number, a text that is paid by
// the segment, and a POST that is sent once. Gateways answer 200 to everything, so only a body that
// can be read says what became of a message: without one it is `unknown`, and nobody sends it
// again.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "adapters/channel_http.h"
#include "adapters/form_body.h"
#include "adapters/message_channel.h"
#include "adapters/service_options.h"
#include "daemon/base/json.h"
#include "daemon/base/secret.h"

namespace c360::adapters {

struct SmsLimits {
  CallLimits call{.first_byte = std::chrono::seconds{10},
                  .whole = std::chrono::milliseconds{20'000},
                  .max_answer_bytes = std::size_t{256} << 10U,
                  .rate = {.calls = 5}};
  int max_segments = 10;  // a longer text is refused, because it is paid by the segment
};

struct SmsText {
  std::string number;  // digits only
  std::string text;
  int segments = 0;
};
// permanent: `recipient` for what is no number of E.164, `empty`, `too_long`.
CallResult<SmsText> sms_text(const ChannelMessage& message, const SmsLimits& limits);

// The JSON object of an answer of any media type: some gateways call theirs text/html. An answer
// that is none may still have been a success; a refusal by status is a refusal, but for 502 and
// 504, by which a front server says that it did not hear the end.
CallResult<Json> gateway_answer(const HttpAnswer& answer, Instant now);
// For what the status alone decides; nothing: 200.
std::optional<NoAnswer> gateway_refusal(const HttpAnswer& answer, Instant now);

// What may have been done is `unknown`; other refusals stay.
CallResult<CarriedMessage> carried_or_unknown(CallResult<CarriedMessage> result,
                                              const std::string& own_id, int segments);

// The calls of one gateway: its connection, its keys, its gates. `settings` is what a pause belongs
// to.
class GatewayCalls {
 public:
  struct Account {
    std::vector<Secret> secrets;  // the first names the key in records
    std::string settings;
    std::string ca_file;
    CallLimits limits;
  };
  GatewayCalls(Account account, const ChannelPorts& ports);

  // Each with a rate of its own: gateways take ten questions about the balance a minute, and the
  // state of a message as often as a message.
  enum class Lane : std::uint8_t { balance, status, send };
  struct Question {
    std::string operation;
    std::string subject;
    std::string url;
    FormFields fields;
    Lane lane = Lane::status;  // what is sent is asked once
  };
  template <typename Read>
  std::invoke_result_t<Read, const HttpAnswer&> post(const Question& question, std::stop_token stop,
                                                     const Read& read) {
    http_.end_with(std::move(stop));
    return caller_.run(gate_of(question.lane), call(question), read);
  }

  Instant now() const { return caller_.now(); }
  // What is left of the money.
  void told_balance(const std::string& roubles) const;

 private:
  ServiceCall call(const Question& question) const;
  ServiceGate& gate_of(Lane lane);

  const Account account_;
  const ChannelPorts ports_;
  ChannelHttp http_;
  ServiceCaller caller_;
  ServiceGate send_gate_;
  ServiceGate status_gate_;
  ServiceGate balance_gate_;  // at most 10 a minute
};

inline constexpr std::string_view kSmsService = "sms";

}  // namespace c360::adapters
