#include "adapters/answer_cache.h"

#include <spdlog/fmt/fmt.h>

#include <array>

#include "adapters/replay.h"
#include "daemon/base/json.h"
#include "daemon/base/json_lookup.h"

namespace c360::adapters {

namespace {

// How often one looks whether the call of another one has ended: it may be another daemon's.
constexpr std::chrono::milliseconds kLook{50};

NoAnswer away(const Error& error) {
  return {.outcome = Outcome::retryable,
          .reason = "state_unavailable",
          .detail = "what is kept of answers cannot be reached: " + error.detail};
}

NoAnswer unknown_there(const std::string& service) {
  return {.outcome = Outcome::not_found, .detail = service + " knows nothing of it"};
}

std::string failure_json(const NoAnswer& none) {
  JsonWriter json;
  json.begin_object()
      .member("outcome", to_string(none.outcome))
      .member("reason", none.reason)
      .member("detail", none.detail)
      .member("status", none.http_status);
  if (none.retry_at) json.member("retry_at", to_rfc3339(*none.retry_at));
  return json.end_object().take();
}

NoAnswer failure_of(std::string_view text) {
  NoAnswer none{.detail = "the call of another one brought no answer"};
  const auto json = Json::parse(text);
  if (!json) return none;
  const std::string outcome = text_of(*json, "outcome");
  for (const Outcome each : {Outcome::retryable, Outcome::quota, Outcome::auth, Outcome::permanent})
    if (to_string(each) == outcome) none.outcome = each;
  none.reason = text_of(*json, "reason");
  none.detail = text_of(*json, "detail");
  none.http_status = static_cast<int>(offset_of(*json, "status"));
  none.retry_at = from_rfc3339(text_of(*json, "retry_at"));
  return none;
}

CallResult<CachedAnswer> kept(const store::AnswerKey& key, const store::ServiceAnswer& row) {
  if (row.is_negative) return std::unexpected(unknown_there(key.service));
  auto exchange = recorded_exchange(row.exchange.value_or(""));
  if (!exchange)
    return no_answer(Outcome::retryable, "malformed",
                     "what is kept of the answer cannot be read: " + exchange.error().detail);
  return CachedAnswer{.exchange = std::move(*exchange),
                      .obtained_at = row.obtained_at.value_or(Instant{})};
}

}  // namespace

CallResult<CachedAnswer> AnswerCache::obtain(
    const CachedQuestion& question, const std::function<CallResult<RecordedExchange>()>& buy,
    const std::function<bool(std::chrono::milliseconds)>& pause) {
  store::AnswerClaim claim{.key = question.key,
                           .holder = fmt::format("{}/{}", holder_, ++questions_),
                           .lease = question.lease,
                           .fresh = question.fresh,
                           .seen = {}};
  while (true) {
    const auto row = store::claim_answer(database_, claim);
    if (!row) return std::unexpected(away(row.error()));
    if (row->claimed) return bought(question, claim.holder, buy());
    if (row->valid && !question.fresh) return kept(question.key, *row);
    if (!claim.seen) {
      claim.seen = row->calls;
    } else if (row->calls > *claim.seen) {
      if (row->failure) return std::unexpected(failure_of(*row->failure));
      return kept(question.key, *row);
    }
    if (question.is_late())
      return no_answer(Outcome::retryable, "timeout",
                       "another one asks the same and has no answer yet");
    if (!pause(kLook)) return no_answer(Outcome::retryable, "interrupted", "interrupted");
  }
}

CallResult<CachedAnswer> AnswerCache::bought(const CachedQuestion& question,
                                             const std::string& holder,
                                             CallResult<RecordedExchange> answer) {
  const bool negative = !answer && answer.error().outcome == Outcome::not_found;
  if (!answer && !negative) {
    // Nobody hears of it where this fails; the claim ends by itself then. What is no word of the
    // service is no answer to the others either.
    const std::string& why = answer.error().reason;
    if (why == "interrupted" || why == "busy") {
      (void)store::drop_claim(database_, question.key, holder);
    } else {
      (void)store::keep_failure(database_, question.key, holder, failure_json(answer.error()));
    }
    return std::unexpected(std::move(answer.error()));
  }
  const store::NewAnswer row{.exchange = answer ? to_json(*answer) : std::string(),
                             .is_negative = negative,
                             .good_for = answer ? question.found_for : question.not_found_for};
  const auto obtained = store::keep_answer(database_, question.key, holder, row);
  // The answer itself counts more than its copy: it is used even when it cannot be kept.
  if (negative) return std::unexpected(std::move(answer.error()));
  return CachedAnswer{.exchange = std::move(*answer),
                      .obtained_at = obtained ? *obtained : Instant{},
                      .bought = true};
}

}  // namespace c360::adapters
