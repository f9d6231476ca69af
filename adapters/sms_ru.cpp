#include "adapters/sms_ru.h"

#include <spdlog/fmt/fmt.h>

#include "adapters/answer_fields.h"

namespace c360::adapters {

namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::int64_t kTaken = 100;

Instant moscow_midnight(Instant now) {
  constexpr hours kMoscow{3};
  return std::chrono::floor<std::chrono::days>(now + kMoscow) + std::chrono::days{1} - kMoscow;
}

struct Verdict {
  Outcome outcome = Outcome::permanent;
  std::string_view reason = {};
  RefusalScope scope = RefusalScope::service;
};

Verdict verdict_of(std::int64_t code) {
  switch (code) {
    case 200:
    case 300:
    case 301:
    case 302:
    case 303:
    case 304:
    case 305:
      return {Outcome::auth};
    case 201:
      return {Outcome::quota, "money"};
    case 206:
      return {Outcome::quota, "day_limit"};
    case 230:
    case 231:
    case 232:
      return {Outcome::quota, "too_many_to_number", RefusalScope::recipient};
    case 202:  // no such number, or no way to it
    case 207:
    case 209:  // it stands in our own stop list
      return {Outcome::permanent, "recipient"};
    case 220:
    case 500:
      return {Outcome::retryable};
    default:
      if (code > 500 && code <= 509) return {Outcome::quota, "fraud_limit"};
      return {};
  }
}

Instant retry_of(std::int64_t code, Instant now) {
  constexpr std::int64_t kDayLimit = 206;
  constexpr std::int64_t kDayToNumber = 230;
  constexpr std::int64_t kSameInAMinute = 231;
  constexpr std::int64_t kSameInADay = 232;
  if (code == kSameInAMinute) return now + minutes{1};
  if (code == kDayLimit || code == kDayToNumber || code == kSameInADay) return moscow_midnight(now);
  return now + hours{1};
}

DeliveryReport report_of(std::int64_t code, const std::string& said) {
  if (code == -1) return {DeliveryState::not_found, said};
  constexpr std::int64_t kDelivered = 103;
  constexpr std::int64_t kRead = 110;
  if (code == kDelivered || code == kRead) return {DeliveryState::delivered, said};
  const bool failed = (code >= 104 && code <= 108) || (code >= 130 && code <= 132) || code == 150;
  return {failed ? DeliveryState::undeliverable : DeliveryState::on_its_way, said};
}

// The entry of one number or message: the only one there is.
const Json* only_entry(const Json& body) {
  const Json* entries = body.find("sms");
  if (entries == nullptr || !entries->is_object() || entries->as_object().size() != 1)
    return nullptr;
  const Json& entry = entries->as_object().front().second;
  return entry.is_object() ? &entry : nullptr;
}

NoAnswer unreadable(const HttpAnswer& answer) {
  NoAnswer none = malformed(answer, "the answer does not say what became of the message").error();
  none.maybe_done = true;
  return none;
}

}  // namespace

SmsRu::SmsRu(SmsRuOptions options, const ChannelPorts& ports)
    : options_(std::move(options)),
      calls_({.secrets = {options_.api_id},
              .settings = fmt::format("{} {}", options_.api_id.reveal(), options_.base_url),
              .ca_file = options_.ca_file,
              .limits = options_.limits.call},
             ports) {}

CallResult<CarriedMessage> SmsRu::send(const ChannelMessage& message, std::stop_token stop) {
  const auto sms = sms_text(message, options_.limits);
  if (!sms) return std::unexpected(sms.error());
  FormFields fields{{"to", sms->number}, {"msg", sms->text}, {"json", "1"}};
  if (!options_.sender.empty()) fields.emplace_back("from", options_.sender);
  GatewayCalls::Question question = this->question("sms/send", std::move(fields));
  question.subject = message.key;
  question.lane = GatewayCalls::Lane::send;
  auto carried = calls_.post(
      question, std::move(stop), [&](const HttpAnswer& answer) -> CallResult<CarriedMessage> {
        const auto body = read(answer);
        if (!body) return std::unexpected(body.error());
        std::vector<std::string> warnings;
        if (const auto balance = AnswerFields{*body, warnings}.text("balance"))
          calls_.told_balance(*balance);
        const Json* entry = only_entry(*body);
        if (entry == nullptr) return std::unexpected(unreadable(answer));
        const AnswerFields told{*entry, warnings};
        const auto code = told.integer("status_code");
        if (!code) return std::unexpected(unreadable(answer));
        if (*code >= kTaken && *code <= kTaken + 3)
          return CarriedMessage{.provider_id = told.text("sms_id").value_or("")};
        return std::unexpected(refused(*code, told.text("status_text").value_or("")));
      });
  return carried_or_unknown(std::move(carried), {}, sms->segments);
}

CallResult<std::string> SmsRu::probe(std::stop_token stop) {
  GatewayCalls::Question question = this->question("my/balance", {{"json", "1"}});
  question.lane = GatewayCalls::Lane::balance;
  return calls_.post(question, std::move(stop),
                     [&](const HttpAnswer& answer) -> CallResult<std::string> {
                       const auto body = read(answer);
                       if (!body) return std::unexpected(body.error());
                       std::vector<std::string> warnings;
                       const auto balance = AnswerFields{*body, warnings}.text("balance");
                       if (!balance) return malformed(answer, "the answer has no `balance`");
                       calls_.told_balance(*balance);
                       return "balance " + *balance;
                     });
}

std::optional<CallResult<DeliveryReport>> SmsRu::delivery(const std::string& provider_id,
                                                          const std::string&,
                                                          const std::stop_token& stop) {
  if (provider_id.empty()) return std::nullopt;
  return calls_.post(question("sms/status", {{"sms_id", provider_id}, {"json", "1"}}), stop,
                     [&](const HttpAnswer& answer) -> CallResult<DeliveryReport> {
                       const auto body = read(answer);
                       if (!body) return std::unexpected(body.error());
                       const Json* entry = only_entry(*body);
                       if (entry == nullptr) return std::unexpected(unreadable(answer));
                       std::vector<std::string> warnings;
                       const AnswerFields told{*entry, warnings};
                       const auto code = told.integer("status_code");
                       if (!code) return std::unexpected(unreadable(answer));
                       return report_of(*code, told.text("status_text").value_or(""));
                     });
}

GatewayCalls::Question SmsRu::question(const std::string& page, FormFields fields) const {
  FormFields all{{"api_id", std::string(options_.api_id.reveal())}};
  all.insert(all.end(), std::make_move_iterator(fields.begin()),
             std::make_move_iterator(fields.end()));
  return {.operation = page,
          .subject = {},
          .url = fmt::format("{}/{}", options_.base_url, page),
          .fields = std::move(all)};
}

CallResult<Json> SmsRu::read(const HttpAnswer& answer) const {
  auto body = gateway_answer(answer, calls_.now());
  if (!body) return body;
  std::vector<std::string> warnings;
  const AnswerFields fields{*body, warnings};
  const auto code = fields.integer("status_code");
  if (!code) return std::unexpected(unreadable(answer));
  if (*code == kTaken) return body;
  NoAnswer none = refused(*code, fields.text("status_text").value_or(""));
  none.http_status = answer.status;
  return std::unexpected(std::move(none));
}

NoAnswer SmsRu::refused(std::int64_t code, const std::string& said) const {
  const Verdict verdict = verdict_of(code);
  NoAnswer none{.outcome = verdict.outcome,
                .reason = std::string(verdict.reason),
                .detail = fmt::format("SMS.ru answered {}: {}", code,
                                      said.empty() ? "without a reason" : said),
                .scope = verdict.scope};
  if (none.outcome == Outcome::quota) none.retry_at = retry_of(code, calls_.now());
  if (none.outcome == Outcome::auth) none.detail += "; check api_id";
  return none;
}

}  // namespace c360::adapters
