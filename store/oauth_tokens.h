// The OAuth 2.0 tokens of a mailbox as all daemons share them (ops.oauth_token). Their content is
// sealed by the caller; nothing here can read it.
//
// Only one daemon at a time renews: providers may withdraw a refresh token that is used twice. The
// claim ends by itself, by the database's clock, when its holder dies.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/digest.h"
#include "daemon/base/error.h"
#include "store/database.h"

namespace c360::store {

struct OAuthTokenKey {
  std::string mailbox;
  Sha256 grant_id{};  // another secret in the configuration has tokens of its own
  std::string holder;
};

struct StoredOAuthToken {
  bool claimed = false;         // it is for us to renew it, or to release the claim
  std::int64_t generation = 0;  // 0: never renewed
  std::optional<std::string> refresh_sealed;
  std::optional<std::string> access_sealed;
  std::chrono::milliseconds renew_in{};  // of the access token; may be negative
};

// Claims the renewal unless another holder has it, and says what there is.
Result<StoredOAuthToken> claim_oauth_token(Database& database, const OAuthTokenKey& key,
                                           std::chrono::milliseconds duration);
Result<void> release_oauth_token(Database& database, const OAuthTokenKey& key);
// Durable when it returns, and ends the claim. Without `refresh_sealed` the former one stays,
// without `access_sealed` there is none until the next renewal. The new generation.
Result<std::int64_t> save_oauth_token(Database& database, const OAuthTokenKey& key,
                                      const std::optional<std::string>& refresh_sealed,
                                      const std::optional<std::string>& access_sealed,
                                      std::chrono::milliseconds renew_in);

}  // namespace c360::store
