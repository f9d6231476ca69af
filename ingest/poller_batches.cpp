// The batches of a pass: fetched, handed over, landed, flagged (design.md 4, steps 3 to 7).
#include <algorithm>
#include <deque>
#include <map>

#include "ingest/fetched_batch.h"
#include "ingest/poller.h"
#include "ingest/stage_timer.h"

namespace c360::ingest {

namespace {

using store::FlagDue;
using store::FolderKey;
using store::Outcome;
using store::PendingMail;

constexpr std::size_t kFlagsAtOnce = 1'000;
constexpr std::string_view kFailedKeyword = "$Client360Failed";
constexpr std::chrono::seconds kSpoolPatience{30};
constexpr std::size_t kFlights = 2;  // batches handed over: one is read, one is applied

}  // namespace

namespace {

// What comes next of a folder, batch by batch: in the order of arrival. Of a large first sync what
// has arrived since comes first, then the newest of the backlog; a batch itself is always
// ascending.
class Queue {
 public:
  Queue(store::MailLog& log, const FolderKey& key, const store::MailLog::Folder& state,
        std::int64_t newest_first_above, std::size_t batch)
      : log_(log), key_(key), batch_(batch) {
    if (!state.sync_uid || state.sync_total <= newest_first_above) return;
    above_ = *state.sync_uid;
    backlog_below_ = above_ + 1;
  }

  Result<std::vector<PendingMail>> next() {
    if (!arrived_taken_) {
      auto due = log_.listed_due(key_, above_, batch_);
      if (!due || !due->empty()) {
        if (due) above_ = due->back().uid;
        return due;
      }
      arrived_taken_ = true;
    }
    if (!backlog_below_) return std::vector<PendingMail>{};
    auto due = log_.listed_below(key_, *backlog_below_, batch_);
    if (due && !due->empty()) backlog_below_ = due->front().uid;
    return due;
  }

 private:
  store::MailLog& log_;
  const FolderKey& key_;
  const std::size_t batch_;
  std::int64_t above_ = 0;
  bool arrived_taken_ = false;
  std::optional<std::int64_t> backlog_below_;
};

}  // namespace

class Poller::Flight {
 public:
  Flight(std::future<Result<BatchReport>> answer, std::shared_future<bool> applied)
      : answer_(std::move(answer)), applied_(std::move(applied)) {}
  Flight(Flight&&) = default;
  Flight& operator=(Flight&&) = delete;
  // Whoever leaves early still waits: the batch uses what the poller owns.
  ~Flight() {
    if (answer_.valid()) answer_.wait();
  }

  bool ended_within(std::chrono::milliseconds patience) const {
    return answer_.wait_for(patience) == std::future_status::ready;
  }
  Result<BatchReport> answer() { return answer_.get(); }
  const std::shared_future<bool>& applied() const { return applied_; }

 private:
  std::future<Result<BatchReport>> answer_;
  std::shared_future<bool> applied_;  // whether the batch was applied; ready no later than answer_
};

namespace {

// Tells the next batch whether this one was applied, also when an exception ends it.
class Turn {
 public:
  Turn() = default;
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { promise_.set_value(applied); }
  std::shared_future<bool> future() { return promise_.get_future().share(); }

  bool applied = false;

 private:
  std::promise<bool> promise_;
};

// In their order, each of at most `bytes` or a single mail: what reading them builds is a multiple
// of that, and lies in memory until the piece is applied.
std::vector<std::vector<IncomingMail>> pieces_of(std::vector<IncomingMail> mails,
                                                 std::uint64_t bytes) {
  std::vector<std::vector<IncomingMail>> pieces;
  std::uint64_t held = 0;
  for (IncomingMail& mail : mails) {
    if (pieces.empty() || held + mail.raw.size() > bytes) {
      pieces.emplace_back();
      held = 0;
    }
    held += mail.raw.size();
    pieces.back().push_back(std::move(mail));
  }
  return pieces;
}

// The same of mails that are stored: the first piece.
void keep_first_piece(std::vector<PendingMail>& mails, std::uint64_t bytes) {
  std::uint64_t held = 0;
  const auto end = std::ranges::find_if(mails, [&](const PendingMail& mail) {
    held += static_cast<std::uint64_t>(mail.size_bytes);
    return held > bytes && &mail != &mails.front();
  });
  mails.erase(end, mails.end());
}

}  // namespace

// What was stored before and not finished: after a crash, a retry, a temporary failure.
Result<void> Poller::process_stored(const MailboxContext& context, const store::Lease& lease) {
  std::int64_t above = 0;
  while (!stopping()) {
    beat();
    auto due = log_.stored_due(mailbox_id_, context.folder, above, settings_.batch_messages);
    if (!due) return std::unexpected(due.error());
    if (due->empty()) return {};
    keep_first_piece(*due, settings_.batch_bytes);
    above = due->back().id;
    std::vector<IncomingMail> mails;
    for (const PendingMail& mail : *due) {
      auto raw = load_raw(ports_.database, mail.raw_sha256, ports_.options.spool_folder,
                          ports_.options.spool_bytes);
      if (!raw && raw.error().reason == "spool_failed") {
        if (auto held = log_.postpone(std::vector{mail.id}, raw.error().detail, kSpoolPatience);
            !held)
          return held;
        continue;
      }
      if (!raw) return std::unexpected(raw.error());
      mails.push_back({.ledger_id = mail.id,
                       .uid = mail.uid,
                       .attempts = mail.attempts,
                       .stored = true,
                       .error = mail.error,
                       .raw = std::move(*raw),
                       .internal_date = mail.internal_date,
                       .fetched_at = mail.fetched_at.value_or(ports_.clock.now())});
    }
    auto batch = processor_.read(context, std::move(mails), lease);
    if (!batch) return std::unexpected(batch.error());
    auto report = processor_.apply(context, std::move(*batch), lease);
    if (!report) return std::unexpected(report.error());
  }
  return {};
}

Result<void> Poller::take_in(const MailboxContext& context, const FolderKey& key,
                             const store::MailLog::Folder& state, const store::Lease& lease) {
  Queue queue{log_, key, state, ports_.options.newest_first_above, settings_.batch_messages};
  const auto until = ports_.clock.steady() + ports_.options.pass_slice;
  std::deque<Flight> flights;
  const auto land_first = [&] {
    Flight first = std::move(flights.front());
    flights.pop_front();
    return land(std::move(first));
  };
  bool over = false;  // the slice of this pass
  while (!stopping()) {
    beat();
    auto due = over ? Result<std::vector<PendingMail>>{} : queue.next();
    Result<std::vector<IncomingMail>> mails = std::vector<IncomingMail>{};
    if (due && !due->empty()) {
      mails = fetch(key, *due, context, lease);
      over = ports_.clock.steady() >= until;
      more_ = more_ || over;
    }
    // What is on its way lands before anything else: also when fetching failed.
    const bool last = !due || !mails || due->empty();
    while (!flights.empty() && last) {
      if (auto landed = land_first(); !landed) return landed;
      report_sync(false);
    }
    if (!due) return std::unexpected(due.error());
    if (!mails) return std::unexpected(mails.error());
    if (due->empty()) return {};
    for (auto& piece : pieces_of(std::move(*mails), settings_.batch_bytes)) {
      while (flights.size() >= kFlights) {
        if (auto landed = land_first(); !landed) return landed;
      }
      flights.push_back(
          launch(std::move(piece), flights.empty() ? nullptr : &flights.back(), context, lease));
    }
  }
  while (!flights.empty()) {
    if (auto landed = land_first(); !landed) return landed;
  }
  return {};
}

// A batch whose forerunner failed is stored and not applied: the next pass takes both, in order.
Poller::Flight Poller::launch(std::vector<IncomingMail> mails, const Flight* before,
                              const MailboxContext& context, const store::Lease& lease) {
  auto batch = std::make_shared<std::vector<IncomingMail>>(std::move(mails));
  auto turn = std::make_shared<Turn>();
  auto former = before ? before->applied() : std::shared_future<bool>{};
  auto applied = turn->future();
  auto work = [this, batch, context, lease, former,
               turn = std::move(turn)]() mutable -> Result<BatchReport> {
    const auto done = std::move(turn);
    auto read = processor_.read(context, std::move(*batch), lease);
    if (former.valid() && !former.get())
      return fail(ErrorCode::unavailable, "the batch before this one was not applied",
                  "earlier_batch_failed");
    if (!read) return std::unexpected(read.error());
    auto report = processor_.apply(context, std::move(*read), lease);
    done->applied = report.has_value();
    return report;
  };
  return {ports_.workers.submit(std::move(work)), std::move(applied)};
}

Result<void> Poller::land(Flight flight) {
  while (!flight.ended_within(std::chrono::seconds{1})) beat();
  auto report = flight.answer();
  if (!report) return std::unexpected(report.error());
  return flag(report->finished);
}

Result<std::vector<IncomingMail>> Poller::fetch(const FolderKey& key,
                                                const std::vector<PendingMail>& due,
                                                const MailboxContext& context,
                                                const store::Lease& lease) {
  std::map<Uid, const PendingMail*> by_uid;
  std::vector<Uid> uids;
  for (const PendingMail& mail : due) {
    uids.push_back(static_cast<Uid>(mail.uid));
    by_uid.emplace(uids.back(), &mail);
  }
  const StageTimer timer{ports_.observer, settings_.code, "fetch"};
  FetchedBatch batch{{.spool_folder = ports_.options.spool_folder,
                      .spool_bytes = ports_.options.spool_bytes,
                      .batch_bytes = settings_.batch_bytes,
                      .progress = [this] { beat(); }}};
  if (auto fetched = mailbox_->fetch(uids, batch); !fetched)
    return std::unexpected(fetched.error());
  if (const auto again = batch.take_mismatched(); !again.empty()) {
    if (auto fetched = mailbox_->fetch(again, batch); !fetched)
      return std::unexpected(fetched.error());
    if (batch.mismatches() > 0) {
      ports_.observer.metrics()
          .counter(Metric::mail_size_mismatches_total, {settings_.code})
          .add(static_cast<double>(batch.mismatches()));
    }
  }

  std::vector<std::int64_t> gone(batch.missing().begin(), batch.missing().end());
  if (!gone.empty()) {
    if (auto vanished = log_.vanish(key, gone); !vanished) return std::unexpected(vanished.error());
    ports_.observer.observe(event::message_vanished,
                            {{"mailbox", settings_.code}, {"count", gone.size()}});
  }
  for (const auto& [uid, error] : batch.refused()) {
    const auto mail = by_uid.find(uid);
    if (mail == by_uid.end()) continue;
    if (auto noted = note_refused(*mail->second, error, context, lease); !noted)
      return std::unexpected(noted.error());
  }

  std::vector<IncomingMail> mails;
  const Instant now = ports_.clock.now();
  for (FetchedMail& fetched : batch.mails()) {
    const auto mail = by_uid.find(fetched.meta.uid);
    if (mail == by_uid.end()) continue;
    mails.push_back({.ledger_id = mail->second->id,
                     .uid = mail->second->uid,
                     .attempts = mail->second->attempts,
                     .stored = false,
                     .error = {},
                     .raw = std::move(fetched.raw),
                     .internal_date = fetched.meta.internal_date,
                     .fetched_at = now});
    by_uid.erase(mail);  // a message sent twice is taken once
  }
  std::ranges::sort(mails, {}, &IncomingMail::uid);
  return mails;
}

// A NO for one message is a retry state of that message, with its own back-off, then quarantine.
Result<void> Poller::note_refused(const PendingMail& mail, const Error& error,
                                  const MailboxContext& context, const store::Lease& lease) {
  if (error.reason == "spool_failed") {  // no fault of the mail: it is tried until there is space
    ports_.observer.observe(
        event::message_retried,
        {{"mailbox", settings_.code}, {"uid", mail.uid}, {"reason", error.reason}});
    return log_.postpone(std::vector{mail.id}, error.detail, kSpoolPatience);
  }
  const bool oversize = error.code == ErrorCode::payload_too_large;
  if (!oversize && mail.attempts + 1 < ports_.options.attempt_limit) {
    ports_.observer.observe(
        event::message_retried,
        {{"mailbox", settings_.code}, {"uid", mail.uid}, {"attempts", mail.attempts + 1}});
    Backoff backoff{{.first = std::chrono::seconds{5}, .limit = std::chrono::hours{1}}};
    std::chrono::milliseconds delay{};
    for (int i = 0; i <= mail.attempts; ++i) delay = backoff.next();
    return log_.defer(std::vector{mail.id}, error.detail, delay);
  }
  return processor_.quarantine_unread(
      context, mail,
      oversize ? store::QuarantineReason::oversize : store::QuarantineReason::too_many_retries,
      error.detail, lease);
}

// Done in an earlier pass, perhaps by another daemon, and the server was never told.
Result<void> Poller::flag_backlog(const FolderKey& key) {
  std::int64_t above = 0;
  while (!stopping()) {
    auto due = log_.flags_due(key, above, kFlagsAtOnce);
    if (!due) return std::unexpected(due.error());
    if (due->empty()) return {};
    above = due->back().uid;
    if (auto flagged = flag(*due); !flagged) return flagged;
  }
  return {};
}

// A refusal (NO: read-only, over quota) is told and tried again in the next pass; a lost connection
// ends the pass. Either way the records stand and nothing is made twice.
Result<void> Poller::flag(const std::vector<FlagDue>& due) {
  if (due.empty()) return {};
  const StageTimer timer{ports_.observer, settings_.code, "flag"};
  if (auto told = tell_server(due); !told) {
    ports_.observer.metrics().counter(Metric::mail_flag_failures_total, {settings_.code}).add();
    ports_.observer.observe(event::flag_failed, {{"mailbox", settings_.code},
                                                 {"count", due.size()},
                                                 {"code", to_string(told.error().code)},
                                                 {"first_uid", due.front().uid}});
    if (told.error().code == ErrorCode::upstream_rejected) return {};
    return told;
  }
  std::vector<std::int64_t> ids;
  for (const FlagDue& mail : due) ids.push_back(mail.id);
  return log_.note_flagged(ids);
}

Result<void> Poller::tell_server(const std::vector<FlagDue>& due) {
  std::vector<Uid> handled;
  std::vector<Uid> held;
  for (const FlagDue& mail : due) {
    if (mail.outcome == Outcome::vanished) continue;
    const bool quarantined = mail.outcome == Outcome::quarantined && !settings_.flag_quarantined;
    (quarantined ? held : handled).push_back(static_cast<Uid>(mail.uid));
  }
  if (!held.empty() && selected_.keywords_allowed) {
    if (auto done = mailbox_->add_flag(held, kFailedKeyword); !done) return done;
  }
  if (handled.empty()) return {};
  if (!settings_.move_to.empty()) {
    auto moved = mailbox_->move(handled, settings_.move_to);
    if (!moved) return std::unexpected(moved.error());
    return {};
  }
  if (settings_.delete_after) {
    auto removed = mailbox_->expunge(handled);
    if (!removed) return std::unexpected(removed.error());
    return {};
  }
  return mailbox_->add_flag(handled, kSeen);
}

}  // namespace c360::ingest
