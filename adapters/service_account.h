// A service account of Google: the application's own key, with which it asks for the mailbox of a
// person whose domain has delegated that to it (RFC 7523; Google's "domain-wide delegation").
#pragma once

#include <string>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/secret.h"

namespace c360::adapters {

struct ServiceAccount {
  std::string email;
  std::string key_id;  // may be empty
  Secret private_key;  // PEM
};

// From the JSON file as the provider gives it out, when it was made a key of. invalid_request,
// reason `service_account`, says what is missing in it; never what is in it.
Result<ServiceAccount> read_service_account(const Secret& json);

// What the account wants: the `aud`, `sub` and `scope` of its assertion.
struct AssertionClaims {
  std::string audience;
  std::string subject;
  std::string scope;
};

// A JSON Web Token (RFC 7519) signed by RS256, good for an hour from `now`, which is as long as
// Google takes one. invalid_request, reason `service_account`, where the key cannot sign.
Result<Secret> signed_assertion(const ServiceAccount& account, const AssertionClaims& claims,
                                Instant now);

}  // namespace c360::adapters
