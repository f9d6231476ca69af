#include "adapters/replay.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <ranges>

#include "daemon/base/digest.h"
#include "daemon/base/json.h"
#include "daemon/base/json_lookup.h"
#include "daemon/base/text.h"

namespace c360::adapters {

std::string to_json(const RecordedExchange& exchange) {
  JsonWriter json;
  json.begin_object()
      .member("method", exchange.method)
      .member("url", exchange.url)
      .member("request_body", exchange.request_body)
      .member("status", exchange.status)
      .member("content_type", exchange.content_type);
  if (is_valid_utf8(exchange.body)) {
    json.member("body", exchange.body);
  } else {
    json.member("body_base64url", to_base64url(exchange.body));
  }
  return json.end_object().take();
}

Result<RecordedExchange> recorded_exchange(std::string_view json) {
  const auto read = Json::parse(json);
  if (!read) return std::unexpected(read.error());
  const Json* status = read->find("status");
  const std::int64_t code = status == nullptr ? 0 : status->as_int64().value_or(0);
  const auto binary = from_base64url(text_of(*read, "body_base64url"));
  if (code < 100 || code > 999 || !binary)
    return fail(ErrorCode::invalid_request, "not a recorded exchange: no status, or no base64url");
  RecordedExchange exchange{.method = text_of(*read, "method"),
                            .url = text_of(*read, "url"),
                            .request_body = text_of(*read, "request_body"),
                            .status = static_cast<int>(code),
                            .content_type = text_of(*read, "content_type"),
                            .body = text_of(*read, "body")};
  if (exchange.body.empty()) exchange.body = *binary;
  return exchange;
}

ReplayClient::ReplayClient(std::vector<RecordedExchange> exchanges, Redactor redactor)
    : exchanges_(std::move(exchanges)), redactor_(std::move(redactor)) {}

Result<HttpAnswer> ReplayClient::send(const HttpRequest& request) {
  if (cancelled_) return fail(ErrorCode::unavailable, "interrupted", "interrupted");
  const std::string url = redactor_(request.url);
  const std::string body = redactor_(request.body);
  const auto latest_first = std::views::reverse(exchanges_);
  const auto found = std::ranges::find_if(latest_first, [&](const RecordedExchange& one) {
    return one.method == request.method && one.url == url && one.request_body == body;
  });
  if (found == latest_first.end())
    return fail(ErrorCode::upstream_rejected,
                fmt::format("{} {} was never recorded", request.method, url), "not_recorded");
  HttpAnswer answer{.status = found->status, .body = found->body};
  if (!found->content_type.empty())
    answer.headers.emplace_back("content-type", found->content_type);
  return answer;
}

}  // namespace c360::adapters
