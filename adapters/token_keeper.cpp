#include "adapters/token_keeper.h"

#include <algorithm>
#include <utility>

#include "adapters/oauth_scope.h"

namespace c360::adapters {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Longer than a call to the provider and the commit behind it take together.
constexpr milliseconds kClaim{60'000};
// Another daemon is renewing: its call is over by then, and its commit so much later.
constexpr seconds kPatience{5};
constexpr milliseconds kLook{100};
// A token that runs out sooner is renewed first: a pass over the mailbox should outlive it.
constexpr seconds kMargin{300};

milliseconds time_to_renew(seconds lifetime) {
  return lifetime - std::min<milliseconds>(kMargin, milliseconds{lifetime} / 10);
}

std::string_view outcome_of(const Result<IssuedToken>& answer) {
  if (answer) return "found";
  switch (answer.error().code) {
    case ErrorCode::upstream_auth:
      return "auth";
    case ErrorCode::rate_limited:
      return "quota";
    case ErrorCode::upstream_rejected:
    case ErrorCode::invalid_request:
      return "permanent";
    default:
      return "retryable";
  }
}

// What the configuration alone has, and every daemon.
const Secret& secret_of(const OAuthSettings& settings) {
  switch (settings.grant) {
    case OAuthGrant::client_credentials:
      return settings.client_secret;
    case OAuthGrant::jwt_bearer:
      return settings.service_account;
    case OAuthGrant::refresh_token:
      break;
  }
  return settings.refresh_token;
}

std::unexpected<Error> interrupted() {
  return fail(ErrorCode::unavailable, "stopping", "interrupted");
}

}  // namespace

TokenKeeper::TokenKeeper(std::string mailbox, OAuthSettings settings, std::string holder,
                         TokenKeeperPorts ports)
    : settings_(std::move(settings)),
      ports_(std::move(ports)),
      seal_(secret_of(settings_), "oauth " + mailbox),
      key_{.mailbox = std::move(mailbox), .grant_id = seal_.id(), .holder = std::move(holder)} {
  for (const char* outcome : {"found", "retryable", "quota", "auth", "permanent"})
    ports_.observer.metrics()
        .counter(Metric::oauth_token_requests_total, {key_.mailbox, outcome})
        .add(0);
}

bool TokenKeeper::usable(const Secret& refused) const {
  return held_ && held_->access != refused && ports_.clock.steady() < held_->renew_at;
}

Result<Secret> TokenKeeper::token(const Secret& refused) {
  if (unsaved_) return save();
  if (usable(refused)) return held_->access;
  const auto until = std::chrono::steady_clock::now() + settings_.timeout + kPatience;
  do {
    auto stored = store::claim_oauth_token(ports_.database, key_, kClaim);
    if (!stored) return std::unexpected(stored.error());
    take_over(*stored);
    if (usable(refused)) {
      if (stored->claimed) (void)store::release_oauth_token(ports_.database, key_);
      return held_->access;
    }
    if (stored->claimed) return renew(*stored);
    if (std::chrono::steady_clock::now() > until)
      return fail(ErrorCode::unavailable,
                  "mailbox " + key_.mailbox + ": another daemon is renewing the token",
                  "token_claimed");
  } while (pause());
  return interrupted();
}

// What another daemon, or this one before a restart, has got. The same generation is no news: what
// we hold of it is old or was refused.
void TokenKeeper::take_over(const store::StoredOAuthToken& stored) {
  if (!stored.access_sealed || (held_ && held_->generation == stored.generation)) return;
  auto access = seal_.open(*stored.access_sealed);
  if (!access) return;
  held_ = {.access = std::move(*access),
           .generation = stored.generation,
           .renew_at = ports_.clock.steady() + stored.renew_in};
}

// The consent is not what a mailbox needs.
Result<IssuedToken> TokenKeeper::reads_only() const {
  return fail(ErrorCode::upstream_auth,
              settings_.token_url + ": the account consented to " + std::string(kReadOnlyScope) +
                  " alone, which cannot mark mail as read; consent to mail:imap_full",
              "invalid_scope");
}

Result<Secret> TokenKeeper::renew(const store::StoredOAuthToken& stored) {
  auto answer = request(stored);
  report(answer && answer->reads_mail_only ? reads_only() : answer);
  if (!answer) {
    (void)store::release_oauth_token(ports_.database, key_);
    return with_context(std::move(answer.error()), "mailbox " + key_.mailbox);
  }
  const auto renew_at = ports_.clock.steady() + time_to_renew(answer->lifetime);
  unsaved_ = {.token = std::move(*answer), .renew_at = renew_at};
  return save();
}

Result<IssuedToken> TokenKeeper::request(const store::StoredOAuthToken& stored) {
  Secret refresh = settings_.refresh_token;
  if (stored.refresh_sealed)
    if (auto newest = seal_.open(*stored.refresh_sealed)) refresh = std::move(*newest);
  const auto http = ports_.connect();
  {
    const std::scoped_lock lock{mutex_};
    if (interrupted_) return interrupted();
    calling_ = http.get();
  }
  auto answer = request_token(*http, settings_, refresh, ports_.clock.now());
  const std::scoped_lock lock{mutex_};
  calling_ = nullptr;
  return answer;
}

// Until this has succeeded the token is not handed out: a refresh token that only this process
// knows would be lost with it. That holds too where the token itself is of no use.
Result<Secret> TokenKeeper::save() {
  const IssuedToken& token = unsaved_->token;
  std::optional<std::string> refresh_sealed;
  if (!token.refresh.empty()) refresh_sealed = seal_.close(token.refresh.reveal());
  const auto renew_in = std::chrono::ceil<milliseconds>(unsaved_->renew_at - ports_.clock.steady());
  std::optional<std::string> access_sealed;
  if (!token.reads_mail_only) access_sealed = seal_.close(token.access.reveal());
  auto generation =
      store::save_oauth_token(ports_.database, key_, refresh_sealed, access_sealed, renew_in);
  if (!generation) return std::unexpected(generation.error());
  if (token.reads_mail_only) {
    held_.reset();
    unsaved_.reset();
    return with_context(reads_only().error(), "mailbox " + key_.mailbox);
  }
  held_ = {.access = token.access, .generation = *generation, .renew_at = unsaved_->renew_at};
  unsaved_.reset();
  return held_->access;
}

void TokenKeeper::report(const Result<IssuedToken>& answer) const {
  const Observer& observer = ports_.observer;
  observer.metrics()
      .counter(Metric::oauth_token_requests_total, {key_.mailbox, outcome_of(answer)})
      .add();
  if (answer) {
    observer.observe(event::token_renewed, {{"mailbox", key_.mailbox},
                                            {"lifetime_s", answer->lifetime.count()},
                                            {"rotated", !answer->refresh.empty()}});
  } else {
    observer.observe(event::token_refused, {{"mailbox", key_.mailbox},
                                            {"outcome", outcome_of(answer)},
                                            {"code", to_string(answer.error().code)},
                                            {"reason", answer.error().reason}});
  }
}

bool TokenKeeper::pause() {
  std::unique_lock lock{mutex_};
  return !changed_.wait_for(lock, kLook, [this] { return interrupted_; });
}

void TokenKeeper::interrupt() {
  const std::scoped_lock lock{mutex_};
  interrupted_ = true;
  if (calling_ != nullptr) calling_->cancel();
  changed_.notify_all();
}

}  // namespace c360::adapters
