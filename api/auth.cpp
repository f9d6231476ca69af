#include "api/auth.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "api/router.h"
#include "daemon/base/digest.h"
#include "daemon/base/text.h"
#include "store/portal.h"
#include "store/tokens.h"

namespace c360::api {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMaxTokenBytes = 512;
constexpr std::string_view kWrite = ":write";
constexpr std::string_view kRead = ":read";

struct KeyHash {
  std::size_t operator()(const Sha256& digest) const {
    std::size_t hash = 0;
    std::memcpy(&hash, digest.data(), sizeof hash);
    return hash;
  }
};

struct Known {
  std::shared_ptr<const Caller> caller;
  steady_clock::time_point good_until;
  Instant expires_at = Instant::max();
  // Token bucket.
  double tokens = 0;
  steady_clock::time_point refilled;
};

// What a portal user may ask for at all; of these he gets what store/portal.h grants.
constexpr std::array<std::string_view, 21> kPortalOperations = {"get_me",
                                                                "get_enums",
                                                                "list_support_request",
                                                                "get_support_request",
                                                                "list_support_request_comments",
                                                                "add_support_request_comments",
                                                                "list_support_request_documents",
                                                                "get_comment",
                                                                "list_comment",
                                                                "get_document",
                                                                "get_document_content",
                                                                "list_counterparty_user",
                                                                "get_counterparty_user",
                                                                "list_personal_account",
                                                                "get_personal_account",
                                                                "list_personal_account_product",
                                                                "get_personal_account_product",
                                                                "list_counterparty_invoice_type",
                                                                "get_counterparty_invoice_type",
                                                                "create_portal_request",
                                                                "answer_portal_request"};

std::unexpected<Error> unauthenticated(std::string detail, std::string reason) {
  return fail(ErrorCode::unauthenticated, std::move(detail), std::move(reason));
}

Result<std::string_view> bearer_token(const Request& request) {
  const auto field = request.header("authorization");
  if (!field) {
    return unauthenticated("send Authorization: Bearer TOKEN; `client360 token create` makes one",
                           "token_missing");
  }
  constexpr std::string_view kScheme = "Bearer ";
  if (field->size() <= kScheme.size() ||
      !equal_ignoring_case(field->substr(0, kScheme.size()), kScheme)) {
    return unauthenticated("the only scheme taken here is Bearer", "token_scheme");
  }
  const auto token = trimmed(field->substr(kScheme.size()));
  if (token.empty() || token.size() > kMaxTokenBytes) {
    return unauthenticated("the token is unknown, revoked or expired", "token_invalid");
  }
  return token;
}

}  // namespace

bool Caller::has_scope(std::string_view scope) const {
  const auto has = [this](std::string_view wanted) {
    return std::ranges::find(actor.scopes, wanted) != actor.scopes.end();
  };
  if (has("admin") || has(scope)) return true;
  if (!scope.ends_with(kRead)) return false;
  return has(std::string(scope.substr(0, scope.size() - kRead.size())).append(kWrite));
}

struct Authenticator::State {
  store::Database& database;
  const AuthOptions options;
  const Clock& clock;
  std::mutex mutex;
  std::unordered_map<Sha256, Known, KeyHash> known;  // guarded by mutex

  std::shared_ptr<const Caller> remembered(const Sha256& digest) {
    const std::scoped_lock lock{mutex};
    const auto found = known.find(digest);
    if (found == known.end() || found->second.good_until <= clock.steady() ||
        found->second.expires_at <= clock.now()) {
      return nullptr;
    }
    return found->second.caller;
  }

  Result<std::shared_ptr<const Caller>> look_up(const Sha256& digest) {
    auto principal = store::authenticate_token(database, digest);
    if (!principal) {
      if (principal.error().code == ErrorCode::unauthenticated) {
        const std::scoped_lock lock{mutex};
        known.erase(digest);
      }
      return std::unexpected(std::move(principal).error());
    }
    auto caller = std::make_shared<Caller>(
        Caller{.actor = std::move(principal->actor), .token_id = principal->token_id});
    remember(digest, caller, principal->expires_at.value_or(Instant::max()));
    return caller;
  }

  void remember(const Sha256& digest, std::shared_ptr<const Caller> caller, Instant expires_at) {
    const auto now = clock.steady();
    const std::scoped_lock lock{mutex};
    if (known.size() >= options.max_cached_tokens && !known.contains(digest)) {
      // Only good tokens are in here; past the cap the old ones are looked up again.
      std::erase_if(known, [&](const auto& entry) { return entry.second.good_until <= now; });
      if (known.size() >= options.max_cached_tokens) known.clear();
    }
    auto [entry, fresh] = known.try_emplace(digest);
    if (fresh) {
      entry->second.tokens = options.burst;
      entry->second.refilled = now;
    }
    entry->second.caller = std::move(caller);
    entry->second.good_until = now + options.cache_time;
    entry->second.expires_at = expires_at;
  }

  // Takes one request from the token's share; how long to wait when there is none left.
  std::optional<std::chrono::seconds> refused_for(const Sha256& digest) {
    if (options.requests_per_second <= 0) return std::nullopt;
    const auto now = clock.steady();
    const std::scoped_lock lock{mutex};
    const auto found = known.find(digest);
    if (found == known.end()) return std::nullopt;
    Known& entry = found->second;
    const double passed = std::chrono::duration<double>(now - entry.refilled).count();
    entry.tokens =
        std::min(std::max(options.burst, 1.0), entry.tokens + passed * options.requests_per_second);
    entry.refilled = now;
    if (entry.tokens >= 1) {
      entry.tokens -= 1;
      return std::nullopt;
    }
    const double wait = (1 - entry.tokens) / options.requests_per_second;
    return std::chrono::seconds(static_cast<std::int64_t>(std::ceil(wait)));
  }
};

Authenticator::Authenticator(store::Database& database, AuthOptions options, const Clock& clock)
    : state_(new State{.database = database, .options = options, .clock = clock}) {}

Authenticator::~Authenticator() = default;

void Authenticator::forget() {
  const std::scoped_lock lock{state_->mutex};
  state_->known.clear();
}

Result<std::shared_ptr<const Caller>> Authenticator::admit(const Request& request,
                                                           const Route& route) {
  const auto token = bearer_token(request);
  if (!token) return std::unexpected(token.error());
  const Sha256 digest = sha256(*token);
  auto caller = state_->remembered(digest);
  if (!caller) {
    auto found = state_->look_up(digest);
    if (!found) return found;
    caller = std::move(*found);
  }
  if (const auto wait = state_->refused_for(digest)) {
    auto refused = fail(ErrorCode::rate_limited,
                        "this token has used up its share of requests; wait as Retry-After says",
                        "rate_limited");
    refused.error().retry_after = *wait;
    return refused;
  }
  if (route.access == Access::scope && !caller->has_scope(route.scope)) {
    return fail(ErrorCode::forbidden, "the token has no scope '" + route.scope + "'",
                "scope_missing");
  }
  for (const std::string& scope : route.further_scopes) {
    if (caller->has_scope(scope)) continue;
    return fail(ErrorCode::forbidden, "the token has no scope '" + scope + "'", "scope_missing");
  }
  if (store::is_portal(caller->actor) &&
      std::ranges::find(kPortalOperations, route.operation_id) == kPortalOperations.end()) {
    return fail(ErrorCode::forbidden, "this is not for portal users", "not_for_portal");
  }
  // What another record shows of itself inside this one was never decided for them.
  if (store::is_portal(caller->actor) && request.query_value("include")) {
    return fail(ErrorCode::forbidden, "include is not for portal users", "not_for_portal");
  }
  return caller;
}

Result<void> Request::readmitted() {
  if (authenticator == nullptr || route == nullptr || route->access == Access::open) return {};
  auto admitted = authenticator->admit(*this, *route);
  if (!admitted) return std::unexpected(std::move(admitted).error());
  caller = std::move(*admitted);
  return {};
}

store::Actor actor_of(const Request& request) {
  store::Actor actor = request.caller->actor;
  actor.request_id = request.request_id;
  return actor;
}

}  // namespace c360::api
