// One request to the token endpoint of an OAuth 2.0 provider (RFC 6749, 4.4 and 6; RFC 7523, 2.1;
// what the large ones do is in the comments): Google, Microsoft, Yandex, Mail.ru.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "adapters/http_client.h"
#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/secret.h"

namespace c360::adapters {

enum class OAuthGrant : std::uint8_t {
  refresh_token,       // a person has consented once
  client_credentials,  // the application itself has the right (Microsoft 365, IMAP.AccessAsApp)
  jwt_bearer,          // a service account signs for the mailbox (Google Workspace)
};

struct OAuthSettings {
  std::string token_url;  // https only
  OAuthGrant grant = OAuthGrant::refresh_token;
  std::string client_id;
  Secret client_secret;    // empty: a public client
  Secret refresh_token;    // as consented to; what the provider replaced it with is in the database
  Secret service_account;  // of jwt_bearer: the JSON file (service_account.h)
  std::string subject;     // of jwt_bearer: whose mailbox it is
  std::string scope;       // empty: not sent
  bool reads_mail = true;  // a consent to read mail without marking it is refused
  std::string ca_file;     // PEM, instead of the system's authorities; empty: those
  std::chrono::milliseconds connect_timeout{3'000};
  std::chrono::milliseconds timeout{15'000};  // the whole call
  std::size_t max_answer_bytes = std::size_t{256} << 10U;
  std::chrono::seconds first_byte{10};  // and every later silence
  HttpProxy proxy{};

  bool operator==(const OAuthSettings&) const = default;
};

struct IssuedToken {
  Secret access;
  std::chrono::seconds lifetime{};
  Secret refresh;  // empty: the former one stays good
  // Good for reading mail alone, which is not what was wanted: nothing is to be done with it, but
  // a refresh token that came with it has replaced the former one all the same.
  bool reads_mail_only = false;
};

// `refresh_token` is the newest there is; only the grant of that name uses it. `now` is the time
// that an assertion is signed at. Errors:
//   upstream_auth      the grant or the client is refused (reason: the provider's word); a person
//                      has to consent again or correct the client
//   rate_limited       429; retry_after says when
//   unavailable        cannot be reached, 5xx, `temporarily_unavailable`, an answer that is none
//                      (reason malformed), a certificate that does not hold (reason tls)
//   timeout            past the limit of the whole call
//   invalid_request    the service account cannot sign (reason service_account); nobody was asked
//   upstream_rejected  asking again brings the same: another 4xx, a redirect, an answer too long
// No secret is in their text, also where the provider sends one back.
Result<IssuedToken> request_token(HttpClient& http, const OAuthSettings& settings,
                                  const Secret& refresh_token, Instant now);

}  // namespace c360::adapters
