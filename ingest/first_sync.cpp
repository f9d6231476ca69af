#include "ingest/first_sync.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace c360::ingest {

namespace {

constexpr std::chrono::seconds kInterval{2};
constexpr double kShortest = 1;        // seconds
constexpr double kWeightOfNews = 0.3;  // of the rate: some ten counts back matter

}  // namespace

FirstSync::FirstSync(store::MailLog& log, std::int64_t mailbox_id, std::string mailbox,
                     Metrics& metrics, const Clock& clock)
    : log_(log),
      mailbox_id_(mailbox_id),
      mailbox_(std::move(mailbox)),
      metrics_(metrics),
      clock_(clock) {
  show({});
}

std::optional<SyncStatus> FirstSync::report(bool now) {
  if (!open_) return std::nullopt;
  if (!now && counted_at_ && clock_.steady() < *counted_at_ + kInterval) return std::nullopt;
  // The rate that goes with the count is the one before it: one statement, and two seconds old.
  const auto per_minute = static_cast<std::int64_t>(std::llround(per_second_ * 60));
  const auto counted = log_.note_sync(mailbox_id_, per_minute);
  if (!counted) return std::nullopt;
  measure(*counted);
  SyncStatus status{.total = counted->total, .done = counted->done};
  const std::int64_t left = status.total - status.done;
  if (left == 0) {
    open_ = false;
    per_second_ = 0;
    counted_at_.reset();
    if (per_minute > 0) (void)log_.note_sync(mailbox_id_, 0);
  } else if (per_second_ > 0) {
    status.per_minute = static_cast<std::int64_t>(std::llround(per_second_ * 60));
    status.left = std::chrono::seconds{
        static_cast<std::int64_t>(std::ceil(static_cast<double>(left) / per_second_))};
  }
  show(status);
  return status;
}

void FirstSync::measure(const store::MailLog::Sync& counted) {
  const auto now = clock_.steady();
  if (counted_at_) {
    const double seconds = std::chrono::duration<double>(now - *counted_at_).count();
    if (seconds < kShortest) return;  // what was done in no time says nothing
    const double rate = static_cast<double>(counted.done - counted_done_) / seconds;
    per_second_ = per_second_ == 0
                      ? std::max(rate, 0.0)
                      : std::max(0.0, per_second_ * (1 - kWeightOfNews) + rate * kWeightOfNews);
  }
  counted_at_ = now;
  counted_done_ = counted.done;
}

void FirstSync::show(const SyncStatus& status) const {
  metrics_.gauge(Metric::mailbox_sync_mails, {mailbox_, "total"})
      .set(static_cast<double>(status.total));
  metrics_.gauge(Metric::mailbox_sync_mails, {mailbox_, "done"})
      .set(static_cast<double>(status.done));
  metrics_.gauge(Metric::mailbox_sync_mails_per_second, {mailbox_})
      .set(static_cast<double>(status.per_minute) / 60);
  metrics_.gauge(Metric::mailbox_sync_remaining_seconds, {mailbox_})
      .set(static_cast<double>(status.left.value_or(std::chrono::seconds{0}).count()));
}

}  // namespace c360::ingest
