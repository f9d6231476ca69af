#include "adapters/smsc.h"

#include <spdlog/fmt/fmt.h>

#include "adapters/answer_fields.h"
#include "daemon/base/digest.h"

namespace c360::adapters {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::int64_t kSameAgain = 9;

// 1 … 2147483647, the same for the same key.
std::string own_id(const std::string& key) {
  if (key.empty()) return {};
  constexpr std::uint32_t kLargest = 2'147'483'647;
  const Sha256 digest = sha256(key);
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = (number << 8U) | digest[i];
  return std::to_string(number % kLargest + 1);
}

NoAnswer refused(std::int64_t code, const std::string& said, Instant now) {
  NoAnswer none{.outcome = Outcome::permanent,
                .detail = fmt::format("SMSC answered error {}: {}", code, said)};
  const auto wait = [&](std::string reason, seconds time) {
    none.outcome = Outcome::quota;
    none.reason = std::move(reason);
    none.retry_at = now + time;
  };
  switch (code) {
    case 2:
      none.outcome = Outcome::auth;
      none.detail += "; check login, password or key";
      break;
    case 3:
      wait("money", hours{1});
      break;
    case 4:
      wait("address_blocked", minutes{15});
      break;
    case 7:
    case 8:
      none.reason = "recipient";
      break;
    case kSameAgain:
      wait("same_again", seconds{60});
      none.scope = RefusalScope::recipient;
      break;
    default:
      break;
  }
  return none;
}

DeliveryReport report_of(std::int64_t status) {
  switch (status) {
    case -3:
      return {DeliveryState::not_found, "SMSC knows no such message"};
    case 1:
    case 2:
      return {DeliveryState::delivered, {}};
    case 3:
      return {DeliveryState::undeliverable, "its time is over"};
    case 20:
      return {DeliveryState::undeliverable, "it cannot be delivered"};
    case 22:
      return {DeliveryState::undeliverable, "there is no such number"};
    case 23:
      return {DeliveryState::undeliverable, "it is forbidden"};
    case 24:
      return {DeliveryState::undeliverable, "the money was not enough"};
    case 25:
      return {DeliveryState::undeliverable, "the number cannot be reached"};
    default:
      return {DeliveryState::on_its_way, {}};
  }
}

}  // namespace

Smsc::Smsc(SmscOptions options, const ChannelPorts& ports)
    : options_(std::move(options)),
      calls_({.secrets = {options_.api_key.empty() ? options_.password : options_.api_key,
                          options_.password},
              .settings = fmt::format("{} {} {} {}", options_.login, options_.password.reveal(),
                                      options_.api_key.reveal(), options_.base_url),
              .ca_file = options_.ca_file,
              .limits = options_.limits.call},
             ports) {}

CallResult<CarriedMessage> Smsc::send(const ChannelMessage& message, std::stop_token stop) {
  const auto sms = sms_text(message, options_.limits);
  if (!sms) return std::unexpected(sms.error());
  FormFields fields{{"phones", sms->number},
                    {"mes", sms->text},
                    {"charset", "utf-8"},
                    {"fmt", "3"},
                    {"cost", "3"}};
  if (!options_.sender.empty()) fields.emplace_back("sender", options_.sender);
  const std::string id = own_id(message.key);
  if (!id.empty()) fields.emplace_back("id", id);
  GatewayCalls::Question question = this->question("send", std::move(fields));
  question.subject = message.key;
  question.lane = GatewayCalls::Lane::send;
  auto carried = calls_.post(
      question, std::move(stop), [&](const HttpAnswer& answer) -> CallResult<CarriedMessage> {
        const auto body = read(answer);
        if (!body) {
          // The message that nobody knew of had arrived.
          if (body.error().reason == "same_again" && message.maybe_sent)
            return CarriedMessage{.provider_id = id};
          return std::unexpected(body.error());
        }
        std::vector<std::string> warnings;
        const AnswerFields told{*body, warnings};
        if (const auto balance = told.text("balance")) calls_.told_balance(*balance);
        if (const auto given = told.text("id")) return CarriedMessage{.provider_id = *given};
        NoAnswer none = malformed(answer, "the answer has neither `id` nor `error_code`").error();
        none.maybe_done = true;
        return std::unexpected(std::move(none));
      });
  return carried_or_unknown(std::move(carried), id, sms->segments);
}

CallResult<std::string> Smsc::probe(std::stop_token stop) {
  GatewayCalls::Question question = this->question("balance", {{"fmt", "3"}});
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

std::string Smsc::own_name(const std::string& key) const { return own_id(key); }

std::optional<CallResult<DeliveryReport>> Smsc::delivery(const std::string& provider_id,
                                                         const std::string& address,
                                                         const std::stop_token& stop) {
  if (provider_id.empty()) return std::nullopt;
  const std::string number = address.starts_with('+') ? address.substr(1) : address;
  return calls_.post(question("status", {{"phone", number}, {"id", provider_id}, {"fmt", "3"}}),
                     stop, [&](const HttpAnswer& answer) -> CallResult<DeliveryReport> {
                       const auto body = read(answer);
                       if (!body) return std::unexpected(body.error());
                       std::vector<std::string> warnings;
                       const auto status = AnswerFields{*body, warnings}.integer("status");
                       if (!status) return malformed(answer, "the answer has no `status`");
                       return report_of(*status);
                     });
}

FormFields Smsc::signed_in() const {
  if (!options_.api_key.empty()) return {{"apikey", std::string(options_.api_key.reveal())}};
  return {{"login", options_.login}, {"psw", std::string(options_.password.reveal())}};
}

GatewayCalls::Question Smsc::question(const std::string& page, FormFields fields) const {
  FormFields all = signed_in();
  all.insert(all.end(), std::make_move_iterator(fields.begin()),
             std::make_move_iterator(fields.end()));
  return {.operation = page,
          .subject = {},
          .url = fmt::format("{}/sys/{}.php", options_.base_url, page),
          .fields = std::move(all)};
}

CallResult<Json> Smsc::read(const HttpAnswer& answer) const {
  auto body = gateway_answer(answer, calls_.now());
  if (!body) return body;
  std::vector<std::string> warnings;
  const AnswerFields fields{*body, warnings};
  const auto code = fields.integer("error_code");
  if (!code) return body;
  NoAnswer none = refused(*code, fields.text("error").value_or("without a reason"), calls_.now());
  none.http_status = answer.status;
  return std::unexpected(std::move(none));
}

}  // namespace c360::adapters
