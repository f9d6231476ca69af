// What outside services answered, kept so that one paid answer is bought once (ops.service_answer).
//
// Whoever wants an answer claims the call first; others wait for what comes of it. A claim ends by
// itself, by the database's clock, when its holder dies. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "store/database.h"

namespace c360::store {

struct AnswerKey {
  std::string service;
  std::string method;
  std::string subject;  // normalised: two spellings of one question are one key
};

struct ServiceAnswer {
  bool claimed = false;    // the call is ours to make; nothing else is filled then
  bool valid = false;      // there is an answer, and it is still good
  std::int64_t calls = 0;  // ended ones: a greater number than before means that a call has ended
  std::optional<std::string> exchange;
  bool is_negative = false;
  std::optional<Instant> obtained_at;
  std::optional<std::string> failure;  // of the latest call
};

struct AnswerClaim {
  AnswerKey key;
  std::string holder;  // of this one call
  std::chrono::milliseconds lease{};
  bool fresh = false;                // an answer that is still good does not do
  std::optional<std::int64_t> seen;  // claim only if no call has ended since `calls` was this
};

// Claims the call unless somebody else makes it or its answer is there, and says what there is.
Result<ServiceAnswer> claim_answer(Database& database, const AnswerClaim& claim);

struct NewAnswer {
  std::string exchange;  // ignored where is_negative
  bool is_negative = false;
  std::chrono::seconds good_for{};
};
// Stores it, even when the claim has run out meanwhile: it was paid for. Ends the claim.
Result<Instant> keep_answer(Database& database, const AnswerKey& key, const std::string& holder,
                            const NewAnswer& answer);
// Ends the claim; a former answer stays. `failure` is told to those who wait.
Result<void> keep_failure(Database& database, const AnswerKey& key, const std::string& holder,
                          const std::string& failure);
// The call was not made after all: whoever waits for it may make it.
Result<void> drop_claim(Database& database, const AnswerKey& key, const std::string& holder);
// Rows whose answer ran out over `age` ago, at most `limit`; how many went.
Result<std::int64_t> purge_answers(Database& database, std::chrono::hours age, std::int64_t limit);

}  // namespace c360::store
