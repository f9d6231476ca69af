#include "ingest/poller.h"

#include <algorithm>
#include <exception>

#include "ingest/mail_import.h"
#include "store/operations/find_employee.h"

namespace c360::ingest {

namespace {

using store::FolderKey;

constexpr std::chrono::milliseconds kLeasePatience{5'000};  // another daemon has the mailbox
constexpr std::size_t kMostImported = 10'000;               // told of at a time
constexpr std::chrono::milliseconds kLongestIdle{60'000};   // then the watchdog hears of us

// Providers end a session between two passes: Gmail with its token, others after minutes. That is a
// failure only when the next connection fails too.
bool hung_up(const Error& error) {
  return error.reason == "connection_lost" || error.reason == "server_bye";
}

// It is there and too slow, or has no room: that is over as soon as it is well again.
bool is_of_the_database(const Error& error) {
  return error.reason == "statement_timeout" || error.reason == "lock_timeout" ||
         error.reason == "server_resources";
}

std::string loop_name(const MailboxSettings& settings) { return "mailbox." + settings.code; }

}  // namespace

Poller::Poller(std::int64_t mailbox_id, MailboxSettings settings, MailboxFactory connect,
               PollerPorts ports)
    : mailbox_id_(mailbox_id),
      settings_(std::move(settings)),
      factory_(std::move(connect)),
      ports_(ports),
      log_(ports.database),
      processor_(ports.database, ports.inboxes,
                 {.attempt_limit = ports.options.attempt_limit, .retry = ports.options.pace.mail},
                 ports.observer),
      backoff_(ports.options.pace.failure),
      refusal_backoff_(ports.options.pace.refusal),
      database_backoff_(ports.options.pace.database),
      false_alarms_(ports.options.pace.false_alarm),
      sync_(log_, mailbox_id, settings_.code, ports.observer.metrics(), ports.clock) {
  status_.code = settings_.code;
  status_.kind = settings_.kind;
  status_.reason = "the first pass has not ended yet";
  Metrics& metrics = ports_.observer.metrics();
  metrics.gauge(Metric::mailbox_up, {settings_.code}).set(0);
  for (const Metric counted :
       {Metric::mail_fetch_retries_total, Metric::mailbox_comparison_failures_total})
    metrics.counter(counted, {settings_.code}).add(0);
  (void)healed(kMissed);
  (void)healed(kGone);
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

bool Poller::awaits_lease() const {
  const std::scoped_lock lock{mutex_};
  return status_.ready && awaits_lease_;
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
    judge_alarm();
    const bool leased = status().holds_lease;
    if (passed && more_) continue;
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
    if (*idled == IdleOutcome::timeout) continue;
    alarmed_ = *idled == IdleOutcome::changed;
    std::unique_lock lock{mutex_};
    // Not past the time of the pass that was due anyway.
    if (alarmed_)
      changed_.wait_until(lock, stop, std::min(until, alarm_ends_), [&] { return poll_now_; });
    poll_now_ = false;
    return;
  }
}

// A server that announces mail in every IDLE and has none would make passes follow each other
// without a pause.
void Poller::judge_alarm() {
  if (!std::exchange(alarmed_, false)) return;
  if (found_news_) {
    false_alarms_.reset();
    alarm_ends_ = {};
  } else {
    alarm_ends_ = std::chrono::steady_clock::now() + false_alarms_.next();
  }
}

std::chrono::milliseconds Poller::delay_after(const Error& error) {
  if (!ports_.database.healthy() || is_of_the_database(error)) return database_backoff_.next();
  const IntakePace& pace = ports_.options.pace;
  if (error.retry_after)
    return std::clamp<std::chrono::milliseconds>(*error.retry_after, pace.shortest_patience,
                                                 pace.longest_patience);
  const bool refused =
      error.code == ErrorCode::upstream_auth || error.code == ErrorCode::rate_limited;
  return refused ? refusal_backoff_.next() : backoff_.next();
}

// What the pass came to: metrics, readiness, the mirror in the database.
void Poller::settle(const Result<void>& passed) {
  Metrics& metrics = ports_.observer.metrics();
  metrics.gauge(Metric::mailbox_up, {settings_.code}).set(passed ? 1 : 0);
  const bool was_failing = status().consecutive_failures > 0;
  if (passed) {
    backoff_.reset();
    refusal_backoff_.reset();
    database_backoff_.reset();
    if (was_failing)
      ports_.observer.observe(event::mailbox_recovered, {{"mailbox", settings_.code}});
    const Instant now = ports_.clock.now();
    metrics.gauge(Metric::mailbox_last_pass_timestamp_seconds, {settings_.code})
        .set(static_cast<double>(now.time_since_epoch().count()) / 1e6);
    if (status().holds_lease) (void)log_.note_pass(mailbox_id_, complaint_);
    tell_complaint();
    const std::scoped_lock lock{mutex_};
    status_.ready = complaint_.empty();
    status_.reason = !status_.holds_lease ? "another daemon works on this mailbox"
                     : complaint_.empty() ? remark_
                                          : complaint_;
    status_.last_pass = now;
    status_.consecutive_failures = 0;
    return;
  }
  const Error& error = passed.error();
  disconnect();
  metrics.counter(Metric::mailbox_failures_total, {settings_.code, to_string(error.code)}).add();
  (void)log_.note_pass(mailbox_id_, error.detail);
  const std::scoped_lock lock{mutex_};
  status_.ready = false;
  status_.reason = error.detail;
  ++status_.consecutive_failures;
  ports_.observer.observe(event::mailbox_failed, {{"mailbox", settings_.code},
                                                  {"code", to_string(error.code)},
                                                  {"reason", error.reason},
                                                  {"failures", status_.consecutive_failures}});
}

// Once for each that is new; the mails are taken in all the same.
void Poller::tell_complaint() {
  if (complaint_.empty()) {
    told_complaint_.clear();
    return;
  }
  ports_.observer.metrics().gauge(Metric::mailbox_up, {settings_.code}).set(0);
  if (complaint_ == std::exchange(told_complaint_, complaint_)) return;
  ports_.observer.observe(event::mailbox_failed, {{"mailbox", settings_.code},
                                                  {"code", to_string(ErrorCode::unavailable)},
                                                  {"reason", complaint_},
                                                  {"failures", 0}});
}

// Mail is not held up for a person who left; but nobody shall look for him in vain.
Result<void> Poller::check_responsible() {
  if (settings_.responsible.empty()) return {};
  auto employee = store::find_employee(ports_.database, settings_.responsible);
  if (!employee) return std::unexpected(employee.error());
  if (!*employee)
    complain("responsible = '" + settings_.responsible +
             "' is the login, e-mail or id of no active employee, or of two: what this mailbox "
             "makes has nobody responsible");
  return {};
}

// Mail waits for it; that must not look like health.
Result<void> Poller::check_scanner() {
  const std::string fault = processor_.scanner_fault();
  if (fault.empty()) return {};
  std::vector<std::string> folders = settings_.folders;
  folders.emplace_back(kImportFolder);
  for (const std::string& folder : folders) {
    auto pending = log_.any_pending(mailbox_id_, folder);
    if (!pending) return std::unexpected(pending.error());
    if (!*pending) continue;
    complain("mail with attachments waits, the virus scanner does not answer: " + fault);
    return {};
  }
  processor_.forget_scanner_fault();
  return {};
}

void Poller::complain(std::string text) {
  complaint_ += complaint_.empty() ? std::move(text) : "; " + text;
}

// A fault of ours, or memory that is not there, is the failure of this mailbox's pass: the service
// and its other mailboxes go on. The attempts of the mails under way are counted.
Result<void> Poller::pass() {
  try {
    return pass_over_folders();
  } catch (const std::exception& fault) {
    return fail(ErrorCode::internal, std::string("the pass broke off: ") + fault.what(),
                "exception");
  }
}

Result<void> Poller::pass_over_folders() {
  bool leased = false;
  bool others = false;  // another daemon has one of the folders
  more_ = false;
  found_news_ = false;
  remark_.clear();
  complaint_.clear();
  for (const std::string& folder : settings_.folders) {
    beat();
    auto lease = ports_.leases.hold(settings_.code, folder);
    if (!lease) return std::unexpected(lease.error());
    if (!*lease) {
      others = true;
      continue;
    }
    leased = true;
    if (auto passed = folder_pass(folder, **lease); !passed) {
      if (passed.error().reason == "lease_lost") {
        ports_.leases.release(settings_.code, folder);
        leased = false;
        continue;
      }
      // What one folder refuses, such as one that somebody renamed, does not stop the others.
      const bool alone = settings_.folders.size() == 1;
      if (alone || passed.error().code != ErrorCode::upstream_rejected) return passed;
      complain(passed.error().detail);
    }
  }
  if (leased) {
    if (auto checked = check_responsible(); !checked) return checked;
    if (auto checked = check_scanner(); !checked) return checked;
    if (auto finished = finish_import(); !finished) return finished;
  } else {
    disconnect();
  }
  const std::scoped_lock lock{mutex_};
  status_.holds_lease = leased;
  awaits_lease_ = others || !leased;
  return {};
}

Result<void> Poller::finish_import() {
  auto left = log_.any_pending(mailbox_id_, kImportFolder);
  if (!left) return std::unexpected(left.error());
  if (!*left) return {};
  auto lease = ports_.leases.hold(settings_.code, kImportFolder);
  if (!lease) return std::unexpected(lease.error());
  if (!*lease) return {};  // it is still under way
  const MailboxContext context{settings_, mailbox_id_, std::string(kImportFolder)};
  const FolderKey key{mailbox_id_, context.folder, kImportUidvalidity};
  log_.act_under(**lease);
  // Listed and not stored: those bytes are gone with the process that had them.
  auto done = [&]() -> Result<void> {
    auto listed = log_.listed_uids(key);
    if (!listed) return std::unexpected(listed.error());
    if (auto gone = log_.vanish(key, *listed); !gone) return std::unexpected(gone.error());
    if (auto processed = process_stored(context, **lease); !processed) return processed;
    auto due = log_.flags_due(key, 0, kMostImported);
    if (!due) return std::unexpected(due.error());
    std::vector<std::int64_t> ids;
    for (const store::FlagDue& mail : *due) ids.push_back(mail.id);
    return log_.note_flagged(ids);  // no server has to be told
  }();
  ports_.leases.release(settings_.code, kImportFolder);
  return done;
}

Result<void> Poller::folder_pass(const std::string& folder, const store::Lease& lease) {
  const MailboxContext context{settings_, mailbox_id_, folder};
  log_.act_under(lease);
  if (auto done = process_stored(context, lease); !done) return done;
  const bool kept = mailbox_ != nullptr;
  if (auto connected = connect(); !connected) return connected;
  auto key = open_folder(folder);
  if (!key && kept && hung_up(key.error())) {
    disconnect();
    if (auto connected = connect(); !connected) return connected;
    key = open_folder(folder);
  }
  if (!key) return std::unexpected(key.error());
  if (auto flagged = flag_backlog(*key); !flagged) return flagged;
  auto state = list(*key);
  if (!state) return std::unexpected(state.error());
  auto taken = take_in(context, *key, *state, lease);
  report_sync(true);
  if (!taken) return taken;
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

void Poller::report_sync(bool now) {
  const auto status = sync_.report(now);
  if (!status) return;
  const std::scoped_lock lock{mutex_};
  status_.sync = *status;
}

}  // namespace c360::ingest
