// What Database and its transactions share. For store/database.cpp and store/transaction.cpp only.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "daemon/base/metrics.h"
#include "store/database.h"
#include "store/pool.h"

namespace c360::store {

struct Database::State {
  State(const DatabaseOptions& options, const Observer& observer);

  ConnectionPool& pool(Pool which) { return which == Pool::api ? api : work; }
  // Counts, and notes whether the server was there. Returns the error as the caller sees it.
  Error failed(const PgFailure& failure);
  void count(const Error& error) const;

  std::atomic<bool> stopping{false};
  DatabaseHealth health;
  ConnectionPool api;
  ConnectionPool work;
  std::vector<Counter> errors;  // by ErrorCode
};

}  // namespace c360::store
