#include "adapters/oauth.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "adapters/call_outcome.h"
#include "adapters/oauth_scope.h"
#include "adapters/redactor.h"
#include "adapters/service_account.h"
#include "daemon/base/json.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

using std::chrono::seconds;

// Providers that do not say how long (RFC 6749, 5.1 only recommends it) mean an hour.
constexpr seconds kUsualLifetime{3'600};
constexpr seconds kLongestLifetime{400 * 86'400};  // Yandex: a year
constexpr std::size_t kMaxToken = 16U << 10U;
constexpr std::size_t kShownText = 300;
constexpr seconds kCertificateWait{300};  // a wrong certificate is mended by people

// RFC 6749, 5.2; invalid_token is Mail.ru's for a refresh token it does not know.
constexpr std::array<std::string_view, 7> kRefusals{
    "invalid_grant", "invalid_client",       "unauthorized_client", "invalid_scope",
    "invalid_token", "interaction_required", "access_denied"};
constexpr std::array<std::string_view, 3> kDelays{"temporarily_unavailable", "server_error",
                                                  "slow_down"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// `credential` is what the grant is about: the refresh token, or the assertion.
std::string form(const OAuthSettings& settings, const Secret& credential) {
  std::string body;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    if (!body.empty()) body += '&';
    body.append(name).append("=").append(percent_encoded(value));
  };
  if (settings.grant == OAuthGrant::jwt_bearer) {  // who asks for what is in the assertion
    add("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    add("assertion", credential.reveal());
    return body;
  }
  if (settings.grant == OAuthGrant::refresh_token) {
    add("grant_type", "refresh_token");
    add("refresh_token", credential.reveal());
  } else {
    add("grant_type", "client_credentials");
  }
  add("client_id", settings.client_id);
  add("client_secret", settings.client_secret.reveal());
  add("scope", settings.scope);
  return body;
}

// What came back, in one line fit for a person, without what must not be shown.
class Shown {
 public:
  Shown(const OAuthSettings& settings, const Secret& credential)
      : redactor_({credential, settings.refresh_token, settings.client_secret}) {}

  std::string operator()(std::string_view text) const { return redactor_.line(text, kShownText); }

 private:
  Redactor redactor_;
};

std::string text_of(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

// A number, or one in a string.
seconds lifetime_of(const Json& answer) {
  const Json* value = answer.find("expires_in");
  if (value == nullptr) return kUsualLifetime;
  const std::string text = value->is_number()   ? value->number_text()
                           : value->is_string() ? value->as_string()
                                                : "";
  std::int64_t count = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (fault == std::errc::result_out_of_range) return kLongestLifetime;
  if (fault != std::errc{} || count <= 0) return kUsualLifetime;
  return std::min(seconds{count}, kLongestLifetime);
}

// RFC 6749, A.12 and A.17, without the blank: what fits into a header and a SASL message.
bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= kMaxToken &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::unexpected<Error> malformed(const std::string& url, std::string_view what) {
  return fail(ErrorCode::unavailable, fmt::format("{}: {}", url, what), "malformed");
}

Result<IssuedToken> issued(const OAuthSettings& settings, const Json& answer) {
  const std::string type = text_of(answer, "token_type");
  if (!type.empty() && !equal_ignoring_case(type, "bearer"))
    return fail(ErrorCode::upstream_rejected,
                settings.token_url + ": the token is no bearer token, nobody here can use it",
                "token_type");
  IssuedToken token{
      .access = Secret(text_of(answer, "access_token")),
      .lifetime = lifetime_of(answer),
      .refresh = Secret(text_of(answer, "refresh_token")),
      // RFC 6749, 5.1: what it is good for, where the provider says it.
      .reads_mail_only = settings.reads_mail && reads_mail_only(text_of(answer, "scope"))};
  if (!is_token(token.access.reveal()))
    return malformed(settings.token_url, "the answer holds no usable access_token");
  if (!token.refresh.empty() && !is_token(token.refresh.reveal()))
    return malformed(settings.token_url, "the answer holds an unusable refresh_token");
  return token;
}

ErrorCode code_of(int status, std::string_view error) {
  if (is_one_of(kRefusals, error)) return ErrorCode::upstream_auth;
  if (is_one_of(kDelays, error)) return ErrorCode::unavailable;
  if (status == 429) return ErrorCode::rate_limited;
  if (status == 401 || status == 403) return ErrorCode::upstream_auth;
  if (status == 408 || status >= 500) return ErrorCode::unavailable;
  return ErrorCode::upstream_rejected;
}

std::unexpected<Error> refused(const OAuthSettings& settings, const HttpAnswer& answer,
                               const Json& body, const Shown& shown, Instant now) {
  const std::string word = text_of(body, "error");
  Error error;
  error.code = code_of(answer.status, word);
  error.reason = is_one_of(kRefusals, word) || is_one_of(kDelays, word) ? word : "";
  error.detail =
      fmt::format("{}: the token endpoint answered {}", settings.token_url, answer.status);
  if (!word.empty()) error.detail += " " + shown(word);
  if (const std::string text = text_of(body, "error_description"); !text.empty())
    error.detail += ": " + shown(text);
  if (error.code == ErrorCode::upstream_auth && settings.grant == OAuthGrant::jwt_bearer) {
    error.detail +=
        ". Check that the service account has this key, that the domain has delegated oauth_scope "
        "to it, that the mailbox is in that domain, and the clock of this machine";
  } else if (word == "invalid_grant" || word == "invalid_token") {
    error.detail += ". Consent again and put the new refresh token into oauth_refresh_token_file";
  }
  if (const auto at = retry_after(answer, now))
    error.retry_after = std::chrono::ceil<seconds>(*at - now);
  return std::unexpected(std::move(error));
}

// What is sent of the grant, and must not be shown.
Result<Secret> credential_of(const OAuthSettings& settings, const Secret& refresh_token,
                             Instant now) {
  if (settings.grant == OAuthGrant::refresh_token) return refresh_token;
  if (settings.grant == OAuthGrant::client_credentials) return Secret();
  auto account = read_service_account(settings.service_account);
  if (!account) return std::unexpected(account.error());
  return signed_assertion(
      *account,
      {.audience = settings.token_url, .subject = settings.subject, .scope = settings.scope}, now);
}

}  // namespace

Result<IssuedToken> request_token(HttpClient& http, const OAuthSettings& settings,
                                  const Secret& refresh_token, Instant now) {
  auto credential = credential_of(settings, refresh_token, now);
  if (!credential) return std::unexpected(credential.error());
  auto answer = http.send({.method = "POST",
                           .url = settings.token_url,
                           .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                                       {"Accept", "application/json"}},
                           .body = form(settings, *credential),
                           .timeout = settings.timeout,
                           .stall_limit = settings.first_byte,
                           .connect_timeout = settings.connect_timeout,
                           .max_answer_bytes = settings.max_answer_bytes,
                           .ca_file = settings.ca_file,
                           .proxy = settings.proxy});
  if (!answer) {
    Error error = std::move(answer.error());
    if (error.reason == "tls") {
      error.code = ErrorCode::unavailable;
      error.retry_after = kCertificateWait;
    }
    return std::unexpected(std::move(error));
  }
  const Shown shown{settings, *credential};
  auto body = Json::parse(answer->body);
  const bool usable = body && body->is_object();
  if (answer->status == 200 && usable && body->find("error") == nullptr)
    return issued(settings, *body);
  // A proxy's page, a cut answer: nothing the provider said.
  if (answer->status >= 200 && answer->status < 300 && !usable)
    return malformed(settings.token_url, "the answer is not a JSON object");
  return refused(settings, *answer, usable ? *body : Json(Json::Object{}), shown, now);
}

}  // namespace c360::adapters
