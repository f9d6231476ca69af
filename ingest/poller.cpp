#include "ingest/poller.h"

#include <algorithm>
#include <deque>
#include <map>

#include "ingest/fetched_batch.h"
#include "ingest/stage_timer.h"

namespace c360::ingest {

namespace {

using store::FlagDue;
using store::FolderKey;
using store::Outcome;
using store::PendingMail;

constexpr BackoffOptions kBackoff{.first = std::chrono::seconds{1},
                                  .limit = std::chrono::minutes{5}};
// A refused sign-in locks accounts when it is repeated quickly.
constexpr BackoffOptions kAuthBackoff{.first = std::chrono::seconds{30},
                                      .limit = std::chrono::minutes{15}};
constexpr std::chrono::milliseconds kLeasePatience{5'000};  // another daemon has the mailbox
constexpr std::chrono::milliseconds kLongestIdle{60'000};   // then the watchdog hears of us
constexpr std::size_t kFlagsAtOnce = 1'000;
constexpr int kEstimatingServer = 3;  // size mismatches in a row: this server only estimates
constexpr std::string_view kFailedKeyword = "$Client360Failed";

constexpr std::size_t kFlights = 2;  // batches handed over: one is read, one is applied

std::string loop_name(const MailboxSettings& settings) { return "mailbox." + settings.code; }

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

}  // namespace

Poller::Poller(std::int64_t mailbox_id, MailboxSettings settings, MailboxFactory connect,
               PollerPorts ports)
    : mailbox_id_(mailbox_id),
      settings_(std::move(settings)),
      factory_(std::move(connect)),
      ports_(ports),
      log_(ports.database),
      processor_(ports.database, ports.inboxes, {.attempt_limit = ports.options.attempt_limit},
                 ports.observer),
      backoff_(kBackoff),
      auth_backoff_(kAuthBackoff) {
  status_.code = settings_.code;
  status_.kind = settings_.kind;
  status_.reason = "the first pass has not ended yet";
  Metrics& metrics = ports_.observer.metrics();
  metrics.gauge(Metric::mailbox_up, {settings_.code}).set(0);
  metrics.gauge(Metric::mailbox_pending, {settings_.code}).set(0);
}

Poller::~Poller() {
  request_stop();
  join();
}

void Poller::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Poller::request_stop() {
  thread_.request_stop();
  const std::scoped_lock lock{mutex_};
  stop_ = true;
  if (mailbox_) mailbox_->interrupt();
  changed_.notify_all();
}

void Poller::join() {
  if (thread_.joinable()) thread_.join();
}

void Poller::poll_now() {
  const std::scoped_lock lock{mutex_};
  poll_now_ = true;
  if (mailbox_) mailbox_->wake();
  changed_.notify_all();
}

MailboxStatus Poller::status() const {
  const std::scoped_lock lock{mutex_};
  return status_;
}

bool Poller::stopping() const {
  const std::scoped_lock lock{mutex_};
  return stop_;
}

void Poller::beat() const { ports_.options.beat(loop_name(settings_)); }

void Poller::run(const std::stop_token& stop) {
  wait(settings_.initial_delay, stop);
  while (!stop.stop_requested()) {
    const Result<void> passed = pass();
    if (stop.stop_requested()) break;
    settle(passed);
    const bool leased = status().holds_lease;
    wait(!passed ? delay_after(passed.error()) : leased ? settings_.delay : kLeasePatience, stop);
  }
  disconnect();
  for (const std::string& folder : settings_.folders) ports_.leases.release(settings_.code, folder);
  ports_.options.retire(loop_name(settings_));
}

// Idles on the server while connected, else on the condition; poll_now() and stop end both.
void Poller::wait(std::chrono::milliseconds delay, const std::stop_token& stop) {
  const auto until = std::chrono::steady_clock::now() + delay;
  while (!stop.stop_requested()) {
    beat();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    // Heard of well within the limit that makes silence an alarm.
    const auto slice = std::min<std::chrono::milliseconds>(
        left, std::min<std::chrono::milliseconds>(kLongestIdle, ports_.options.pass_limit / 3));
    std::shared_ptr<Mailbox> mailbox;
    {
      std::unique_lock lock{mutex_};
      if (std::exchange(poll_now_, false)) return;
      // With several folders the one that is selected says nothing of the others.
      const bool idle = settings_.use_idle && mailbox_ && settings_.folders.size() == 1;
      if (!idle) {
        if (changed_.wait_for(lock, stop, slice, [&] { return poll_now_; })) {
          poll_now_ = false;
          return;
        }
        continue;
      }
      mailbox = mailbox_;
    }
    const auto idled = mailbox->idle(slice);
    if (!idled) {
      disconnect();  // a silent drop is normal: the next pass connects again
      continue;
    }
    if (*idled != IdleOutcome::timeout) {
      const std::scoped_lock lock{mutex_};
      poll_now_ = false;
      return;
    }
  }
}

std::chrono::milliseconds Poller::delay_after(const Error& error) {
  if (error.retry_after) return *error.retry_after;
  return error.code == ErrorCode::upstream_auth ? auth_backoff_.next() : backoff_.next();
}

// What the pass came to: metrics, readiness, the mirror in the database.
void Poller::settle(const Result<void>& passed) {
  Metrics& metrics = ports_.observer.metrics();
  metrics.gauge(Metric::mailbox_up, {settings_.code}).set(passed ? 1 : 0);
  const bool was_failing = backoff_.failures() + auth_backoff_.failures() > 0;
  if (passed) {
    backoff_.reset();
    auth_backoff_.reset();
    if (was_failing)
      ports_.observer.observe(event::mailbox_recovered, {{"mailbox", settings_.code}});
    const Instant now = ports_.clock.now();
    metrics.gauge(Metric::mailbox_last_pass_timestamp_seconds, {settings_.code})
        .set(static_cast<double>(now.time_since_epoch().count()) / 1e6);
    if (const auto pending = log_.pending_count(mailbox_id_))
      metrics.gauge(Metric::mailbox_pending, {settings_.code}).set(static_cast<double>(*pending));
    if (status().holds_lease) (void)log_.note_pass(mailbox_id_, {});
    const std::scoped_lock lock{mutex_};
    status_.ready = true;
    status_.reason = status_.holds_lease ? "" : "another daemon works on this mailbox";
    status_.last_pass = now;
    status_.consecutive_failures = 0;
    return;
  }
  const Error& error = passed.error();
  disconnect();
  metrics.counter(Metric::mailbox_failures_total, {settings_.code, to_string(error.code)}).add();
  ports_.observer.observe(event::mailbox_failed, {{"mailbox", settings_.code},
                                                  {"code", to_string(error.code)},
                                                  {"reason", error.reason},
                                                  {"failures", backoff_.failures() + 1}});
  (void)log_.note_pass(mailbox_id_, error.detail);
  const std::scoped_lock lock{mutex_};
  status_.ready = false;
  status_.reason = error.detail;
  ++status_.consecutive_failures;
}

Result<void> Poller::pass() {
  bool leased = false;
  for (const std::string& folder : settings_.folders) {
    beat();
    auto lease = ports_.leases.hold(settings_.code, folder);
    if (!lease) return std::unexpected(lease.error());
    if (!*lease) continue;
    leased = true;
    if (auto passed = folder_pass(folder, **lease); !passed) {
      if (passed.error().reason == "lease_lost") {
        ports_.leases.release(settings_.code, folder);
        leased = false;
        continue;
      }
      return passed;
    }
  }
  if (!leased) disconnect();
  const std::scoped_lock lock{mutex_};
  status_.holds_lease = leased;
  return {};
}

Result<void> Poller::folder_pass(const std::string& folder, const store::Lease& lease) {
  const MailboxContext context{settings_, mailbox_id_, folder};
  if (auto done = process_stored(context, lease); !done) return done;
  if (auto connected = connect(); !connected) return connected;
  auto key = open_folder(folder);
  if (!key) return std::unexpected(key.error());
  if (auto flagged = flag_backlog(*key); !flagged) return flagged;
  auto state = log_.folder(mailbox_id_, folder, ports_.options.compare_interval);
  if (!state) return std::unexpected(state.error());
  auto listed = state->compare_due ? compare(*key) : list_new(*key, *state);
  if (!listed) return listed;
  if (auto taken = take_in(context, *key, lease); !taken) return taken;
  ports_.observer.observe(event::mailbox_pass_finished, {{"mailbox", settings_.code}});
  return {};
}

Result<void> Poller::connect() {
  {
    const std::scoped_lock lock{mutex_};
    if (mailbox_) return {};
    if (stop_) return fail(ErrorCode::unavailable, "stopping", "interrupted");
    mailbox_ = factory_();
  }
  if (auto connected = mailbox_->connect(); !connected) {
    disconnect();
    return with_context(connected.error(), "mailbox " + settings_.code);
  }
  trusted_sizes_ = 0;
  ports_.observer.observe(
      event::mailbox_connected,
      {{"mailbox", settings_.code}, {"encrypted", mailbox_->features().encrypted}});
  return {};
}

void Poller::disconnect() {
  std::shared_ptr<Mailbox> mailbox;
  {
    const std::scoped_lock lock{mutex_};
    mailbox = std::exchange(mailbox_, nullptr);
  }
  if (mailbox && !stopping()) mailbox->logout();
}

// Selects, and never trusts a UID across another UIDVALIDITY (RFC 9051, 2.3.1.1).
Result<FolderKey> Poller::open_folder(const std::string& folder) {
  auto selected = mailbox_->select(folder, /*read_only=*/false);
  if (!selected) return with_context(selected.error(), "folder " + folder);
  selected_ = *selected;
  FolderKey key{mailbox_id_, folder, static_cast<std::int64_t>(selected_.uidvalidity)};
  auto state = log_.folder(mailbox_id_, folder, ports_.options.compare_interval);
  if (!state) return std::unexpected(state.error());
  if (state->uidvalidity == key.uidvalidity) return key;
  if (state->uidvalidity != 0)
    ports_.observer.observe(
        event::mailbox_uidvalidity_changed,
        {{"mailbox", settings_.code}, {"before", state->uidvalidity}, {"now", key.uidvalidity}});
  auto vanished = log_.change_uidvalidity(key);
  if (!vanished) return std::unexpected(vanished.error());
  if (*vanished > 0)
    ports_.observer.observe(event::message_vanished,
                            {{"mailbox", settings_.code}, {"count", *vanished}});
  return key;
}

Result<void> Poller::list_new(const FolderKey& key, const store::MailLog::Folder& state) {
  SearchCriteria criteria;
  criteria.unseen_only = settings_.unseen_only;
  criteria.since = settings_.since;
  if (!settings_.unseen_only) criteria.above = static_cast<Uid>(state.last_uid);
  auto found = mailbox_->search(criteria);
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return {};
  const std::vector<std::int64_t> uids(found->begin(), found->end());
  if (auto listed = log_.list(key, uids); !listed) return std::unexpected(listed.error());
  return log_.note_last_uid(key, uids.back());
}

// Everything the server has against everything the ledger has: what a listing missed is healed.
Result<void> Poller::compare(const FolderKey& key) {
  auto listing = mailbox_->list_all();
  if (!listing) return std::unexpected(listing.error());
  std::set<std::int64_t> wanted_since;
  if (settings_.since) {
    SearchCriteria criteria;
    criteria.since = settings_.since;
    auto recent = mailbox_->search(criteria);
    if (!recent) return std::unexpected(recent.error());
    wanted_since.insert(recent->begin(), recent->end());
  }
  std::vector<std::int64_t> fresh;
  std::vector<std::int64_t> seen;
  std::vector<std::int64_t> deleted;
  std::vector<std::int64_t> old;
  std::vector<std::int64_t> all;
  for (const ListedMessage& message : *listing) {
    all.push_back(message.uid);
    if (settings_.since && !wanted_since.contains(message.uid)) {
      old.push_back(message.uid);
    } else if (message.deleted) {
      deleted.push_back(message.uid);  // somebody is about to remove it
    } else {
      (settings_.unseen_only && message.seen ? seen : fresh).push_back(message.uid);
    }
  }
  if (auto listed = log_.list(key, fresh); !listed) return std::unexpected(listed.error());
  for (const auto& [uids, rule] :
       {std::pair{&seen, "already-seen"}, {&deleted, "already-deleted"}, {&old, "before-since"}}) {
    if (auto listed = log_.list_ignored(key, *uids, rule); !listed)
      return std::unexpected(listed.error());
  }

  auto pending = log_.listed_uids(key);
  if (!pending) return std::unexpected(pending.error());
  std::vector<std::int64_t> gone;
  std::ranges::set_difference(*pending, all, std::back_inserter(gone));
  auto vanished = log_.vanish(key, gone);
  if (!vanished) return std::unexpected(vanished.error());
  if (*vanished > 0)
    ports_.observer.observe(event::message_vanished,
                            {{"mailbox", settings_.code}, {"count", *vanished}});
  if (!all.empty()) {
    if (auto noted = log_.note_last_uid(key, all.back()); !noted) return noted;
  }
  return log_.note_compared(key);
}

// What was stored before and not finished: after a crash, a retry, a temporary failure.
Result<void> Poller::process_stored(const MailboxContext& context, const store::Lease& lease) {
  std::int64_t above = 0;
  while (!stopping()) {
    beat();
    auto due = log_.stored_due(mailbox_id_, context.folder, above, settings_.batch_messages);
    if (!due) return std::unexpected(due.error());
    if (due->empty()) return {};
    above = due->back().id;
    std::vector<IncomingMail> mails;
    for (const PendingMail& mail : *due) {
      auto raw = load_raw(ports_.database, mail.raw_sha256, ports_.options.spool_folder,
                          ports_.options.spool_bytes);
      if (!raw) return std::unexpected(raw.error());
      mails.push_back({.ledger_id = mail.id,
                       .uid = mail.uid,
                       .attempts = mail.attempts,
                       .stored = true,
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
                             const store::Lease& lease) {
  std::deque<Flight> flights;
  const auto land_first = [&] {
    Flight first = std::move(flights.front());
    flights.pop_front();
    return land(std::move(first));
  };
  std::int64_t above = 0;
  while (!stopping()) {
    beat();
    auto due = log_.listed_due(key, above, settings_.batch_messages);
    Result<std::vector<IncomingMail>> mails = std::vector<IncomingMail>{};
    if (due && !due->empty()) {
      above = due->back().uid;
      mails = fetch(key, *due, context, lease);
    }
    // What is on its way lands before anything else: also when fetching failed.
    const bool last = !due || !mails || due->empty();
    while (!flights.empty() && (last || flights.size() >= kFlights)) {
      if (auto landed = land_first(); !landed) return landed;
    }
    if (!due) return std::unexpected(due.error());
    if (!mails) return std::unexpected(mails.error());
    if (due->empty()) return {};
    if (mails->empty()) continue;
    flights.push_back(
        launch(std::move(*mails), flights.empty() ? nullptr : &flights.back(), context, lease));
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
