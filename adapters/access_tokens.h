// Where the access token of an account comes from, for whoever signs in with it.
//
// TokenKeeper implements it. One per account; one thread, except interrupt().
#pragma once

#include "daemon/base/error.h"
#include "daemon/base/secret.h"

namespace c360::adapters {

class AccessTokens {
 public:
  virtual ~AccessTokens() = default;
  // A token with some life left, of visible ASCII characters. `refused` is one that the service has
  // just refused, or empty: then another one is got. upstream_auth: the provider gives none any
  // more until a person mends it. rate_limited, unavailable, timeout: later. Blocks up to some 40
  // s.
  virtual Result<Secret> token(const Secret& refused) = 0;
  // Any thread. Ends the call under way within a second, and every later one at once, with
  // unavailable, reason `interrupted`.
  virtual void interrupt() = 0;
};

}  // namespace c360::adapters
