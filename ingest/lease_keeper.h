// The leases this daemon holds, renewed by one thread before they run out (design.md 4.1).
//
// A lease that was lost is forgotten here; whoever still works under it is stopped by the fence
// check of his next transaction. Any thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "daemon/base/event.h"
#include "store/database.h"
#include "store/lease.h"

namespace c360::ingest {

class LeaseKeeper {
 public:
  // `beat` is called at every renewal round.
  LeaseKeeper(store::Database& database, std::string holder, const Observer& observer,
              std::function<void()> beat);
  ~LeaseKeeper();  // releases all
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

  // The lease held, or taken now; nullopt while another daemon has it.
  Result<std::optional<store::Lease>> hold(std::string_view mailbox, std::string_view folder);
  // At once free for others.
  void release(std::string_view mailbox, std::string_view folder);

 private:
  using Key = std::pair<std::string, std::string>;
  void run(const std::stop_token& stop);
  void renew_all();
  void drop(const store::Lease& lease);

  store::Database& database_;
  std::string holder_;
  const Observer& observer_;
  std::function<void()> beat_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<Key, store::Lease> leases_;
  std::jthread thread_;  // last: stopped before the rest goes
};

}  // namespace c360::ingest
