// How far the first sync of a mailbox is: how many mails its folders held when they were listed
// first, how many of those have ended, how fast, and how long it will take.
//
// The numbers come from the ledger, so they go on where another process left them. One poller owns
// one; its thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/base/clock.h"
#include "daemon/base/metrics.h"
#include "store/mail_log.h"

namespace c360::ingest {

struct SyncStatus {
  std::int64_t total = 0;
  std::int64_t done = 0;
  std::int64_t per_minute = 0;               // 0: not known yet, or it is over
  std::optional<std::chrono::seconds> left;  // at that rate

  bool operator==(const SyncStatus&) const = default;
};

class FirstSync {
 public:
  FirstSync(store::MailLog& log, std::int64_t mailbox_id, std::string mailbox, Metrics& metrics,
            const Clock& clock);

  // A folder was listed for the first time.
  void begun() { open_ = true; }
  bool open() const { return open_; }
  // Counts and tells: metrics and the row of the mailbox. Nothing while the last count is less than
  // two seconds old, unless `now`; nothing when the database does not answer.
  std::optional<SyncStatus> report(bool now);

 private:
  void measure(const store::MailLog::Sync& counted);
  void show(const SyncStatus& status) const;

  store::MailLog& log_;
  const std::int64_t mailbox_id_;
  const std::string mailbox_;
  Metrics& metrics_;
  const Clock& clock_;
  bool open_ = true;  // until the first count says that it is over
  std::optional<std::chrono::steady_clock::time_point> counted_at_;
  std::int64_t counted_done_ = 0;
  double per_second_ = 0;
};

}  // namespace c360::ingest
