// A transaction of one's own that is begun anew when the database says that another one was in the
// way, or when the connection broke before COMMIT was sent.
#pragma once

#include <expected>
#include <utility>

#include "store/database.h"
#include "store/operations/action.h"

namespace c360::store {

// `body(Transaction&)` gives a Result and commits. Up to kActionAttempts times, each attempt with a
// connection of its own, given back before the wait.
template <typename Body>
auto retried(Database& database, Body body) -> decltype(body(std::declval<Transaction&>())) {
  const auto once = [&]() -> decltype(body(std::declval<Transaction&>())) {
    auto tx = database.begin(Pool::api, TxMode::read_write);
    if (!tx) return std::unexpected(tx.error());
    return body(*tx);
  };
  for (int attempt = 1;; ++attempt) {
    auto done = once();
    if (done || !worth_another_try(done.error()) || attempt == kActionAttempts) return done;
    wait_before_attempt(attempt);
  }
}

}  // namespace c360::store
