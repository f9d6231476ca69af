// What becomes of mail: reading is pure, applying is set-wise in one transaction.
//
//   read()   raw mail + rules + codes of the directories -> ReadMail: no clock, and nothing else of
//            the database; the same of them always give the same (backtest, replay and dry run use
//            it too).
//   apply()  a batch of them -> records, contacts, activities, documents and the ledger's end
//            states, all queued in the caller's transaction.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/virus_scanner.h"
#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/secret.h"
#include "daemon/base/snapshot.h"
#include "ingest/mailbox_settings.h"
#include "ingest/raw_mail.h"
#include "parsers/authentication_results.h"
#include "parsers/bounce.h"
#include "parsers/mime_reader.h"
#include "parsers/rule_match.h"
#include "parsers/rule_set.h"
#include "store/database.h"
#include "store/directory_codes.h"
#include "store/mail_log.h"
#include "store/records.h"

namespace c360::ingest {

struct MailboxContext {
  const MailboxSettings& settings;
  std::int64_t mailbox_id = 0;
  std::string folder;
};

// A rule set and its number in ops.rule_set (0: not registered, as in a dry run).
struct RulesInUse {
  std::shared_ptr<const parsers::RuleSet> rules;
  std::int64_t version = 0;
};

// A mail on its way, raw.
struct IncomingMail {
  std::int64_t ledger_id = 0;
  std::int64_t uid = 0;
  int attempts = 0;     // begun before this one
  bool stored = false;  // its raw form is in the database already
  std::string error;    // how the last attempt ended, where that is known
  RawMail raw;
  std::optional<Instant> internal_date;
  Instant fetched_at{};
};

struct ReadOptions {
  bool released = false;  // a person let it pass: built-in rules do not stop it
  bool trace = false;     // why the other rules did not match
};

// A mail as read.
struct ReadMail {
  IncomingMail incoming;
  std::unique_ptr<parsers::ParsedMail> parsed;  // refers to incoming.raw; null if it cannot be read
  parsers::PreparedText text;
  parsers::Extraction extraction;
  Instant date{};
  // Header fields filled by read(), outcome and record by apply(). After read() alone the outcome
  // is set only if the mail can never be more than that.
  store::MailResult result;
  // Of a bounce: the recipients that will not get the message.
  std::vector<parsers::RecipientStatus> failures;
  bool ended = false;                                       // result.outcome is final
  bool released = false;                                    // a person let it pass
  parsers::SenderProof proof = parsers::SenderProof::none;  // of From, by our own server
  // Of Message::parts, those that are attachments: filled by apply(), sent with the commit.
  struct Content {
    std::size_t part = 0;
    RawMail bytes;
  };
  std::vector<Content> contents;
  bool has_contents = false;  // `contents` are filled
  bool scanned = false;       // and a scanner found nothing in them

  const parsers::Message& message() const { return parsed->message(); }
};

struct InboxOptions {
  std::string spool_folder;
  std::size_t spool_bytes = 1U << 20U;
  std::string phone_region = "RU";
  std::uint64_t attachment_bytes = 0;  // a mail with a larger attachment is held; 0: no limit
  // Looks at every attachment before anything is made of the mail; null: there is none.
  std::shared_ptr<const adapters::VirusScanner> scanner;
  Secret thread_key;  // of the ids in what we send (thread_id.h); empty: there are none
  // Which codes the directories have now; null: every value of a rule is taken for good.
  std::shared_ptr<store::DirectoryReader> directories;
};

class Inboxes {
 public:
  Inboxes(const store::Registry& registry, store::Records& records, RulesInUse rules,
          InboxOptions options);

  void use_rules(RulesInUse rules);
  std::shared_ptr<const RulesInUse> rules() const { return rules_.get(); }

  // Never fails on what a mail contains: what cannot be read ends as parse_error.
  ReadMail read(IncomingMail mail, const MailboxSettings& settings,
                const ReadOptions& options = {}) const;
  ReadMail read(IncomingMail mail, const MailboxSettings& settings, const RulesInUse& rules,
                const ReadOptions& options) const;

  // Takes the attachments out of the mail and has them looked at; a mail with one that is infected,
  // or too large, ends in quarantine as attachment_blocked. Outside any transaction. unavailable,
  // timeout, upstream_rejected: the scanner said nothing, and the mail may not be applied.
  // Released mails are not looked at: a person did.
  Result<void> scan(ReadMail& mail) const;

  // Queues everything the mails cause, the last round trip is the caller's commit. The mails are
  // locked (or new) and in ascending order. validation_failed and the like: one of them cannot be
  // stored; the caller rolls back and tries them alone.
  Result<void> apply(store::Transaction& tx, const MailboxContext& mailbox,
                     std::span<ReadMail> mails) const;

  const store::Registry& registry() const { return registry_; }
  store::Records& records() const { return records_; }

 private:
  const store::Registry& registry_;
  store::Records& records_;
  InboxOptions options_;
  Snapshot<RulesInUse> rules_;
};

// The raw mail from the content store, verified.
Result<RawMail> load_raw(store::Database& database, const Sha256& sha256,
                         const std::string& spool_folder, std::size_t spool_bytes);

// Stores a mail or an attachment that lies in a file; one chunk in memory at a time.
Result<void> put_raw(store::Transaction& tx, const RawMail& raw);

// Where the content of a document is read over the API; the sanitiser lets pictures from there be.
std::string document_url(std::int64_t document_id);

// Plain text as HTML: escaped, line ends as <br>.
std::string html_of_text(std::string_view text);

}  // namespace c360::ingest
