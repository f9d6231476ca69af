// Keys of API clients: made, listed, revoked, recognised.
//
// A token is 256 random bits as `c360_` and base64url; the database keeps its SHA-256 and the first
// characters, so a stolen backup opens nothing. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "daemon/base/error.h"
#include "daemon/base/secret.h"
#include "store/actor.h"
#include "store/database.h"

namespace c360::store {

inline constexpr std::string_view kTokenPrefix = "c360_";
inline constexpr std::size_t kMaxTokenNameBytes = 200;
inline constexpr std::size_t kMaxTokenScopes = 100;

struct TokenRequest {
  std::string login;                // of the user it speaks for
  std::string name;                 // what for, such as "website"
  std::vector<std::string> scopes;  // `<resource>:read`, `<resource>:write`, `admin`
  std::optional<Instant> expires_at;
};

struct NewToken {
  std::int64_t id = 0;
  Secret token;  // shown once; nobody can find it again
  std::string prefix;
};

// not_found for an unknown or inactive user; validation_failed for a name, a scope or an expiry
// that cannot be, all wrong ones at once.
Result<NewToken> create_token(Database& database, const TokenRequest& request, const Actor& actor);

struct TokenInfo {
  std::int64_t id = 0;
  std::string login;
  std::string name;
  std::string prefix;
  std::vector<std::string> scopes;
  std::optional<Instant> created_at;
  std::optional<Instant> expires_at;
  std::optional<Instant> last_used_at;
  std::optional<Instant> revoked_at;
};

// The same for a user by id, in the transaction given, which stays open. `request.login` is not
// read.
Result<NewToken> create_token_of(Transaction& tx, std::int64_t user_id, const TokenRequest& request,
                                 const Actor& actor);

// All of them by id, revoked and expired ones too; of one user when `login` is not empty.
Result<std::vector<TokenInfo>> list_tokens(Database& database, std::string_view login = {});

// From now on it opens nothing. not_found; nothing when it is revoked already.
Result<void> revoke_token(Database& database, std::int64_t id, const Actor& actor);

struct Principal {
  std::int64_t token_id = 0;
  std::string kind;  // employee, service, system
  Actor actor;       // origin api, groups with the groups around them, no request id
  std::optional<Instant> expires_at;
};

// Who a token speaks for, by sha256(token), in one round trip. unauthenticated, reason
// token_invalid, without saying whether it is unknown, revoked, expired or of an inactive user.
// last_used_at is written at most once a minute.
Result<Principal> authenticate_token(Database& database, const Sha256& token_sha256);

}  // namespace c360::store
