// The access token of one mailbox: kept while it is good, renewed shortly before it runs out, and
// shared with the other daemons through the database.
//
// A refresh token that the provider replaced is committed before the access token that came with it
// is used: whoever dies in between, the next one goes on with the newest. Both are sealed under a
// key made from the secret of the configuration (the refresh token a person consented to, the
// client's secret, or the key of the service account), which every daemon has in a file and the
// database has not: no setting more, no dump or query shows a token, and another file is at once
// another grant.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "adapters/access_tokens.h"
#include "adapters/http_client.h"
#include "adapters/oauth.h"
#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/base/seal.h"
#include "store/database.h"
#include "store/oauth_tokens.h"

namespace c360::adapters {

struct TokenKeeperPorts {
  store::Database& database;
  const Observer& observer;
  const Clock& clock;
  std::function<std::unique_ptr<HttpClient>()> connect;  // one for each request
};

class TokenKeeper final : public AccessTokens {
 public:
  // `holder` is this process in claims, as in leases.
  TokenKeeper(std::string mailbox, OAuthSettings settings, std::string holder,
              TokenKeeperPorts ports);

  Result<Secret> token(const Secret& refused) override;
  void interrupt() override;

 private:
  struct Held {
    Secret access;
    std::int64_t generation = 0;
    std::chrono::steady_clock::time_point renew_at;
  };
  struct Unsaved {
    IssuedToken token;
    std::chrono::steady_clock::time_point renew_at;
  };

  bool usable(const Secret& refused) const;
  void take_over(const store::StoredOAuthToken& stored);
  Result<Secret> renew(const store::StoredOAuthToken& stored);
  Result<IssuedToken> request(const store::StoredOAuthToken& stored);
  Result<IssuedToken> reads_only() const;
  Result<Secret> save();
  void report(const Result<IssuedToken>& answer) const;
  // False when interrupted.
  bool pause();

  const OAuthSettings settings_;
  const TokenKeeperPorts ports_;
  const Seal seal_;
  const store::OAuthTokenKey key_;
  std::optional<Held> held_;
  std::optional<Unsaved> unsaved_;  // issued, and the database was away

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool interrupted_ = false;
  HttpClient* calling_ = nullptr;
};

}  // namespace c360::adapters
