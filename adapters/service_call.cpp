#include "adapters/service_call.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>

#include "daemon/base/foreign_json.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

using std::chrono::milliseconds;

// Why no answer arrived.
NoAnswer unanswered(const Error& error) {
  NoAnswer none{.outcome = Outcome::retryable, .reason = error.reason, .detail = error.detail};
  if (error.code == ErrorCode::timeout) {
    none.reason = "timeout";
  } else if (error.code == ErrorCode::invalid_request) {
    none.outcome = Outcome::permanent;
    none.reason = "bad_url";
  } else if (error.reason == "too_large") {
    none.outcome = Outcome::permanent;  // asking again brings the same
  } else if (none.reason.empty()) {
    none.reason = "unreachable";
  }
  return none;
}

NoAnswer too_late(std::string detail) {
  return {.outcome = Outcome::retryable, .reason = "timeout", .detail = std::move(detail)};
}

std::string request_id_of(const HttpAnswer& answer) {
  for (const std::string_view name : {"x-request-id", "x-requestid", "request-id"})
    if (const auto value = answer.header(name)) return std::string(*value);
  return {};
}

std::string media_type(const HttpAnswer& answer) {
  const std::string_view field = answer.header("content-type").value_or("");
  return to_lower(trimmed(field.substr(0, field.find(';'))));
}

constexpr std::size_t kMaxRequestId = 100;
constexpr std::size_t kMaxDecimal = 30;

// "-12.50": what a column of decimal numbers takes.
bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const auto all_digits = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (text.size() > kMaxDecimal || !all_digits(text.substr(0, point))) return false;
  return point == std::string_view::npos || all_digits(text.substr(point + 1));
}

}  // namespace

ServiceCaller::ServiceCaller(Redactor redactor, std::string key_fingerprint, ServicePorts ports)
    : redactor_(std::move(redactor)),
      key_fingerprint_(std::move(key_fingerprint)),
      ports_(std::move(ports)) {}

std::optional<NoAnswer> ServiceCaller::exchange(const ServiceGate& gate, const ServiceCall& call,
                                                const Judge& judge) {
  CallRecord record{.service = gate.service(),
                    .operation = call.operation,
                    .subject = call.subject,
                    .key_fingerprint = key_fingerprint_,
                    .started_at = ports_.clock.now(),
                    .attempt = std::max(call.attempt, ports_.attempt)};
  auto none = wait_turn(gate, call);
  if (!none) {
    const auto began = ports_.clock.steady();
    none = send(call, judge, record);
    record.duration = std::chrono::duration_cast<milliseconds>(ports_.clock.steady() - began);
    if (none) none->detail = redactor_.line(none->detail, NoAnswer::kMaxDetail);
    gate.leave(call.operation, none ? &*none : nullptr, ports_.clock.now());
  }
  if (none) {
    record.outcome = none->outcome;
    record.http_status = none->http_status == 0 ? record.http_status : none->http_status;
    record.reason = none->reason;
    record.error = none->detail;
    record.retry_at = none->retry_at;
  }
  if (ports_.journal != nullptr) ports_.journal->record(record);
  return none;
}

std::optional<NoAnswer> ServiceCaller::wait_turn(const ServiceGate& gate, const ServiceCall& call) {
  const Instant now = ports_.clock.now();
  auto start = gate.enter(call.operation, now);
  if (!start) return std::move(start.error());
  const auto wait = std::chrono::ceil<milliseconds>(std::max(*start, now) - now);
  NoAnswer none{.outcome = Outcome::retryable,
                .reason = "interrupted",
                .detail = "interrupted while waiting for its turn"};
  NoAnswer unsent{.outcome = Outcome::retryable, .reason = "unsent"};
  if (call.deadline && ports_.clock.steady() + wait >= *call.deadline) {
    // No word about the service, which was not asked.
    gate.leave(call.operation, &unsent, ports_.clock.now());
    return too_late("its turn comes after the time there is for an answer");
  }
  if (wait == milliseconds{0} || ports_.pause(wait)) return std::nullopt;
  gate.leave(call.operation, &unsent, ports_.clock.now());
  return none;
}

std::optional<NoAnswer> ServiceCaller::send(const ServiceCall& call, const Judge& judge,
                                            CallRecord& record) {
  std::optional<HttpRequest> hurried;  // a copy only where one is needed: bodies may be large
  if (call.deadline) {
    const auto left = std::max(
        milliseconds{1}, std::chrono::ceil<milliseconds>(*call.deadline - ports_.clock.steady()));
    hurried = call.request;
    if (hurried->timeout == milliseconds{0} || left < hurried->timeout) hurried->timeout = left;
  }
  const auto answer = ports_.http.send(hurried ? *hurried : call.request);
  if (!answer) {
    NoAnswer none = unanswered(answer.error());
    none.maybe_done = ports_.http.was_written();
    return none;
  }
  record.http_status = answer->status;
  record.bytes_in = answer->body.size();
  record.request_id = redactor_.line(request_id_of(*answer), kMaxRequestId);
  if (ports_.journal != nullptr) record.exchange = recorded(call.request, *answer);
  return judge(*answer);
}

void ServiceCaller::told(const QuotaLeft& left) const {
  if (ports_.journal == nullptr || (left.left && !is_decimal(*left.left))) return;
  if (left.limit && !is_decimal(*left.limit)) return;
  ports_.journal->quota(left);
}

RecordedExchange ServiceCaller::recorded(const HttpRequest& request,
                                         const HttpAnswer& answer) const {
  return {.method = request.method,
          .url = redactor_(request.url),
          .request_body = redactor_(request.body),
          .status = answer.status,
          .content_type = redactor_(answer.header("content-type").value_or("")),
          .body = redactor_(answer.body)};
}

std::optional<NoAnswer> refusal_of(const HttpAnswer& answer, const std::string& said, Instant now) {
  const int status = answer.status;
  if (status == 200) return std::nullopt;
  NoAnswer none{.outcome = Outcome::permanent,
                .detail = fmt::format("the service answered {}", status),
                .http_status = status};
  if (!said.empty()) none.detail += ": " + said;
  if (status < 300) {
    none.outcome = Outcome::retryable;
    none.reason = "malformed";
  } else if (status < 400) {
    none.reason = "redirect";
    none.detail += "; redirects are not followed: correct the address in the settings";
  } else if (status == 408 || status >= 500) {
    none.outcome = Outcome::retryable;
    none.retry_at = retry_after(answer, now);
  } else if (status == 429) {
    none.outcome = Outcome::quota;
    none.reason = "rate";
    none.retry_at = retry_after(answer, now);
  } else if (status == 401 || status == 403) {
    none.outcome = Outcome::auth;
  }
  return none;
}

CallResult<Json> json_answer(const HttpAnswer& answer, JsonKind kind) {
  constexpr std::array<std::string_view, 4> kTypes{"application/json", "text/json",
                                                   "application/problem+json", ""};
  const std::string type = media_type(answer);
  if (std::ranges::find(kTypes, type) == kTypes.end())
    return malformed(answer, fmt::format("the answer is {}, not JSON: a proxy or a page of the "
                                         "front server",
                                         type));
  auto document = parse_foreign_json(answer.body);
  if (!document) return malformed(answer, "the answer is " + document.error().detail);
  if (kind == JsonKind::object ? !document->is_object() : !document->is_array())
    return malformed(answer, fmt::format("the answer is a JSON {}", document->type_name()));
  return std::move(*document);
}

}  // namespace c360::adapters
