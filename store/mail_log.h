// The ledger of mail (ops.mail_message and its neighbours): which message was listed, stored, read,
// what became of it and whether the server was told. Set-wise throughout: a batch costs as many
// statements as one mail.
//
// Functions that take a Transaction queue their statements (no round trip of their own) unless they
// return rows. Conservation: a row is made when the server lists a UID and is never deleted; the
// end states are the closed list of `Outcome`.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "store/database.h"
#include "store/lease.h"

namespace c360::store {

// End states of domain 17.1 and `vanished`, spelled as stored.
enum class Outcome : std::uint8_t {
  deal_created,
  lead_created,
  activity_added,
  support_created,
  comment_added,
  duplicate,
  ignored,
  quarantined,
  vanished,
};
std::string_view to_string(Outcome outcome);

// Reasons of domain 17.1, spelled as stored.
enum class QuarantineReason : std::uint8_t {
  empty_body,
  no_rule,
  unknown_alias,
  target_not_found,
  target_deleted,
  unknown_sender,
  ambiguous_target,
  oversize,
  parse_error,
  charset_error,
  loop_suspected,
  too_many_retries,
  attachment_blocked,
};
std::string_view to_string(QuarantineReason reason);
std::optional<QuarantineReason> quarantine_reason_from(std::string_view name);

// Error::reason of a transaction that would have made a second record of the same bytes in one
// mailbox: the first one was committed meanwhile, and the next try finds it.
inline constexpr std::string_view kSameBytesTwice = "mail_content_effect_key";

// A mailbox as the database mirrors it.
struct MailboxRow {
  std::string code, kind, uri_masked, host, tls, username, secret_ref, folder, target;
  int port = 0;
  bool delete_after = false;
  bool unseen_only = true;
  std::int64_t poll_ms = 60'000;
  bool enabled = true;
  std::string rules, responsible;
};

struct FolderKey {
  std::int64_t mailbox_id = 0;
  std::string folder;
  std::int64_t uidvalidity = 0;
};

struct PendingMail {
  std::int64_t id = 0;
  std::int64_t uid = 0;
  std::int64_t uidvalidity = 0;
  std::string folder;
  bool stored = false;  // else listed: the raw mail is still on the server
  int attempts = 0;
  Sha256 raw_sha256{};  // of stored ones
  std::int64_t size_bytes = 0;
  std::optional<Instant> internal_date;
  std::optional<Instant> fetched_at;
  std::string error;
};

// A mail by its bytes.
struct MailBytes {
  std::int64_t id = 0;
  std::int64_t uid = 0;
  Sha256 sha256{};
};

struct StoredRaw {
  std::int64_t id = 0;
  Sha256 sha256{};
  std::int64_t size_bytes = 0;
  std::optional<Instant> internal_date;
};

// The end of one mail and everything the ledger keeps of it.
struct MailResult {
  std::int64_t id = 0;
  Outcome outcome = Outcome::quarantined;
  std::optional<std::int64_t> record_id;
  std::optional<std::int64_t> duplicate_of_id;
  std::string rule_id;
  std::optional<std::int64_t> rule_set_version;
  std::string extracted_json = "{}";
  std::string error;

  std::string message_id;
  std::vector<std::string> in_reply_to, references;
  std::string from_name, from_address, from_domain, reply_to;
  std::string to_json = "[]";
  std::string cc_json = "[]";
  std::string subject;
  std::optional<Instant> sent_at;
  std::string date_source;  // empty when the mail was never read
  std::string body_text, body_html, charset;
  bool is_auto_generated = false;
  bool is_bounce = false;
  std::string auth_results_json = "{}";
  std::vector<std::string> special_formats;
  std::string bounced_message_id;
  std::string link_grade;  // empty: it belongs to no record there was

  std::optional<QuarantineReason> quarantine_reason;  // exactly when outcome is quarantined
  std::string quarantine_details;

  // What follows from reading it is kept exactly then.
  bool was_read() const { return !date_source.empty(); }
};

struct FlagDue {
  std::int64_t id = 0;
  std::int64_t uid = 0;
  Outcome outcome = Outcome::ignored;
};

class MailLog {
 public:
  explicit MailLog(Database& database) : database_(database) {}

  // From now on what is written about a folder's mails (list to note_flagged, all but the queued
  // ones) is written under this lease: its transaction fails with conflict, reason lease_lost, once
  // the lease is another's.
  void act_under(Lease lease) { lease_ = std::move(lease); }

  // Upserts the mirror of the configuration; mailboxes not named are kept and marked disabled.
  // Returns (code, id) of every named one.
  Result<std::vector<std::pair<std::string, std::int64_t>>> sync_mailboxes(
      std::span<const MailboxRow> mailboxes);

  // not_found where no mailbox of that code was ever configured.
  Result<std::int64_t> mailbox_id(std::string_view code);

  struct Folder {
    std::int64_t uidvalidity = 0;  // 0: never seen
    std::int64_t last_uid = 0;
    std::optional<Instant> compared_at;
    bool compare_due = true;  // by database time: the interval given is over, or somebody asked
    std::optional<std::int64_t> sync_uid;  // nothing before the first listing ended
    std::int64_t sync_total = 0;
    bool renumbered = false;  // its mails had other UIDs before
    Instant asked_at{};       // database time of this answer
  };
  Result<Folder> folder(std::int64_t mailbox_id, std::string_view folder,
                        std::chrono::seconds compare_interval);

  // The folder now has another UIDVALIDITY: rows of the former one that were never fetched become
  // vanished, and nothing of it is to be flagged any more. Returns how many vanished.
  Result<std::int64_t> change_uidvalidity(const FolderKey& now);

  // One `listed` row for each UID not yet in the ledger; one that `vanished` is `listed` again: the
  // server was wrong then, or has its former UIDVALIDITY back. So is one that was `already-seen`
  // and is not any more. Returns how many were new.
  Result<std::int64_t> list(const FolderKey& key, std::span<const std::int64_t> uids);
  // The same for mail that is not ours to read, `ignored` by a built-in rule: already-seen,
  // already-deleted, before-since, outside-search.
  Result<std::int64_t> list_ignored(const FolderKey& key, std::span<const std::int64_t> uids,
                                    std::string_view rule);
  // `listed` UIDs of the folder, ascending: what a full comparison checks against the server.
  Result<std::vector<std::int64_t>> listed_uids(const FolderKey& key);
  // Whether one of them is between firsts[i] and lasts[i], both included, for some i.
  Result<bool> any_listed(const FolderKey& key, std::span<const std::int64_t> firsts,
                          std::span<const std::int64_t> lasts);
  Result<std::int64_t> vanish(const FolderKey& key, std::span<const std::int64_t> uids);
  // Of `uids`, how many have a row.
  Result<std::int64_t> count_known(const FolderKey& key, std::span<const std::int64_t> uids);
  // Of `uids`, how many are handled mails of whose end the server was told; held ones and those
  // that were never ours to read are none. With `to_leave` only those it was asked to remove or
  // move.
  Result<std::int64_t> count_told(const FolderKey& key, std::span<const std::int64_t> uids,
                                  bool to_leave = false);
  // What a full comparison with the server came to.
  struct Comparison {
    Instant begun{};              // before the server was asked, by database time
    std::int64_t server = 0;      // messages it has
    std::int64_t missed = 0;      // healed: a listing had passed them by
    std::int64_t gone = 0;        // healed: to be fetched, and there no more
    std::int64_t difference = 0;  // what still differs: 0
  };
  Result<void> note_compared(const FolderKey& key, const Comparison& comparison);
  // Never backwards.
  Result<void> note_last_uid(const FolderKey& key, std::int64_t last_uid);
  // What is listed and pending now, up to `newest`, is the first sync of the folder. Its size.
  Result<std::int64_t> begin_sync(const FolderKey& key, std::int64_t newest);
  // How far the first sync of all folders is; kept in ops.mailbox with the rate.
  struct Sync {
    std::int64_t total = 0;
    std::int64_t done = 0;
  };
  Result<Sync> note_sync(std::int64_t mailbox_id, std::int64_t per_minute);

  // What is due now with uid > above, ascending: `listed` rows of this UIDVALIDITY that were never
  // tried, or those that were.
  Result<std::vector<PendingMail>> listed_due(const FolderKey& key, bool tried_before,
                                              std::int64_t above, std::size_t limit);
  // The `limit` newest that are due now, never tried and with uid < below, ascending.
  Result<std::vector<PendingMail>> listed_below(const FolderKey& key, std::int64_t below,
                                                std::size_t limit);
  // Mails whose raw form is stored and that are due now, of any UIDVALIDITY, ascending by id.
  Result<std::vector<PendingMail>> stored_due(std::int64_t mailbox_id, std::string_view folder,
                                              std::int64_t above_id, std::size_t limit);
  // Whether any mail of the folder is not in an end state.
  Result<bool> any_pending(std::int64_t mailbox_id, std::string_view folder);
  // Queued: locks those of `ids` that are still stored and not done, until the transaction ends.
  static Ticket queue_lock(Transaction& tx, std::span<const std::int64_t> ids);
  static std::vector<std::int64_t> locked(const Transaction& tx, Ticket ticket);

  // Queued: listed -> stored; the first attempt to read it begins, those to fetch it are forgotten.
  static void queue_stored(Transaction& tx, std::span<const StoredRaw> mails);
  // One more attempt for mails stored earlier, committed before they are read: a crash counts.
  Result<void> count_attempts(std::span<const std::int64_t> ids);
  // Queued: the end of each mail, quarantine rows included. The commit waits for the disk whatever
  // the database is set to.
  static void queue_finished(Transaction& tx, std::span<const MailResult> results);
  // A temporary failure: the row stays, to be tried again after `delay`.
  Result<void> defer(std::span<const std::int64_t> ids, std::string_view error,
                     std::chrono::milliseconds delay);

  // Mails that wait for something that is no fault of theirs, such as a scanner or space on a disk:
  // tried again after `delay`, and the attempt does not count towards giving up.
  Result<void> postpone(std::span<const std::int64_t> ids, std::string_view error,
                        std::chrono::milliseconds delay);

  // -- What a mail refers to. --------------------------------------------------------------------
  // Queued: for each raw SHA-256 the first mail of the mailbox with the same bytes that ended
  // before; after a UIDVALIDITY change that is what tells a known mail from a new one.
  static Ticket queue_originals(Transaction& tx, std::int64_t mailbox_id,
                                std::span<const Sha256> digests);
  static std::vector<std::pair<Sha256, std::int64_t>> originals(const Transaction& tx,
                                                                Ticket ticket);
  // Of these digests, those of mails of this folder under this UIDVALIDITY that are stored, read or
  // not. Bytes that are stored and that no mail was read from yet count as its own.
  Result<std::set<Sha256>> known_bytes(const FolderKey& key, std::span<const Sha256> digests);
  // The mails they are the bytes of: of this folder under this UIDVALIDITY, stored, and no
  // duplicates of others.
  Result<std::vector<MailBytes>> read_before(const FolderKey& key, std::span<const Sha256> digests);
  // The bytes of `taken` are those of the message `unread`, which is listed in the same folder:
  // each row gets the UID of the other. `taken` keeps its end, and its server is still to be told;
  // `unread` is listed.
  Result<void> exchange(std::int64_t taken, std::int64_t unread);
  // Queued: the records that messages with these ids became, activities resolved to their parent.
  static Ticket queue_threads(Transaction& tx, std::span<const std::string> message_ids);
  struct Thread {
    std::string message_id;
    std::int64_t record_id = 0;
    std::string kind;
  };
  static std::vector<Thread> threads(const Transaction& tx, Ticket ticket);
  // Queued: the attachments of mails; `document_id` is the document each became.
  struct AttachmentRow {
    std::int64_t mail_id = 0;
    std::string part, file_name, mime_type, detected_type, content_id;
    std::int64_t size_bytes = 0;
    Sha256 sha256{};
    bool is_inline = false;
    std::optional<std::int64_t> document_id;
  };
  static void queue_attachments(Transaction& tx, std::span<const AttachmentRow> attachments);

  // -- A person decides about one quarantined mail.
  // ------------------------------------------------
  struct Quarantined {
    PendingMail mail;
    std::int64_t mailbox_id = 0;
    std::string mailbox_code, mailbox_kind, mailbox_target;
    QuarantineReason reason = QuarantineReason::no_rule;
    bool open = false;
  };
  // Locks the mail and its quarantine row until the transaction ends; nullopt: no such id.
  static Result<std::optional<Quarantined>> lock_quarantined(Transaction& tx,
                                                             std::int64_t quarantine_id);
  // Queued: how it ended; `status` is released, rejected or retried.
  static void queue_resolution(Transaction& tx, std::int64_t quarantine_id, std::string_view status,
                               std::optional<std::int64_t> user_id, std::string_view resolution);
  // Queued: `ignored` by a built-in rule after all.
  static void queue_ignored(Transaction& tx, std::int64_t id, std::string_view rule);
  // Queued: of a mail that ended, where no server has it any more to be told of its end: what came
  // by import, or under a UIDVALIDITY that is gone.
  static void queue_nobody_to_tell(Transaction& tx, std::int64_t id,
                                   std::string_view import_folder);
  // A mail that never was fetched (oversize, refused by the server) is listed again. False: it has
  // vanished, because the folder has another UIDVALIDITY by now, under which it is listed if the
  // server still has it.
  static Result<bool> relist(Transaction& tx, std::int64_t id);

  Result<std::vector<FlagDue>> flags_due(const FolderKey& key, std::int64_t above,
                                         std::size_t limit);
  // `told_to_leave`: it was asked to remove or to move them.
  Result<void> note_flagged(std::span<const std::int64_t> ids, bool told_to_leave = false);

  Result<void> note_pass(std::int64_t mailbox_id, std::string_view error);  // empty: it succeeded

  // What a daemon should look at before its next pass.
  struct Calls {
    // Mailboxes of which a comparison was asked for, by another daemon or the API of this one, and
    // not made yet; with the time of asking.
    std::vector<std::pair<std::string, Instant>> comparisons;
    // Mailbox and folder that nobody holds: the lease was given back, or has run out.
    std::vector<std::pair<std::string, std::string>> free;
  };
  Result<Calls> calls();

  // The rule set's number; the same files give the same number.
  struct RuleRow {
    std::string rules, mailbox_kind, name, action;
    int priority = 0;
  };
  Result<std::int64_t> register_rule_set(const Sha256& sha256, std::string_view files_json,
                                         std::span<const RuleRow> rules);

 private:
  // In one transaction with the check of the fence, where there is a lease. Rows affected.
  Result<std::int64_t> write(const Sql& sql, const Params& params);
  Result<std::int64_t> over_uids(const Sql& sql, const FolderKey& key,
                                 std::span<const std::int64_t> uids,
                                 std::optional<std::string_view> rule = std::nullopt);

  Database& database_;
  std::optional<Lease> lease_;
};

}  // namespace c360::store
