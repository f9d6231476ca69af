#include "adapters/sms_gateway.h"

#include <spdlog/fmt/fmt.h>

#include "adapters/message_text.h"
#include "daemon/base/foreign_json.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

// ITU-T E.164: at most 15 digits; no subscriber has fewer than 7.
constexpr std::size_t kShortestNumber = 7;
constexpr std::size_t kLongestNumber = 15;

// What costs nothing is not counted with what does.
GatePolicy asking(const CallLimits& limits) {
  GatePolicy policy = limits.policy();
  policy.day_calls = 0;
  policy.month_calls = 0;
  return policy;
}

GatePolicy asking_for_balance(const CallLimits& limits) {
  GatePolicy policy = asking(limits);
  policy.rates = {Rate{.calls = 10, .per = std::chrono::milliseconds{60'000}, .burst = 5}};
  return policy;
}

}  // namespace

CallResult<SmsText> sms_text(const ChannelMessage& message, const SmsLimits& limits) {
  std::string_view number = message.address;
  if (number.starts_with('+')) number.remove_prefix(1);
  const bool sane = number.size() >= kShortestNumber && number.size() <= kLongestNumber &&
                    number.find_first_not_of("0123456789") == std::string_view::npos &&
                    number.front() != '0';
  if (!sane)
    return no_answer(Outcome::permanent, "recipient",
                     "a telephone number has a country code and 7 to 15 digits in all");
  SmsText sms{.number = std::string(number), .text = replace_invalid_utf8(message.text)};
  if (trimmed(sms.text).empty())
    return no_answer(Outcome::permanent, "empty", "the message has no text");
  sms.segments = sms_segments(sms.text);
  if (sms.segments > limits.max_segments)
    return no_answer(Outcome::permanent, "too_long",
                     fmt::format("the text would be paid as {} messages, at most {} are allowed by "
                                 "sms.max_segments",
                                 sms.segments, limits.max_segments));
  return sms;
}

std::optional<NoAnswer> gateway_refusal(const HttpAnswer& answer, Instant now) {
  auto none = refusal_of(answer, "", now);
  if (!none) return none;
  // It has the request; a server that fails, or a front server that waited in vain, may have sent.
  constexpr int kRequestTimeout = 408;
  constexpr int kServerErrors = 500;
  none->maybe_done =
      answer.status < 300 || answer.status == kRequestTimeout || answer.status >= kServerErrors;
  return none;
}

CallResult<Json> gateway_answer(const HttpAnswer& answer, Instant now) {
  if (auto none = gateway_refusal(answer, now)) return std::unexpected(std::move(*none));
  auto body = parse_foreign_json(answer.body);
  if (body && body->is_object()) return std::move(*body);
  NoAnswer none = malformed(answer, "the answer is no JSON object of the gateway").error();
  none.maybe_done = true;
  return std::unexpected(std::move(none));
}

CallResult<CarriedMessage> carried_or_unknown(CallResult<CarriedMessage> result,
                                              const std::string& own_id, int segments) {
  if (result) {
    result->segments = segments;
    return result;
  }
  if (!result.error().maybe_done) return result;
  return CarriedMessage{.state = Carried::unknown,
                        .provider_id = own_id,
                        .detail = result.error().detail,
                        .segments = segments};
}

GatewayCalls::GatewayCalls(Account account, const ChannelPorts& ports)
    : account_(std::move(account)),
      ports_(ports),
      http_(ports_),
      caller_(Redactor(account_.secrets),
              account_.secrets.empty() ? "" : fingerprint(account_.secrets.front().reveal()),
              http_.ports()),
      send_gate_({std::string(kSmsService), "account", "send"}, fingerprint(account_.settings),
                 account_.limits.policy(), ports.states),
      status_gate_({std::string(kSmsService), "account", "status"}, fingerprint(account_.settings),
                   asking(account_.limits), ports.states),
      balance_gate_({std::string(kSmsService), "account", "ask"}, fingerprint(account_.settings),
                    asking_for_balance(account_.limits), ports.states) {}

ServiceGate& GatewayCalls::gate_of(Lane lane) {
  switch (lane) {
    case Lane::balance:
      return balance_gate_;
    case Lane::status:
      return status_gate_;
    case Lane::send:
      break;
  }
  return send_gate_;
}

ServiceCall GatewayCalls::call(const Question& question) const {
  ServiceCall call{.operation = question.operation, .subject = question.subject};
  HttpRequest& request = call.request;
  request.method = "POST";  // a key in an address would stand in somebody's log
  request.url = question.url;
  request.headers = {{"Accept", "application/json"}, {"Content-Type", std::string(kUrlEncoded)}};
  request.body = url_encoded(question.fields);
  request.once = question.lane == Lane::send;
  request.ca_file = account_.ca_file;
  account_.limits.apply_to(request);
  return call;
}

void GatewayCalls::told_balance(const std::string& roubles) const {
  caller_.told({.service = std::string(kSmsService), .name = "balance", .left = roubles});
}

}  // namespace c360::adapters
