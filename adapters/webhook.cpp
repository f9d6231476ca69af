#include "adapters/webhook.h"

#include <array>

#include "adapters/call_outcome.h"
#include "daemon/base/digest.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

// What the receiver says is not read, but it is allowed to say something.
constexpr std::size_t kMaxWebhookAnswer = std::size_t{256} << 10U;
constexpr std::size_t kMaxWebhookDetail = 300;

bool is_about_the_event(int status) {
  return status == 400 || status == 409 || status == 413 || status == 415 || status == 422;
}

WebhookAnswer unanswered_webhook(const Error& error) {
  return {.reception = error.reason == "interrupted" ? Reception::interrupted : Reception::unwell,
          .detail = std::string(utf8_prefix(error.detail, kMaxWebhookDetail))};
}

}  // namespace

std::string_view to_string(Reception reception) {
  constexpr std::array<std::string_view, 4> kNames{"accepted", "refused", "unwell", "interrupted"};
  return kNames[static_cast<std::size_t>(reception)];
}

Secret webhook_secret_text(const Secret& key) {
  return Secret(std::string(kWebhookSecretPrefix) + to_base64(key.reveal()));
}

std::string webhook_signature(const WebhookMessage& message, std::int64_t unix_seconds) {
  const std::string signed_text =
      message.id + "." + std::to_string(unix_seconds) + "." + message.body;
  std::string field;
  for (const Secret& key : message.keys) {
    if (!field.empty()) field += ' ';
    field += "v1," + to_base64(as_bytes_view(hmac_sha256(key.reveal(), signed_text)));
  }
  return field;
}

WebhookAnswer post_webhook(HttpClient& http, const WebhookMessage& message,
                           const WebhookLimits& limits, Instant now) {
  // Settings may have become stricter since the address was taken.
  if (auto fine = limits.targets.check(message.url); !fine) return unanswered_webhook(fine.error());
  const std::int64_t seconds =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  HttpRequest request{.method = "POST",
                      .url = message.url,
                      .headers = {{"Content-Type", "application/json"},
                                  {"webhook-id", message.id},
                                  {"webhook-timestamp", std::to_string(seconds)},
                                  {"webhook-signature", webhook_signature(message, seconds)}},
                      .body = message.body,
                      .timeout = limits.timeout,
                      .connect_timeout = limits.connect_timeout,
                      .max_answer_bytes = kMaxWebhookAnswer,
                      .allow_plain_http = limits.targets.plain_http,
                      .ca_file = limits.ca_file,
                      .targets = &limits.targets};
  const auto answer = http.send(request);
  if (!answer) return unanswered_webhook(answer.error());
  WebhookAnswer told{.http_status = answer->status};
  if (answer->status >= 200 && answer->status < 300) return told;
  told.reception = is_about_the_event(answer->status) ? Reception::refused : Reception::unwell;
  told.detail = "the receiver answered " + std::to_string(answer->status);
  if (answer->status >= 300 && answer->status < 400)
    told.detail += "; redirects are not followed: set the address it points to";
  told.retry_at = retry_after(*answer, now);
  return told;
}

}  // namespace c360::adapters
