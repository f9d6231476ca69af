// A mailbox as ingest sees it: numbered messages that can be listed, fetched, flagged and removed.
// The words are RFC 9051's. Calls are batched and the content streams, because one round trip and
// one copy per mail is what limits intake.
//
// imap::ImapMailbox implements it over a live session, MaildirMailbox over a drop folder;
// ScriptedMailbox in tests/support plays one from memory. Not thread-safe: one poller owns one,
// except interrupt() and wake(), which any thread may call.
//
// Errors, for every call:
//   unavailable, timeout   the connection is gone: drop the object and make another one. What the
//                          server was told may or may not have happened; every call may be
//                          repeated. Error::reason says more: interrupted, connection_lost,
//                          malformed_response, certificate_refused, tls_required, server_bye,
//                          limit_crossed, uidvalidity_changed.
//   upstream_auth          the server refused the sign-in; the connection is gone too.
//   upstream_rejected      the server said NO or BAD to this command; the session lives on.
//   rate_limited           the server asks for patience, retry_after holds how much; session lives
//   on.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"

namespace c360::ingest {

using Uid = std::uint32_t;  // never 0 (RFC 9051, 2.3.1.1)

// Both ends included, first <= last, neither 0.
struct UidRange {
  Uid first = 0;
  Uid last = 0;

  std::uint64_t size() const { return std::uint64_t{last} - first + 1; }
  bool operator==(const UidRange&) const = default;
};

inline constexpr std::string_view kSeen = "\\Seen";
inline constexpr std::string_view kDeleted = "\\Deleted";

struct ListedMessage {
  Uid uid = 0;
  bool seen = false;
  bool deleted = false;

  bool operator==(const ListedMessage&) const = default;
};

// What was known of a folder: everything up to that mod-sequence.
struct FolderState {
  std::uint32_t uidvalidity = 0;
  std::uint64_t modseq = 0;

  bool operator==(const FolderState&) const = default;
};

// What the server says happened since (RFC 7162, 3.2.5): a hint, and bounded in number.
struct FolderChanges {
  std::vector<ListedMessage> changed;  // arrived or had a flag changed; ascending, without doubles
  std::vector<UidRange> vanished;      // ascending, apart; may hold uids that never were

  bool operator==(const FolderChanges&) const = default;
};

struct SelectedMailbox {
  std::string name;               // as asked, UTF-8
  std::uint32_t uidvalidity = 0;  // a change voids every Uid seen before
  Uid uidnext = 0;                // 0: the server did not say
  std::uint32_t exists = 0;       // messages now
  // Grows with every arrival and every change of a flag (RFC 7162, 3.1.2); 0: the server keeps
  // none.
  std::uint64_t highest_modseq = 0;
  // Of select_since() alone; nothing where the server tells none, or none that can be used.
  std::optional<FolderChanges> changes;
  bool read_only = false;
  std::vector<std::string> permanent_flags;  // what add_flags() can set for good
  bool keywords_allowed = false;             // \* : any keyword, such as $Client360Failed

  bool operator==(const SelectedMailbox&) const = default;
};

// What the mails that are wanted say; all that is given holds together. Texts are contained, letter
// case ignored; a day is the sender's, or the server's own (RFC 9051, 6.4.4).
struct MailTerms {
  std::string subject, body, subject_or_body, from, to;  // UTF-8
  std::optional<std::chrono::sys_days> sent_since, sent_before;
  std::optional<std::chrono::sys_days> received_since,
      received_before;  // `before`: that day excluded

  bool operator==(const MailTerms&) const = default;
  bool empty() const { return *this == MailTerms{}; }
};

struct SearchCriteria {
  Uid above = 0;             // only uids greater than this
  bool unseen_only = false;  // only without \Seen
  // Only what arrived or had a flag changed after that mod-sequence (RFC 7162, 3.1.5). Asked only
  // of a folder that was selected with a highest_modseq.
  std::uint64_t changed_after = 0;
  // Only received on that day or later: INTERNALDATE in the server's own zone (RFC 9051, 6.4.4).
  std::optional<std::chrono::sys_days> since;
  MailTerms terms;
};

struct FetchedMeta {
  Uid uid = 0;
  std::uint64_t literal_size = 0;            // bytes handed to the sink
  std::optional<std::uint64_t> rfc822_size;  // what the server thinks; an estimate on some
  std::optional<Instant> internal_date;
  std::vector<std::string> flags;

  bool has_flag(std::string_view flag) const;  // ignoring case
};

// Where fetch() puts messages, in the order the server sends them. For each uid asked for there is
// exactly one of end(), missing() and refused(), unless fetch() returns an error: then the uids not
// yet heard of are to be fetched again.
//
// An error returned by begin(), bytes() or end() ends the fetch and the connection with it (the
// rest of the answer is on its way and nobody wants it); fetch() returns that error. Time spent in
// the sink does not count against the server's deadline.
class FetchSink {
 public:
  virtual ~FetchSink() = default;
  // A message of `literal_size` bytes begins; its uid is known at end() only, since the server
  // chooses the order. At most ImapOptions::limits.message_bytes.
  virtual Result<void> begin(std::uint64_t literal_size) = 0;
  virtual Result<void> bytes(std::string_view piece) = 0;
  virtual Result<void> end(const FetchedMeta& meta) = 0;
  // What began will not end: the connection broke, or the server sent what was not asked for.
  virtual void discard() = 0;
  // The server does not list it any more either; it was asked again.
  virtual void missing(Uid uid) = 0;
  // This message alone cannot be had: upstream_rejected with the server's words, or
  // payload_too_large when it is longer than the limit. Its neighbours are not affected.
  virtual void refused(Uid uid, const Error& error) = 0;
};

enum class Removal : std::uint8_t {
  done,
  // Marked \Deleted, not expunged: without UIDPLUS an EXPUNGE would also have removed messages that
  // somebody else marked.
  left_deleted,
  // They are in the folder they were to be moved to: they got \Seen.
  stayed,
};

enum class IdleOutcome : std::uint8_t {
  changed,  // messages arrived since the last search()
  timeout,
  woken,  // wake()
};

// What the server says it can do; a hint only (adapters.md 6.4).
struct ServerFeatures {
  std::vector<std::string> capabilities;  // upper case, as announced after the sign-in
  std::string software;                   // from ID (RFC 2971), for people; may be empty
  bool encrypted = false;

  bool has(std::string_view capability) const;
};

class Mailbox {
 public:
  virtual ~Mailbox() = default;

  // Connects and signs in; first and once. A certificate problem is `unavailable` with reason
  // certificate_refused: it may be mended without us.
  virtual Result<void> connect() = 0;
  virtual const ServerFeatures& features() const = 0;

  // `name` is UTF-8. `read_only` is EXAMINE: nothing the session does changes the mailbox.
  virtual Result<SelectedMailbox> select(std::string_view name, bool read_only) = 0;
  // The same for writing, and asks what happened since `known` where the server can tell it in the
  // answer (QRESYNC). One that refuses to is upstream_rejected: a plain select() may do.
  virtual Result<SelectedMailbox> select_since(std::string_view name, const FolderState& known);

  // The calls below need a selected mailbox.

  // Ascending, without doubles.
  virtual Result<std::vector<Uid>> search(const SearchCriteria& criteria) = 0;
  // Every message there is, ascending, for the comparison with the ledger; some bytes per message
  // on the wire. A list shorter than the number of messages the server told is refused
  // (upstream_rejected, reason list_incomplete): what is not listed will be taken for gone.
  virtual Result<std::vector<ListedMessage>> list_all() = 0;
  // Leaves \Seen untouched. Batches of about 100 uids are best; any number is right.
  virtual Result<void> fetch(std::span<const Uid> uids, FetchSink& sink) = 0;
  // Adds `flags` to all of them; uids that are gone are no error.
  virtual Result<void> add_flags(std::span<const Uid> uids,
                                 std::span<const std::string_view> flags) = 0;
  Result<void> add_flag(std::span<const Uid> uids, std::string_view flag) {
    return add_flags(uids, std::span(&flag, 1));
  }
  // Marks \Deleted and expunges exactly these.
  virtual Result<Removal> expunge(std::span<const Uid> uids) = 0;
  // To another folder of the account, which is created when missing. Without the MOVE extension
  // copy, then expunge: a connection lost in between can leave a second copy in `folder`.
  virtual Result<Removal> move(std::span<const Uid> uids, std::string_view folder) = 0;

  // Leaves them where they are, and a copy of each in another folder of the account, which is
  // created when missing. Not twice the same: after a lost connection a second copy may be made.
  virtual Result<void> copy(std::span<const Uid> uids, std::string_view folder) = 0;

  // Waits for new mail, up to `timeout`, by IDLE where the server has it and else by merely
  // waiting. Returns `changed` at once when mail arrived since the last search().
  virtual Result<IdleOutcome> idle(std::chrono::milliseconds timeout) = 0;
  virtual Result<void> noop() = 0;
  // Says goodbye; the object is of no use afterwards. Errors do not matter.
  virtual void logout() = 0;

  // Any thread. Ends whatever call is blocked, and every later one, at once with `unavailable`,
  // reason `interrupted`. For stopping.
  virtual void interrupt() = 0;
  // Any thread. Ends the current or the next idle() with IdleOutcome::woken; the session stays.
  virtual void wake() = 0;
};

// Makes a mailbox that is not connected yet, so that interrupt() can reach a connect() under way.
using MailboxFactory = std::function<std::unique_ptr<Mailbox>()>;

}  // namespace c360::ingest
