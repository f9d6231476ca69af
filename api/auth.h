// Who asks: Bearer tokens (RFC 6750) become a Caller, scopes are checked, requests are rationed.
//
// A token's principal is remembered for a very short time, so that a request costs no round trip
// of its own; revocation, expiry and changed groups are therefore seen within `cache_time`. Any
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/request.h"
#include "api/response.h"
#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "store/actor.h"
#include "store/database.h"

namespace c360::api {

struct Caller {
  store::Actor actor;  // without the request id
  std::int64_t token_id = 0;

  // `admin` includes everything, `<resource>:write` includes `<resource>:read`.
  bool has_scope(std::string_view scope) const;
};

struct AuthOptions {
  std::chrono::milliseconds cache_time{1'000};  // 0: every request asks the database
  std::size_t max_cached_tokens = 10'000;
  // Of one token: this many at once, refilled at this rate. 0: no limit.
  double requests_per_second = 200;
  double burst = 1'000;
};

class Authenticator {
 public:
  Authenticator(store::Database& database, AuthOptions options, const Clock& clock);
  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  // unauthenticated without a good token, forbidden without the scope, rate_limited with
  // retry_after.
  Result<std::shared_ptr<const Caller>> admit(const Request& request, const Route& route);
  void forget();  // everything remembered, as after a reload

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The actor of this request: the caller's, with the request id.
store::Actor actor_of(const Request& request);

}  // namespace c360::api
