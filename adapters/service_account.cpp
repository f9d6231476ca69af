#include "adapters/service_account.h"

#include <chrono>

#include "daemon/base/digest.h"
#include "daemon/base/json.h"
#include "daemon/base/rs256.h"

namespace c360::adapters {

namespace {

constexpr std::chrono::seconds kGoodFor{3'600};

std::unexpected<Error> unusable(std::string_view what) {
  return fail(ErrorCode::invalid_request, "the key of the service account " + std::string(what),
              "service_account");
}

std::string text_of(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

std::int64_t unix_seconds(Instant instant) {
  return std::chrono::floor<std::chrono::seconds>(instant.time_since_epoch()).count();
}

}  // namespace

Result<ServiceAccount> read_service_account(const Secret& json) {
  const auto file = Json::parse(json.reveal());
  if (!file || !file->is_object())
    return unusable("is not the JSON file that the provider gives out");
  if (text_of(*file, "type") != "service_account")
    return unusable("is a file of another kind: its \"type\" is not \"service_account\"");
  ServiceAccount account{.email = text_of(*file, "client_email"),
                         .key_id = text_of(*file, "private_key_id"),
                         .private_key = Secret(text_of(*file, "private_key"))};
  if (account.email.empty()) return unusable("names no \"client_email\"");
  if (!sign_rs256(account.private_key, ""))
    return unusable("holds no usable \"private_key\": an RSA key of at least 2048 bits in PEM");
  return account;
}

Result<Secret> signed_assertion(const ServiceAccount& account, const AssertionClaims& claims,
                                Instant now) {
  JsonWriter header;
  header.begin_object().member("alg", "RS256").member("typ", "JWT");
  if (!account.key_id.empty()) header.member("kid", account.key_id);
  header.end_object();
  JsonWriter body;
  body.begin_object().member("iss", account.email).member("sub", claims.subject);
  body.member("scope", claims.scope).member("aud", claims.audience);
  body.member("iat", unix_seconds(now)).member("exp", unix_seconds(now + kGoodFor)).end_object();
  std::string token = to_base64url(header.view()) + "." + to_base64url(body.view());
  const auto signature = sign_rs256(account.private_key, token);
  if (!signature) return unusable("cannot sign");
  token += "." + to_base64url(*signature);
  return Secret(std::move(token));
}

}  // namespace c360::adapters
