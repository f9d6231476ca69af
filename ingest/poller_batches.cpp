// The batches of a pass: fetched, handed over, landed, flagged (design.md 4, steps 3 to 7).
#include <algorithm>
#include <atomic>
#include <deque>
#include <map>

#include "ingest/batch_ties.h"
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
constexpr std::size_t kCopiedAtOnce = 100;
constexpr std::string_view kFailedKeyword = "$Client360Failed";
constexpr std::chrono::seconds kSpoolPatience{30};
constexpr std::size_t kFlights = 2;  // batches handed over: one is read, one is applied
constexpr std::size_t kSmallFlights =
    4;                                // the same of batches that together are no larger than one
constexpr int kBreaksPerRefusal = 4;  // a broken connection says that much less than a NO
constexpr std::size_t kRecovery = 4;  // batches grow by this after they shrank

bool broke_the_connection(const Error& error) {
  return (error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout) &&
         error.reason != "interrupted";
}

}  // namespace

namespace {

// What comes next of a folder, batch by batch: in the order of arrival. Of a large first sync what
// has arrived since comes first, then the newest of the backlog. What was tried before comes last:
// a mail that breaks the connection holds no other up. A batch itself is always ascending.
class Queue {
 public:
  Queue(store::MailLog& log, const FolderKey& key, const store::MailLog::Folder& state,
        std::int64_t newest_first_above)
      : log_(log), key_(key) {
    if (!state.sync_uid || state.sync_total <= newest_first_above) return;
    above_ = *state.sync_uid;
    below_ = above_ + 1;
  }

  Result<std::vector<PendingMail>> next(std::size_t most) {
    for (;;) {
      auto due = ask(most);
      if (!due || !due->empty() || stage_ == Stage::tried) return due;
      stage_ = stage_ == Stage::arrived && below_ > 0 ? Stage::backlog : Stage::tried;
      above_ = 0;
    }
  }

 private:
  enum class Stage : std::uint8_t { arrived, backlog, tried };

  Result<std::vector<PendingMail>> ask(std::size_t most) {
    auto due = stage_ == Stage::backlog
                   ? log_.listed_below(key_, below_, most)
                   : log_.listed_due(key_, stage_ == Stage::tried, above_, most);
    if (!due || due->empty()) return due;
    if (stage_ == Stage::backlog) {
      below_ = due->front().uid;
    } else {
      above_ = due->back().uid;
    }
    return due;
  }

  store::MailLog& log_;
  const FolderKey& key_;
  Stage stage_ = Stage::arrived;
  std::int64_t above_ = 0;
  std::int64_t below_ = 0;  // 0: no backlog
};

}  // namespace

// What a batch tells those behind it.
class Poller::Course {
 public:
  Course() = default;
  Course(const Course&) = delete;
  Course& operator=(const Course&) = delete;

  using Ties = std::shared_ptr<const BatchTies>;  // null: it could not be read
  void was_read(Ties ties) { set(ties_, ties_known_, std::move(ties)); }
  void ended(bool applied) {
    was_read(nullptr);
    set(applied_, applied_known_, applied);
  }

  // Each waits; any number of threads.
  void waits(bool waits) { waits_ = waits; }
  bool waits() const { return waits_; }  // for its turn; it holds a worker and gets nowhere
  Ties ties() const { return ties_seen_.get(); }
  bool applied() const { return applied_seen_.get(); }
  bool is_over() const {
    return applied_seen_.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
  }

 private:
  template <typename T>
  static void set(std::promise<T>& promise, bool& known, T value) {
    if (!std::exchange(known, true)) promise.set_value(std::move(value));
  }

  std::promise<Ties> ties_;
  std::promise<bool> applied_;
  std::atomic<bool> waits_ = false;
  bool ties_known_ = false;  // of the batch's own thread, as the next
  bool applied_known_ = false;
  std::shared_future<Ties> ties_seen_{ties_.get_future()};
  std::shared_future<bool> applied_seen_{applied_.get_future()};
};

struct Poller::CourseEnd {
  explicit CourseEnd(Course& of) : course(of) {}
  CourseEnd(const CourseEnd&) = delete;
  CourseEnd& operator=(const CourseEnd&) = delete;
  ~CourseEnd() { course.ended(applied); }

  Course& course;
  bool applied = false;
};

class Poller::Flight {
 public:
  Flight(std::uint64_t bytes, MailsInFlight mails, std::shared_ptr<const Course> course,
         std::future<Result<BatchReport>> answer)
      : bytes_(bytes),
        mails_(std::move(mails)),
        course_(std::move(course)),
        answer_(std::move(answer)) {}
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
  std::uint64_t bytes() const { return bytes_; }  // of the raw mails
  const MailsInFlight& mails() const { return mails_; }
  const std::shared_ptr<const Course>& course() const { return course_; }

 private:
  std::uint64_t bytes_;
  MailsInFlight mails_;
  std::shared_ptr<const Course> course_;
  std::future<Result<BatchReport>> answer_;
};

namespace {

std::uint64_t bytes_of(const std::vector<IncomingMail>& mails) {
  std::uint64_t bytes = 0;
  for (const IncomingMail& mail : mails) bytes += mail.raw.size();
  return bytes;
}

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
      if (!raw && raw.error().temporary()) return std::unexpected(raw.error());
      if (!raw) {
        auto held = processor_.quarantine_unread(
            context, mail, store::QuarantineReason::parse_error, raw.error().detail, lease);
        if (!held) return held;
        continue;
      }
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
  Queue queue{log_, key, state, ports_.options.newest_first_above};
  const auto until = ports_.clock.steady() + ports_.options.pass_slice;
  exchanged_.clear();
  std::deque<Flight> flights;
  const auto land_while = [&](auto crowded) -> Result<void> {
    while (!flights.empty() && crowded()) {
      Flight first = std::move(flights.front());
      flights.pop_front();
      if (auto landed = land(std::move(first)); !landed) return landed;
      report_sync(false);
    }
    return {};
  };
  const auto land_all = [&] { return land_while([] { return true; }); };
  // What is read lies in memory until it is applied, and who waits for his turn holds a worker that
  // other mailboxes want.
  const auto make_room = [&](std::uint64_t bytes) {
    return land_while([&] {
      std::uint64_t held = bytes;
      bool one_waits = false;
      for (const Flight& flight : flights) {
        held += flight.bytes();
        one_waits = one_waits || flight.course()->waits();
      }
      const bool more = held <= settings_.batch_bytes && !one_waits;
      return flights.size() >= (more ? kSmallFlights : kFlights);
    });
  };
  bool over = false;  // the slice of this pass
  while (!stopping() && !over) {
    beat();
    auto due = queue.next(std::min(fetch_at_most_, settings_.batch_messages));
    Fetched fetched;
    if (due && !due->empty()) fetched = fetch(key, *due, flights, context, lease);
    for (auto& piece : pieces_of(std::move(fetched.mails), settings_.batch_bytes)) {
      if (auto landed = make_room(bytes_of(piece)); !landed) return landed;
      flights.push_back(launch(std::move(piece), flights, context, lease));
    }
    // What is on its way lands before anything else: also when fetching failed.
    if (!due || due->empty() || !fetched.ended) {
      if (auto landed = land_all(); !landed) return landed;
      if (!due) return std::unexpected(due.error());
      return fetched.ended;
    }
    over = ports_.clock.steady() >= until;
    more_ = more_ || over;
  }
  return land_all();
}

// A batch that may find what one before it makes waits for that one; if it failed, this one is
// stored and not applied: the next pass takes both, in order.
Result<void> Poller::await_turn(Course& course, const BatchTies& ties, const Courses& before) {
  for (const auto& earlier : before) {
    if (!earlier->is_over()) {
      const Course::Ties theirs = earlier->ties();
      if (theirs && may_overtake(ties, *theirs)) continue;
    }
    course.waits(true);
    const bool applied = earlier->applied();
    course.waits(false);
    if (!applied)
      return fail(ErrorCode::unavailable, "a batch before this one was not applied",
                  "earlier_batch_failed");
  }
  return {};
}

Poller::Flight Poller::launch(std::vector<IncomingMail> mails, const std::deque<Flight>& flights,
                              const MailboxContext& context, const store::Lease& lease) {
  const std::uint64_t bytes = bytes_of(mails);
  MailsInFlight in_flight;
  for (const IncomingMail& mail : mails)
    in_flight.push_back({.id = mail.ledger_id, .uid = mail.uid, .sha256 = mail.raw.sha256()});
  auto batch = std::make_shared<std::vector<IncomingMail>>(std::move(mails));
  auto course = std::make_shared<Course>();
  Courses before;
  for (const Flight& flight : flights) before.push_back(flight.course());
  auto work = [this, batch, context, lease, course,
               before = std::move(before)]() mutable -> Result<BatchReport> {
    CourseEnd end{*course};
    auto read = processor_.read(context, std::move(*batch), lease);
    if (!read) return std::unexpected(read.error());
    const auto ties = std::make_shared<const BatchTies>(ties_of(*read));
    course->was_read(ties);
    if (auto turn = await_turn(*course, *ties, std::exchange(before, {})); !turn)
      return std::unexpected(turn.error());
    auto report = processor_.apply(context, std::move(*read), lease);
    end.applied = report.has_value();
    return report;
  };
  return {bytes, std::move(in_flight), std::move(course), ports_.workers.submit(std::move(work))};
}

Result<void> Poller::land(Flight flight) {
  while (!flight.ended_within(std::chrono::seconds{1})) beat();
  auto report = flight.answer();
  if (!report) return std::unexpected(report.error());
  if (!report->finished.empty()) backoff_.reset();  // a failure after it is the first one
  std::erase_if(report->finished,
                [this](const FlagDue& mail) { return exchanged_.contains(mail.id); });
  return flag(report->finished);
}

Poller::Fetched Poller::fetch(const FolderKey& key, const std::vector<PendingMail>& due,
                              const std::deque<Flight>& flights, const MailboxContext& context,
                              const store::Lease& lease) {
  Due by_uid;
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
  MailsInFlight in_flight;
  for (const Flight& flight : flights)
    in_flight.insert(in_flight.end(), flight.mails().begin(), flight.mails().end());
  Fetched fetched;
  fetched.ended = mailbox_->fetch(uids, batch);
  if (auto asked = fetch_doubtful(key, in_flight, batch, fetched.ended); !asked)
    return {.mails = {}, .ended = asked};
  if (auto asked = question_originals(key, in_flight, batch, by_uid, context, lease, fetched.ended);
      !asked)
    return {.mails = {}, .ended = asked};
  // Uids of another UIDVALIDITY say nothing about these mails.
  if (!fetched.ended && fetched.ended.error().reason == "uidvalidity_changed") return fetched;
  const int patience = fetched.ended ? 1 : kBreaksPerRefusal;
  if (auto settled = settle_unfetched(key, batch, by_uid, patience, context, lease); !settled)
    return {.ended = settled};

  const Instant now = ports_.clock.now();
  for (FetchedMail& mail : batch.mails()) {
    const auto listed = by_uid.find(mail.meta.uid);
    if (listed == by_uid.end()) continue;
    fetched.mails.push_back({.ledger_id = listed->second->id,
                             .uid = listed->second->uid,
                             .attempts = 0,  // of fetching; those of reading begin now
                             .stored = false,
                             .error = {},
                             .raw = std::move(mail.raw),
                             .internal_date = mail.meta.internal_date,
                             .fetched_at = now});
    by_uid.erase(listed);  // a message sent twice is taken once
  }
  std::ranges::sort(fetched.mails, {}, &IncomingMail::uid);
  if (fetched.ended) {
    fetch_at_most_ = std::min(settings_.batch_messages, fetch_at_most_ * kRecovery);
  } else if (broke_the_connection(fetched.ended.error())) {
    // The first time anything may have broken it; from then on each mail is asked for alone.
    const bool alone = std::exchange(fetch_at_most_, 1) == 1;
    if (alone && !by_uid.empty()) {
      auto noted =
          note_unfetched(due.front(), fetched.ended.error(), kBreaksPerRefusal, context, lease);
      if (!noted) fetched.ended = noted;
    }
  }
  return fetched;
}

// What the server said about mails that it did not send; they leave `by_uid`.
Result<void> Poller::settle_unfetched(const FolderKey& key, const FetchedBatch& batch, Due& by_uid,
                                      int patience, const MailboxContext& context,
                                      const store::Lease& lease) {
  std::vector<std::int64_t> gone(batch.missing().begin(), batch.missing().end());
  if (!gone.empty()) {
    listed_.erase(key.folder);  // one that is there after all has not changed: listed plainly
    if (auto vanished = log_.vanish(key, gone); !vanished) return std::unexpected(vanished.error());
    ports_.observer.observe(event::message_vanished,
                            {{"mailbox", settings_.code}, {"count", gone.size()}});
    remark("gone when they were to be fetched: " + std::to_string(gone.size()) +
           (gone.size() == 1 ? " mail" : " mails"));
  }
  for (const Uid uid : batch.missing()) by_uid.erase(uid);
  for (const auto& [uid, error] : batch.refused()) {
    const auto mail = by_uid.find(uid);
    if (mail == by_uid.end()) continue;
    if (auto noted = note_unfetched(*mail->second, error, patience, context, lease); !noted)
      return noted;
    by_uid.erase(mail);
  }
  return {};
}

Counter Poller::retries() const {
  return ports_.observer.metrics().counter(Metric::mail_fetch_retries_total, {settings_.code});
}

// A NO for one message is a retry state of that message, with its own back-off, then quarantine. A
// message that was asked for alone when the connection broke may have broken it, as a damaged one
// does that kills the server's process: it steps aside the same way, so that it cannot hold the
// others up, but with `patience` times as many tries, because it may be innocent.
Result<void> Poller::note_unfetched(const PendingMail& mail, const Error& error, int patience,
                                    const MailboxContext& context, const store::Lease& lease) {
  if (error.reason == "spool_failed") {  // no fault of the mail: it is tried until there is space
    ports_.observer.observe(
        event::message_retried,
        {{"mailbox", settings_.code}, {"uid", mail.uid}, {"reason", error.reason}});
    return log_.postpone(std::vector{mail.id}, error.detail, kSpoolPatience);
  }
  const bool oversize = error.code == ErrorCode::payload_too_large;
  // An announced size that ended the connection was not seen to be true.
  const bool proven = oversize && patience == 1;
  if (!proven && mail.attempts + 1 < ports_.options.attempt_limit * patience) {
    remark("mail waits to be fetched again: " + error.detail);
    retries().add();
    ports_.observer.observe(event::message_retried, {{"mailbox", settings_.code},
                                                     {"uid", mail.uid},
                                                     {"code", to_string(error.code)},
                                                     {"reason", error.reason},
                                                     {"attempts", mail.attempts + 1}});
    Backoff backoff{ports_.options.pace.mail};
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
  flags_refused_ = false;
  std::int64_t above = 0;
  while (!stopping() && !flags_refused_) {
    auto due = log_.flags_due(key, above, kFlagsAtOnce);
    if (!due) return std::unexpected(due.error());
    if (due->empty()) return {};
    above = due->back().uid;
    if (auto flagged = flag(*due); !flagged) return flagged;
  }
  return {};
}

// A refusal (NO: no right to, over quota) is told and tried again in the next pass; a lost
// connection ends the pass. Either way the records stand and nothing is made twice.
Result<void> Poller::flag(const std::vector<FlagDue>& due) {
  if (due.empty() || flags_refused_) return {};
  const StageTimer timer{ports_.observer, settings_.code, "flag"};
  const auto told =
      selected_.read_only
          ? Result<bool>{fail(ErrorCode::upstream_rejected, "the folder is read-only", "read_only")}
          : tell_server(due);
  if (!told) {
    const Error& error = told.error();
    ports_.observer.metrics().counter(Metric::mail_flag_failures_total, {settings_.code}).add();
    ports_.observer.observe(event::flag_failed, {{"mailbox", settings_.code},
                                                 {"count", due.size()},
                                                 {"code", to_string(error.code)},
                                                 {"reason", error.reason},
                                                 {"first_uid", due.front().uid}});
    const bool session_lives = error.code == ErrorCode::upstream_rejected ||
                               (error.code == ErrorCode::rate_limited && !error.retry_after);
    if (!session_lives) return std::unexpected(error);
    flags_refused_ = true;
    remark("handled mail cannot be marked: " + error.detail);
    return {};
  }
  listed_[selected_.name].told += due.size();
  std::vector<std::int64_t> ids;
  for (const FlagDue& mail : due) {
    ids.push_back(mail.id);
    copied().erase(static_cast<Uid>(mail.uid));
  }
  return log_.note_flagged(ids, *told);
}

Result<bool> Poller::tell_server(const std::vector<FlagDue>& due) {
  std::vector<Uid> handled;
  std::vector<Uid> held;
  for (const FlagDue& mail : due) {
    if (mail.outcome == Outcome::vanished) continue;
    const bool quarantined = mail.outcome == Outcome::quarantined && !settings_.flag_quarantined;
    (quarantined ? held : handled).push_back(static_cast<Uid>(mail.uid));
  }
  if (!held.empty() && selected_.keywords_allowed) {
    if (auto done = mailbox_->add_flag(held, kFailedKeyword); !done)
      return std::unexpected(done.error());
  }
  if (handled.empty()) return false;
  if (auto copied = copy_handled(handled); !copied) return std::unexpected(copied.error());
  if (!settings_.move_to.empty() || settings_.delete_after) {
    const auto left = settings_.move_to.empty() ? mailbox_->expunge(handled)
                                                : mailbox_->move(handled, settings_.move_to);
    if (!left) return std::unexpected(left.error());
    return *left == Removal::done;
  }
  if (auto flagged = mailbox_->add_flag(handled, kSeen); !flagged)
    return std::unexpected(flagged.error());
  return false;
}

// Before anything else is done to them: what is removed cannot be copied, and a copy has the flags
// of its original. A flag that is refused again and again makes no more copies.
Result<void> Poller::copy_handled(const std::vector<Uid>& handled) {
  if (settings_.copy_to.empty()) return {};
  std::vector<Uid> missing;
  for (const Uid uid : handled) {
    if (!copied().contains(uid)) missing.push_back(uid);
  }
  // In pieces, so that a refusal does not have those before it copied again.
  for (std::size_t from = 0; from < missing.size(); from += kCopiedAtOnce) {
    const auto piece =
        std::span(missing).subspan(from, std::min(kCopiedAtOnce, missing.size() - from));
    if (auto done = mailbox_->copy(piece, settings_.copy_to); !done) return done;
    copied().insert(piece.begin(), piece.end());
  }
  return {};
}

// Of the folder that is open.
std::set<Uid>& Poller::copied() {
  Copied& of_folder = copied_[selected_.name];
  if (of_folder.uidvalidity != selected_.uidvalidity) {
    of_folder = {.uidvalidity = selected_.uidvalidity, .uids = {}};
  }
  return of_folder.uids;
}

}  // namespace c360::ingest
