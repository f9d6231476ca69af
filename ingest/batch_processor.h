// From raw mails to their end states: store raw, read, apply. One batch is one transaction each for
// storing and for applying; a mail that cannot be applied does not take its neighbours with it.
// Storing and reading are one call and applying another, so that a batch is read while the former
// one is applied.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/base/retry.h"
#include "ingest/inbox.h"
#include "ingest/mailbox_settings.h"
#include "ingest/raw_mail.h"
#include "store/database.h"
#include "store/lease.h"
#include "store/mail_log.h"

namespace c360::ingest {

struct BatchReport {
  std::vector<store::FlagDue> finished;
  std::size_t deferred = 0;
};

// A batch whose raw mails are stored and read, on its way to be applied.
struct ReadBatch {
  std::vector<ReadMail> mails;
  // Begun before and never ended: perhaps they killed a daemon. Not read yet: one at a time, each
  // attempt counted just before, so that nobody pays for a neighbour.
  std::vector<IncomingMail> suspects;
  std::vector<IncomingMail> given_up;  // begun too often
};

struct BatchOptions {
  int attempt_limit = 8;
  BackoffOptions retry{.first = std::chrono::seconds{5},
                       .limit = std::chrono::hours{1}};  // a mail's
  std::chrono::milliseconds scanner_retry{15'000};       // while the virus scanner is away
};

// Any thread; between calls it keeps only whether the virus scanner answered, and which mails took
// too long.
class BatchProcessor {
 public:
  BatchProcessor(store::Database& database, const Inboxes& inboxes, BatchOptions options,
                 const Observer& observer)
      : database_(database), inboxes_(inboxes), options_(options), observer_(observer) {}

  // The end of a mail that could not even be fetched.
  Result<void> quarantine_unread(const MailboxContext& mailbox, const store::PendingMail& mail,
                                 store::QuarantineReason reason, const std::string& details,
                                 const store::Lease& lease);

  // An error of these two is temporary (the database is away, the lease is lost): the mails stay as
  // the ledger says and nothing is half done. Mails are in ascending order.
  Result<ReadBatch> read(const MailboxContext& mailbox, std::vector<IncomingMail> mails,
                         const store::Lease& lease);
  // What the scanner's last failure was; empty once it answered again. Mails with attachments wait.
  std::string scanner_fault() const;
  // Nothing waits any more.
  void forget_scanner_fault();

  // A batch that may find what an earlier one makes is applied after it (batch_ties.h).
  Result<BatchReport> apply(const MailboxContext& mailbox, ReadBatch batch,
                            const store::Lease& lease);

 private:
  // Read, and looked at by the scanner; nullopt: that says nothing (`why`), and the mail waits.
  std::optional<ReadMail> read_one(const MailboxContext& mailbox, IncomingMail mail,
                                   std::string& why) const;
  bool let_scan(ReadMail& mail, std::string& why) const;
  void note_scanner(std::string fault) const;
  store::MailLog log_under(const store::Lease& lease) const;
  Result<void> give_up(const MailboxContext& mailbox, IncomingMail mail, const store::Lease& lease,
                       BatchReport& report);
  Result<void> store_raw(std::vector<IncomingMail>& mails, const store::Lease& lease);
  Result<void> apply_mails(const MailboxContext& mailbox, std::span<ReadMail> mails,
                           const store::Lease& lease, BatchReport& report);
  // One transaction; the mails that were still to be done. Others ended meanwhile.
  Result<std::vector<ReadMail*>> apply_once(const MailboxContext& mailbox,
                                            std::span<ReadMail> mails, const store::Lease& lease);
  void put_off(std::span<const ReadMail> mails, const Error& error, const store::Lease& lease);
  bool is_forgiven(std::span<const ReadMail> mails, const Error& error);
  void note_applied(std::span<ReadMail* const> mails);
  Result<void> end_alone(const MailboxContext& mailbox, ReadMail& mail,
                         store::QuarantineReason reason, const std::string& details,
                         const store::Lease& lease, BatchReport& report);
  void report_ends(const MailboxContext& mailbox, std::span<ReadMail* const> mails,
                   BatchReport& report) const;
  std::chrono::milliseconds delay_before(int attempt) const;

  store::Database& database_;
  const Inboxes& inboxes_;
  BatchOptions options_;
  const Observer& observer_;
  mutable std::mutex mutex_;  // guards what follows
  mutable std::string scanner_fault_;
  std::uint64_t applied_ = 0;  // mails
  // Mails that took too long alone, and how many were applied by then. A hint: who begins anew
  // asks them once more.
  std::map<std::int64_t, std::uint64_t> slow_;
};

}  // namespace c360::ingest
