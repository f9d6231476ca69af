// One mailbox, one thread: list, fetch, hand over, flag; wait; again (design.md 4).
//
// Some batches are on their way at once: one is fetched while others are stored, read and applied.
// A batch that may find what one before it makes is applied after that one (batch_ties.h). Nothing
// that matters is kept in memory: a poller that dies anywhere leaves what the next one needs in the
// ledger.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/base/retry.h"
#include "ingest/batch_processor.h"
#include "ingest/batch_ties.h"
#include "ingest/fetched_batch.h"
#include "ingest/first_sync.h"
#include "ingest/intake.h"
#include "ingest/lease_keeper.h"
#include "ingest/mailbox.h"
#include "ingest/mailbox_settings.h"
#include "ingest/worker_pool.h"
#include "store/mail_log.h"

namespace c360::ingest {

// What all pollers share; owned by the Intake, outlives them.
struct PollerPorts {
  store::Database& database;
  const Inboxes& inboxes;
  LeaseKeeper& leases;
  WorkerPool& workers;
  const IntakeOptions& options;
  const Observer& observer;
  const Clock& clock;
};

class Poller {
 public:
  Poller(std::int64_t mailbox_id, MailboxSettings settings, MailboxFactory connect,
         PollerPorts ports);
  ~Poller();  // stop()
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void start();
  // Ends the wait or the network call under way; a batch being applied is finished. Does not wait.
  void request_stop();
  void join();
  void poll_now();

  // One pass over all folders: what start()'s thread does again and again. For tests also alone.
  Result<void> pass();

  const MailboxSettings& settings() const { return settings_; }
  MailboxStatus status() const;
  // The last pass found the mailbox, or a folder of it, in the hands of another daemon.
  bool awaits_lease() const;

 private:
  class Course;      // of a batch: how far it is
  struct CourseEnd;  // tells of it, also when an exception ends the batch
  class Flight;      // a batch handed over and not yet answered
  using Courses = std::vector<std::shared_ptr<const Course>>;

  void run(const std::stop_token& stop);
  void wait(std::chrono::milliseconds delay, const std::stop_token& stop);
  void judge_alarm();
  Result<void> pass_over_folders();
  Result<void> check_responsible();
  Result<void> check_scanner();
  void complain(std::string text);
  void settle(const Result<void>& pass);
  void tell_complaint();
  std::chrono::milliseconds delay_after(const Error& error);

  Result<void> connect();
  void disconnect();
  Result<void> folder_pass(const std::string& folder, const store::Lease& lease);
  // What an import of this mailbox left when its process died (mail_import.h).
  Result<void> finish_import();
  Result<void> process_stored(const MailboxContext& context, const store::Lease& lease);
  Result<store::FolderKey> open_folder(const std::string& folder);
  Result<SelectedMailbox> select(const std::string& folder);
  Result<store::MailLog::Folder> list(const store::FolderKey& key);
  Result<void> list_new(const store::FolderKey& key, const store::MailLog::Folder& state);
  bool goes_on(const store::FolderKey& key) const;
  Result<std::vector<Uid>> search_new(const store::FolderKey& key, SearchCriteria criteria);
  std::optional<std::vector<Uid>> told_news(const SearchCriteria& criteria) const;
  Result<bool> pending_vanished(const store::FolderKey& key);
  bool contradicts(const std::vector<std::int64_t>& there) const;
  void distrust_modseq(std::string_view why);
  Result<void> compare(const store::FolderKey& key, const store::MailLog::Folder& state);
  // Of the very first listing: what first_sync_limit leaves out moves from `fresh` to the result.
  std::vector<std::int64_t> beyond_limit(std::vector<std::int64_t>& fresh,
                                         const store::MailLog::Folder& state) const;
  void report(const store::MailLog::Comparison& found) const;
  // Mails that we handled and told the server of, which shows them as it did before.
  // What the mailbox wants of a folder, by now; empty: everything.
  MailTerms terms() const;
  Result<std::set<std::int64_t>> uids_that(const SearchCriteria& criteria);
  Result<void> look_for_forgotten_flags(const store::FolderKey& key,
                                        const std::vector<ListedMessage>& listing);
  // What a comparison heals, as the metric labels it.
  static constexpr std::string_view kMissed = "missed";
  static constexpr std::string_view kGone = "gone";
  Counter healed(std::string_view kind) const;
  Counter retries() const;
  Result<void> take_in(const MailboxContext& context, const store::FolderKey& key,
                       const store::MailLog::Folder& state, const store::Lease& lease);
  void report_sync(bool now);
  struct Fetched {
    std::vector<IncomingMail> mails;  // also what came before the end
    Result<void> ended;
  };
  // poller_doubts.cpp. `in_flight`: mails that are handed over and perhaps not stored yet. `ended`:
  // how the connection was left, in and out; an error is the ledger's, and the batch void.
  using MailsInFlight = std::vector<store::MailBytes>;
  using Due = std::map<Uid, const store::PendingMail*>;
  Result<std::set<Sha256>> known_bytes(const store::FolderKey& key,
                                       const std::vector<Sha256>& digests,
                                       const MailsInFlight& in_flight);
  Result<void> fetch_doubtful(const store::FolderKey& key, const MailsInFlight& in_flight,
                              FetchedBatch& batch, Result<void>& ended);
  Result<MailsInFlight> originals_of(const store::FolderKey& key,
                                     const std::map<Sha256, std::vector<Uid>>& copies,
                                     const MailsInFlight& in_flight);
  Result<void> question_originals(const store::FolderKey& key, const MailsInFlight& in_flight,
                                  FetchedBatch& batch, Due& by_uid, const MailboxContext& context,
                                  const store::Lease& lease, Result<void>& ended);
  Result<void> exchange(const store::MailBytes& original, const store::PendingMail& owner,
                        const MailboxContext& context, const store::Lease& lease);
  Fetched fetch(const store::FolderKey& key, const std::vector<store::PendingMail>& due,
                const std::deque<Flight>& flights, const MailboxContext& context,
                const store::Lease& lease);
  Result<void> settle_unfetched(const store::FolderKey& key, const FetchedBatch& batch, Due& by_uid,
                                int patience, const MailboxContext& context,
                                const store::Lease& lease);
  Result<void> note_unfetched(const store::PendingMail& mail, const Error& error, int patience,
                              const MailboxContext& context, const store::Lease& lease);
  static Result<void> await_turn(Course& course, const BatchTies& ties, const Courses& before);
  Flight launch(std::vector<IncomingMail> mails, const std::deque<Flight>& flights,
                const MailboxContext& context, const store::Lease& lease);
  Result<void> land(Flight flight);
  Result<void> flag_backlog(const store::FolderKey& key);
  Result<void> flag(const std::vector<store::FlagDue>& due);
  // Whether the handled ones were asked to leave the folder.
  Result<bool> tell_server(const std::vector<store::FlagDue>& due);
  Result<void> copy_handled(const std::vector<Uid>& handled);
  // What a person should know although the pass goes on.
  void remark(std::string text) { remark_ = std::move(text); }
  void beat() const;
  bool stopping() const;

  const std::int64_t mailbox_id_;
  const MailboxSettings settings_;
  MailboxFactory factory_;
  PollerPorts ports_;
  store::MailLog log_;
  BatchProcessor processor_;
  Backoff backoff_;
  Backoff refusal_backoff_;
  Backoff database_backoff_;
  Backoff false_alarms_;
  FirstSync sync_;
  bool more_ = false;  // the pass ended before everything was taken
  // Of the pass under way: mails that got another UID while they were handed over. The next one
  // tells the server of their end.
  std::set<std::int64_t> exchanged_;
  // By folder, under its UIDVALIDITY: copied, and the server was not told of their end yet. A hint:
  // who begins anew copies again.
  struct Copied {
    std::uint32_t uidvalidity = 0;
    std::set<Uid> uids;
  };
  std::set<Uid>& copied();
  std::map<std::string, Copied, std::less<>> copied_;

  mutable std::mutex mutex_;  // guards what follows up to the empty line
  std::condition_variable_any changed_;
  std::shared_ptr<Mailbox> mailbox_;  // shared with request_stop() only
  MailboxStatus status_;
  bool poll_now_ = false;
  bool stop_ = false;
  bool awaits_lease_ = false;

  SelectedMailbox selected_;
  // How far a listing of a folder went, of this poller alone: without it, and with other settings,
  // everything is listed.
  struct Listed {
    FolderState state;     // modseq 0: not listed
    std::size_t told = 0;  // messages flagged or removed by ourselves since it was last selected
    std::int64_t forgotten = 0;  // handled mails without a flag, as told of last
  };
  std::map<std::string, Listed, std::less<>> listed_;
  std::string remark_;             // of the pass under way
  bool flags_refused_ = false;     // in the folder that is open
  bool listed_by_modseq_ = false;  // the same
  bool trusts_modseq_ = true;      // no comparison found what a listing by it had passed by
  int failed_resyncs_ = 0;         // one after the other
  // Mails in one batch; one after a fetch broke the connection, to find the mail that does that.
  std::size_t fetch_at_most_ = settings_.batch_messages;
  bool found_news_ = false;  // the last pass listed mail that was new to the ledger
  bool alarmed_ = false;     // it was made because the server announced mail
  std::chrono::steady_clock::time_point alarm_ends_{};  // an announcement before is waited out
  // What is wrong although the pass goes on, and what was told of it last.
  std::string complaint_, told_complaint_;
  std::jthread thread_;
};

}  // namespace c360::ingest
