#include "ingest/batch_processor.h"

#include <algorithm>
#include <exception>

#include "ingest/stage_timer.h"
#include "store/blob.h"

namespace c360::ingest {

namespace {

using store::Outcome;
using store::QuarantineReason;

constexpr std::size_t kMostSlow = 1'000;  // mails remembered: one a pass while all is slow

std::vector<std::int64_t> ids_of(std::span<const ReadMail> mails) {
  std::vector<std::int64_t> ids;
  for (const ReadMail& mail : mails) ids.push_back(mail.incoming.ledger_id);
  return ids;
}

bool lost_race(const Error& error) {
  return error.reason == "serialization_failure" || error.reason == "deadlock" ||
         error.reason == store::kSameBytesTwice;
}

// Without space, memory or a free connection the database fails every mail: that is no mail's
// fault.
bool lacks_resources(const Error& error) {
  return error.reason == "server_resources" || error.reason == "pool_exhausted";
}

// A slow database, a lock that somebody holds, or a mail that asks too much of it.
bool took_too_long(const Error& error) {
  return error.reason == "statement_timeout" || error.reason == "lock_timeout";
}

}  // namespace

std::chrono::milliseconds BatchProcessor::delay_before(int attempt) const {
  Backoff backoff{options_.retry};
  std::chrono::milliseconds delay = backoff.next();
  for (int i = 1; i < attempt; ++i) delay = backoff.next();
  return delay;
}

Result<ReadBatch> BatchProcessor::read(const MailboxContext& mailbox,
                                       std::vector<IncomingMail> mails, const store::Lease& lease) {
  const std::string& code = mailbox.settings.code;
  {
    const StageTimer timer{observer_, code, "store"};
    if (auto stored = store_raw(mails, lease); !stored) return std::unexpected(stored.error());
  }
  const StageTimer timer{observer_, code, "prepare"};
  ReadBatch batch;
  batch.mails.reserve(mails.size());
  std::vector<std::int64_t> waiting;
  std::string waiting_for;
  for (IncomingMail& mail : mails) {
    if (mail.attempts >= options_.attempt_limit) {
      batch.given_up.push_back(std::move(mail));
      continue;
    }
    if (mail.attempts > 0) {
      batch.suspects.push_back(std::move(mail));
      continue;
    }
    const std::int64_t id = mail.ledger_id;
    if (auto read = read_one(mailbox, std::move(mail), waiting_for)) {
      batch.mails.push_back(std::move(*read));
    } else {
      waiting.push_back(id);
    }
  }
  if (!waiting.empty()) {
    if (auto later = log_under(lease).postpone(waiting, waiting_for, options_.scanner_retry);
        !later)
      return std::unexpected(later.error());
  }
  return batch;
}

std::optional<ReadMail> BatchProcessor::read_one(const MailboxContext& mailbox,
                                                 IncomingMail incoming, std::string& why) const {
  ReadMail mail = inboxes_.read(std::move(incoming), mailbox.settings);
  Metrics& metrics = observer_.metrics();
  for (const std::string& format : mail.result.special_formats)
    metrics.counter(Metric::mail_special_formats_total, {format}).add();
  metrics
      .counter(Metric::mail_charset_paths_total,
               {mail.parsed ? parsers::to_string(mail.message().body.charset_path) : "unread"})
      .add();
  if (!let_scan(mail, why)) return std::nullopt;
  return mail;
}

bool BatchProcessor::let_scan(ReadMail& mail, std::string& why) const {
  const auto count = [&](std::string_view result) {
    observer_.metrics().counter(Metric::mail_scans_total, {result}).add();
  };
  const bool was_ended = mail.ended;
  if (auto scanned = inboxes_.scan(mail); !scanned) {
    why = scanned.error().detail;
    count("unavailable");
    note_scanner(why);
    return false;
  }
  const bool clean = mail.scanned && !mail.contents.empty();
  const bool infected = mail.ended && !was_ended && mail.has_contents;
  if (clean) count("clean");
  if (infected) count("infected");
  if (clean || infected) note_scanner({});
  return true;
}

void BatchProcessor::note_scanner(std::string fault) const {
  const std::scoped_lock lock{mutex_};
  scanner_fault_ = std::move(fault);
}

std::string BatchProcessor::scanner_fault() const {
  const std::scoped_lock lock{mutex_};
  return scanner_fault_;
}

void BatchProcessor::forget_scanner_fault() { note_scanner({}); }

Result<void> BatchProcessor::give_up(const MailboxContext& mailbox, IncomingMail mail,
                                     const store::Lease& lease, BatchReport& report) {
  const std::string count = std::to_string(mail.attempts);
  const std::string why =
      mail.error.empty() ? "no attempt came to an end: the service or its database went away in it"
                         : "the last one: " + mail.error;
  ReadMail lost;
  lost.incoming = std::move(mail);
  lost.result.id = lost.incoming.ledger_id;
  return end_alone(mailbox, lost, QuarantineReason::too_many_retries,
                   "given up after " + count + " attempts; " + why, lease, report);
}

Result<BatchReport> BatchProcessor::apply(const MailboxContext& mailbox, ReadBatch batch,
                                          const store::Lease& lease) {
  const StageTimer timer{observer_, mailbox.settings.code, "apply"};
  BatchReport report;
  for (IncomingMail& mail : batch.given_up) {
    if (auto ended = give_up(mailbox, std::move(mail), lease, report); !ended)
      return std::unexpected(ended.error());
  }
  if (auto applied = apply_mails(mailbox, batch.mails, lease, report); !applied)
    return std::unexpected(applied.error());
  for (IncomingMail& suspect : batch.suspects) {
    const std::int64_t id = suspect.ledger_id;
    if (suspect.stored) {
      if (auto counted = log_under(lease).count_attempts({&id, 1}); !counted)
        return std::unexpected(counted.error());
    }
    std::string why;
    auto mail = read_one(mailbox, std::move(suspect), why);
    if (!mail) {
      if (auto later = log_under(lease).postpone({&id, 1}, why, options_.scanner_retry); !later)
        return std::unexpected(later.error());
      continue;
    }
    if (auto applied = apply_mails(mailbox, {&*mail, 1}, lease, report); !applied)
      return std::unexpected(applied.error());
  }
  std::ranges::sort(report.finished, {}, &store::FlagDue::uid);
  return report;
}

store::MailLog BatchProcessor::log_under(const store::Lease& lease) const {
  store::MailLog log{database_};
  log.act_under(lease);
  return log;
}

// Before anything is interpreted: a crash while reading finds the raw mail here, and its attempt
// counted.
Result<void> BatchProcessor::store_raw(std::vector<IncomingMail>& mails,
                                       const store::Lease& lease) {
  std::vector<store::StoredRaw> rows;
  std::vector<store::BlobContent> contents;
  std::vector<std::int64_t> begun_before;
  for (const IncomingMail& mail : mails) {
    if (mail.stored) {
      if (mail.attempts == 0) begun_before.push_back(mail.ledger_id);
      continue;
    }
    rows.push_back({.id = mail.ledger_id,
                    .sha256 = mail.raw.sha256(),
                    .size_bytes = static_cast<std::int64_t>(mail.raw.size()),
                    .internal_date = mail.internal_date});
    if (mail.raw.in_memory()) contents.push_back({mail.raw.sha256(), mail.raw.bytes()});
  }
  if (!begun_before.empty()) {
    if (auto counted = log_under(lease).count_attempts(begun_before); !counted) return counted;
  }
  if (rows.empty()) return {};
  return store::in_transaction(database_, store::Pool::work,
                               [&](store::Transaction& tx) -> Result<void> {
                                 store::queue_fence_check(tx, lease);
                                 for (const IncomingMail& mail : mails) {
                                   if (mail.stored || mail.raw.in_memory()) continue;
                                   if (auto put = put_raw(tx, mail.raw); !put) return put;
                                 }
                                 if (!contents.empty()) store::queue_put_blobs(tx, contents);
                                 store::MailLog::queue_stored(tx, rows);
                                 return {};
                               });
}

// All together; if that is refused, each alone, so that a bad one does not take its neighbours with
// it.
Result<void> BatchProcessor::apply_mails(const MailboxContext& mailbox, std::span<ReadMail> mails,
                                         const store::Lease& lease, BatchReport& report) {
  if (mails.empty()) return {};
  Result<std::vector<ReadMail*>> applied = apply_once(mailbox, mails, lease);
  // The bytes of another transaction won the race: what we saw before is no longer so.
  for (int attempt = 1; !applied && attempt < 3 && lost_race(applied.error()); ++attempt) {
    applied = apply_once(mailbox, mails, lease);
  }
  if (applied) {
    note_applied(*applied);
    report_ends(mailbox, *applied, report);
    return {};
  }
  const Error& error = applied.error();
  if (error.reason == "lease_lost") return std::unexpected(error);
  if (error.temporary()) {
    put_off(mails, error, lease);
    report.deferred += mails.size();
    return std::unexpected(error);
  }
  if (mails.size() > 1) {
    for (ReadMail& mail : mails) {
      ReadMail again = inboxes_.read(std::move(mail.incoming), mailbox.settings);
      std::string why;
      if (!let_scan(again, why)) {
        const std::int64_t id = again.incoming.ledger_id;
        if (auto later = log_under(lease).postpone({&id, 1}, why, options_.scanner_retry); !later)
          return later;
        continue;
      }
      if (auto alone = apply_mails(mailbox, {&again, 1}, lease, report); !alone) return alone;
    }
    return {};
  }
  return end_alone(mailbox, mails.front(), QuarantineReason::parse_error,
                   "the record it would make was refused: " + error.detail, lease, report);
}

// Their own back-off begins when it is not everything that fails.
void BatchProcessor::put_off(std::span<const ReadMail> mails, const Error& error,
                             const store::Lease& lease) {
  if (error.reason == "connection_lost" || error.reason == "commit_unknown") return;
  const auto delay = delay_before(mails.front().incoming.attempts + 1);
  store::MailLog log = log_under(lease);
  if (lacks_resources(error) || is_forgiven(mails, error)) {
    (void)log.postpone(ids_of(mails), error.detail, delay);
  } else {
    (void)log.defer(ids_of(mails), error.detail, delay);
  }
}

// Whether the attempt is not counted, because it says as much of the database as of the mail. The
// first one stays counted, so that the mail is tried alone from then on; one that takes too long
// alone, again and again while others pass, is to blame itself.
bool BatchProcessor::is_forgiven(std::span<const ReadMail> mails, const Error& error) {
  if (!took_too_long(error)) return false;
  if (options_.attempt_limit <= 1) return true;  // there is no second one to try it alone in
  if (mails.front().incoming.attempts == 0) return false;
  const std::scoped_lock lock{mutex_};
  if (slow_.size() > kMostSlow) slow_.clear();
  const auto slow = slow_.try_emplace(mails.front().incoming.ledger_id, applied_).first;
  return std::exchange(slow->second, applied_) == applied_;
}

void BatchProcessor::note_applied(std::span<ReadMail* const> mails) {
  const std::scoped_lock lock{mutex_};
  applied_ += mails.size();
  for (const ReadMail* mail : mails) slow_.erase(mail->incoming.ledger_id);
}

Result<std::vector<ReadMail*>> BatchProcessor::apply_once(const MailboxContext& mailbox,
                                                          std::span<ReadMail> mails,
                                                          const store::Lease& lease) {
  auto tx = database_.begin(store::Pool::work, store::TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  const store::Ticket lock = store::MailLog::queue_lock(*tx, ids_of(mails));
  store::queue_fence_check(*tx, lease);
  if (auto locked = tx->run(); !locked) return std::unexpected(locked.error());
  const std::vector<std::int64_t> ours = store::MailLog::locked(*tx, lock);
  // Almost always all of them, in order; a mail that ended meanwhile is moved behind the others.
  std::size_t live_count = 0;
  for (std::size_t i = 0; i < mails.size(); ++i) {
    if (!std::ranges::binary_search(ours, mails[i].incoming.ledger_id)) continue;
    if (i != live_count) std::swap(mails[i], mails[live_count]);
    ++live_count;
  }
  const auto live = mails.first(live_count);
  if (auto applied = inboxes_.apply(*tx, mailbox, live); !applied)
    return std::unexpected(applied.error());
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  std::vector<ReadMail*> ended;
  for (ReadMail& mail : live) ended.push_back(&mail);
  return ended;
}

Result<void> BatchProcessor::end_alone(const MailboxContext& mailbox, ReadMail& mail,
                                       QuarantineReason reason, const std::string& details,
                                       const store::Lease& lease, BatchReport& report) {
  mail.result.outcome = Outcome::quarantined;
  mail.result.record_id.reset();
  mail.result.duplicate_of_id.reset();
  mail.result.quarantine_reason = reason;
  mail.result.quarantine_details = details;
  mail.result.error = details;
  auto done = store::in_transaction(database_, store::Pool::work,
                                    [&](store::Transaction& tx) -> Result<void> {
                                      store::queue_fence_check(tx, lease);
                                      store::MailLog::queue_finished(tx, {&mail.result, 1});
                                      return {};
                                    });
  if (!done) return done;
  {
    const std::scoped_lock lock{mutex_};
    slow_.erase(mail.incoming.ledger_id);
  }
  std::vector<ReadMail*> ended{&mail};
  report_ends(mailbox, ended, report);
  return {};
}

Result<void> BatchProcessor::quarantine_unread(const MailboxContext& mailbox,
                                               const store::PendingMail& mail,
                                               QuarantineReason reason, const std::string& details,
                                               const store::Lease& lease) {
  ReadMail unread;
  unread.incoming.ledger_id = mail.id;
  unread.incoming.uid = mail.uid;
  unread.result.id = mail.id;
  BatchReport report;
  return end_alone(mailbox, unread, reason, details, lease, report);
}

void BatchProcessor::report_ends(const MailboxContext& mailbox, std::span<ReadMail* const> mails,
                                 BatchReport& report) const {
  const std::string& code = mailbox.settings.code;
  Metrics& metrics = observer_.metrics();
  for (const ReadMail* mail : mails) {
    const store::MailResult& result = mail->result;
    report.finished.push_back(
        {.id = result.id, .uid = mail->incoming.uid, .outcome = result.outcome});
    metrics.counter(Metric::mail_outcomes_total, {code, store::to_string(result.outcome)}).add();
    if (!result.rule_id.empty())
      metrics.counter(Metric::mail_rule_matches_total, {code, result.rule_id}).add();
    if (result.quarantine_reason) {
      const std::string_view reason = store::to_string(*result.quarantine_reason);
      metrics.counter(Metric::mail_quarantined_total, {code, reason}).add();
      observer_.observe(event::message_quarantined, {{"mailbox", code},
                                                     {"mail", result.id},
                                                     {"uid", mail->incoming.uid},
                                                     {"reason", reason},
                                                     {"rule", result.rule_id}});
      continue;
    }
    if (mail->incoming.internal_date)
      metrics.histogram(Metric::mail_processing_delay_seconds, {code})
          .observe(std::chrono::duration<double>(std::chrono::system_clock::now() -
                                                 *mail->incoming.internal_date)
                       .count());
    observer_.observe(event::message_accepted, {{"mailbox", code},
                                                {"mail", result.id},
                                                {"uid", mail->incoming.uid},
                                                {"outcome", store::to_string(result.outcome)},
                                                {"record", result.record_id.value_or(0)},
                                                {"rule", result.rule_id}});
  }
}

}  // namespace c360::ingest
