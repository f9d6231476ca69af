#include "adapters/sms_form.h"

#include <spdlog/fmt/fmt.h>

#include <charconv>

#include "adapters/answer_fields.h"
#include "daemon/base/foreign_json.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

constexpr std::size_t kMaxSaid = 200;

// nullptr: there is nothing, or null.
const Json* value_at(const Json& body, std::string_view path) {
  const Json* value = &body;
  for (const std::string_view step : split(path, '.')) {
    std::size_t index = 0;
    const auto [end, fault] = std::from_chars(step.data(), step.data() + step.size(), index);
    const bool is_index = fault == std::errc{} && end == step.data() + step.size();
    if (value->is_array())
      value = is_index && index < value->as_array().size() ? &value->as_array()[index] : nullptr;
    else
      value = value->find(step);
    if (value == nullptr || value->is_null()) return nullptr;
  }
  return value;
}

// Texts, numbers and flags; empty for anything else.
std::string spelling(const Json* value) {
  if (value == nullptr) return {};
  if (value->is_string()) return clean_text(value->as_string());
  if (value->is_number()) return value->number_text();
  return value->is_bool() ? value->dump() : std::string();
}

bool is_yes(const Json* value, const std::string& wanted) {
  const std::string found = spelling(value);
  if (!wanted.empty()) return found == wanted;
  const bool is_filled = value != nullptr && (value->is_object() || value->is_array());
  return is_filled || (!found.empty() && found != "false" && found != "0");
}

NoAnswer refused(const HttpAnswer& answer, const std::string& said) {
  return {.outcome = Outcome::permanent,
          .reason = "refused",
          .detail = fmt::format("the gateway did not take it: {}",
                                said.empty() ? "without a reason" : said),
          .http_status = answer.status};
}

NoAnswer unreadable(const HttpAnswer& answer, const std::string& why) {
  NoAnswer none = malformed(answer, why).error();
  none.maybe_done = true;
  return none;
}

}  // namespace

SmsForm::SmsForm(SmsFormOptions options, const ChannelPorts& ports)
    : options_(std::move(options)),
      calls_({.secrets = {options_.secret},
              .settings = fmt::format("{} {} {} {}", options_.secret.reveal(), options_.url,
                                      options_.secret_field, url_encoded(options_.fields)),
              .ca_file = options_.ca_file,
              .limits = options_.limits.call},
             ports) {}

CallResult<CarriedMessage> SmsForm::send(const ChannelMessage& message, std::stop_token stop) {
  const auto sms = sms_text(message, options_.limits);
  if (!sms) return std::unexpected(sms.error());
  FormFields fields = options_.fields;
  const auto add = [&](const std::string& field, std::string value) {
    if (!field.empty()) fields.emplace_back(field, std::move(value));
  };
  add(options_.secret_field, std::string(options_.secret.reveal()));
  add(options_.sender_field, options_.sender);
  add(options_.number_field, (options_.plus ? "+" : "") + sms->number);
  add(options_.text_field, sms->text);
  auto carried =
      calls_.post({.operation = "send",
                   .subject = message.key,
                   .url = options_.url,
                   .fields = std::move(fields),
                   .lane = GatewayCalls::Lane::send},
                  std::move(stop), [&](const HttpAnswer& answer) { return read(answer); });
  return carried_or_unknown(std::move(carried), {}, sms->segments);
}

CallResult<std::string> SmsForm::probe(std::stop_token) {
  return std::string("a form has no question that sends nothing: nobody was asked");
}

CallResult<CarriedMessage> SmsForm::read(const HttpAnswer& answer) const {
  if (auto none = gateway_refusal(answer, calls_.now())) return std::unexpected(std::move(*none));
  return options_.success_path.empty() ? read_text(answer) : read_json(answer);
}

CallResult<CarriedMessage> SmsForm::read_json(const HttpAnswer& answer) const {
  const auto body = parse_foreign_json(answer.body);
  if (!body) return std::unexpected(unreadable(answer, "the answer is no JSON"));
  if (is_yes(value_at(*body, options_.success_path), options_.success)) {
    if (options_.id_path.empty()) return CarriedMessage{};
    return CarriedMessage{.provider_id = spelling(value_at(*body, options_.id_path))};
  }
  std::string said =
      options_.error_path.empty() ? "" : spelling(value_at(*body, options_.error_path));
  if (said.empty()) said = clean_text(answer.body);
  return std::unexpected(refused(answer, std::string(utf8_prefix(said, kMaxSaid))));
}

CallResult<CarriedMessage> SmsForm::read_text(const HttpAnswer& answer) const {
  const std::string said = clean_text(answer.body);
  // A page of a front server has a status of 200 too.
  if (said.starts_with('<'))
    return std::unexpected(unreadable(answer, "the answer is a page, not the gateway's text"));
  if (!said.starts_with(options_.success))
    return std::unexpected(refused(answer, std::string(utf8_prefix(said, kMaxSaid))));
  CarriedMessage carried;
  if (options_.success.empty()) return carried;
  const std::string_view rest = trimmed(std::string_view(said).substr(options_.success.size()));
  carried.provider_id = rest.substr(0, rest.find(' '));
  return carried;
}

}  // namespace c360::adapters
