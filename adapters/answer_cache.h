// One paid answer is bought once: answers are kept in the database for as long as they are good,
// and of several that ask the same at the same time, in any daemon, one makes the call.
//
// The call is made outside of any transaction, under a claim with an end: of a daemon that dies the
// next one makes the call again, so a crash costs at most one call more. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>

#include "adapters/call_outcome.h"
#include "adapters/service_call.h"
#include "store/database.h"
#include "store/service_answers.h"

namespace c360::adapters {

struct CachedQuestion {
  store::AnswerKey key;
  std::chrono::seconds found_for{};      // how long an answer is good
  std::chrono::seconds not_found_for{};  // how long it is believed that nothing is known
  std::chrono::milliseconds lease{};     // longer than the call can take
  bool fresh = false;                    // goes past what is kept, not past a call under way
  // Asked while another one's call is waited for: whether to wait no longer (retryable, timeout).
  std::function<bool()> is_late = [] { return false; };
};

struct CachedAnswer {
  RecordedExchange exchange;  // redacted
  Instant obtained_at;
  bool bought = false;  // by this very question
};

class AnswerCache {
 public:
  // `holder` is this process in claims, as in leases. `database` outlives it.
  AnswerCache(store::Database& database, std::string holder)
      : database_(database), holder_(std::move(holder)) {}

  // Gives what is kept, or what `buy` brings, or what another one's call brings that was waited
  // for: its failure too. not_found is kept like an answer. `pause` waits and is false when
  // interrupted. While the database is away nothing is bought (retryable, state_unavailable): it
  // could not be kept.
  CallResult<CachedAnswer> obtain(const CachedQuestion& question,
                                  const std::function<CallResult<RecordedExchange>()>& buy,
                                  const std::function<bool(std::chrono::milliseconds)>& pause);

 private:
  CallResult<CachedAnswer> bought(const CachedQuestion& question, const std::string& holder,
                                  CallResult<RecordedExchange> answer);

  store::Database& database_;
  const std::string holder_;
  std::atomic<std::int64_t> questions_ = 0;
};

}  // namespace c360::adapters
