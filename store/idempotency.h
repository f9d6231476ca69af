// Idempotency-Key: the answer to a request is stored in the transaction of its effect, so a client
// that asks again gets the same answer and the effect happens once (design.md 5, domain.md 1.8).
//
//   queue_idempotency_claim(*tx, request);          // no round trip; before the effect's
//   statements … queue, run, render the answer … queue_idempotency_answer(*tx, request, answer); //
//   travels with COMMIT tx->commit();
//
// When the claim finds the key taken the run fails and settle_idempotency() says what to answer.
// Keys belong to a user and are forgotten after IdempotencyRequest::kept.
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

inline constexpr std::size_t kMaxIdempotencyKeyBytes = 255;

struct IdempotencyRequest {
  std::int64_t user_id = 0;
  std::string key;
  Sha256 request_sha256{};  // request_digest()
  std::chrono::hours kept{72};
};

struct StoredAnswer {
  int status = 0;
  std::string headers;  // as given to queue_idempotency_answer: "Name: value\r\n" lines
  std::string body;
};

// What makes two requests the same: method, path with query, body.
Sha256 request_digest(std::string_view method, std::string_view target, std::string_view body);

// 1 to 255 visible ASCII characters; otherwise invalid_request, reason idempotency_key_invalid.
Result<void> check_idempotency_key(std::string_view key);

void queue_idempotency_claim(Transaction& tx, const IdempotencyRequest& request);
void queue_idempotency_answer(Transaction& tx, const IdempotencyRequest& request,
                              const StoredAnswer& answer);

// What this very request was answered before, without claiming anything; nothing where it was not,
// or not yet. For work that costs something before its transaction. validation_failed, reason
// idempotency_key_reused, as below.
Result<std::optional<StoredAnswer>> find_idempotent_answer(Database& database,
                                                           const IdempotencyRequest& request);

// After a run or commit with a claim has failed with `error`:
// - the stored answer when the same request was answered before: send it again;
// - validation_failed, reason idempotency_key_reused, when the key belonged to another request;
// - conflict, reason idempotency_in_progress, when the first request is still under way;
// - otherwise `error` itself: it had nothing to do with the key.
Result<StoredAnswer> settle_idempotency(Database& database, const IdempotencyRequest& request,
                                        const Error& error);

// Deletes up to `limit` keys past their time; how many.
Result<std::int64_t> purge_idempotency(Database& database, std::int64_t limit = 10'000);

}  // namespace c360::store
