// The Mailbox port played from memory: what the poller's tests see as the server.
//
//   ScriptedServer server;                      // the account, lives as long as the test
//   server.folder("INBOX").uidvalidity = 7;
//   server.add(41, mail_text);
//   server.fail_next("fetch", Error{...});      // the next fetch() anywhere fails so
//   ScriptedMailbox mailbox{server};            // one connection; make as many as needed
//   ... EXPECT_TRUE(server.seen(41));
//
// The server is thread-safe; a mailbox is as thread-safe as the port says.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/mailbox.h"

namespace c360::testing {

struct ScriptedMessage {
  std::string bytes;
  std::set<std::string> flags;
  std::optional<Instant> internal_date;
  std::optional<std::uint64_t> rfc822_size;  // none: the true one
  std::optional<Error> refused;              // fetching it is answered NO
  bool vanishes = false;                     // listed, but gone when fetched
  std::uint64_t modseq = 0;                  // of its last change
};

struct ScriptedFolder {
  std::uint32_t uidvalidity = 1;
  ingest::Uid uidnext = 1;
  bool keywords_allowed = true;
  std::uint64_t highest_modseq = 0;  // 0: the server has none; else every change counts it up
  void note_change(ScriptedMessage& message) {
    if (highest_modseq > 0) message.modseq = ++highest_modseq;
  }
  std::map<ingest::Uid, ScriptedMessage> messages;
  std::map<ingest::Uid, std::uint64_t> gone;  // with the mod-sequence of that, where there is one
  void remove(ingest::Uid uid) {
    if (messages.erase(uid) > 0 && highest_modseq > 0) gone[uid] = ++highest_modseq;
  }
};

class ScriptedServer {
 public:
  // The folder, made when missing. Not for use while another thread works on the server.
  ScriptedFolder& folder(const std::string& name = "INBOX") { return folders_[name]; }
  void add(ingest::Uid uid, std::string bytes, const std::string& folder = "INBOX");
  void add(ingest::Uid uid, ScriptedMessage message, const std::string& folder = "INBOX");
  void remove(ingest::Uid uid, const std::string& folder = "INBOX");

  bool exists(ingest::Uid uid, const std::string& folder = "INBOX") const;
  bool seen(ingest::Uid uid, const std::string& folder = "INBOX") const;
  bool deleted(ingest::Uid uid, const std::string& folder = "INBOX") const;
  std::set<std::string> flags(ingest::Uid uid, const std::string& folder = "INBOX") const;
  // Raw mails of a folder in order of their uids.
  std::vector<std::string> contents(const std::string& folder) const;

  // The next call of `operation` (connect select select_since search list_all fetch add_flags
  // expunge copy move idle noop) fails; several are used up in order. unavailable, timeout and
  // upstream_auth also end that connection.
  void fail_next(const std::string& operation, Error error);
  // Like fail_next("fetch", ...), after `messages` messages were handed over.
  void fail_fetch_after(std::size_t messages, Error error);
  bool uidplus = true;  // set before the first connection: expunge() answers left_deleted without

  // Set before the first connection: select_since() tells changes (QRESYNC), where the folder has a
  // highest_modseq. What it says then goes through `amend`.
  bool resyncs = false;
  std::function<void(ingest::SelectedMailbox&)> amend;

  // How often `operation` was called; select_since() counts as `select`, and once more by its name.
  int calls(const std::string& operation) const;
  // Above which uid each search looked, in order.
  std::vector<ingest::Uid> searched_above() const;
  // The uids of every fetch, in order.
  std::vector<ingest::Uid> fetched() const;

 private:
  friend class ScriptedMailbox;
  std::optional<Error> begin(const std::string& operation);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, ScriptedFolder> folders_{{"INBOX", {}}};
  std::map<std::string, std::deque<Error>> failures_;
  std::optional<std::pair<std::size_t, Error>> fetch_failure_;
  std::map<std::string, int> calls_;
  std::vector<ingest::Uid> searched_above_;
  std::vector<ingest::Uid> fetched_;
  std::uint64_t arrivals_ = 0;
};

class ScriptedMailbox final : public ingest::Mailbox {
 public:
  explicit ScriptedMailbox(ScriptedServer& server) : server_(server) {}

  Result<void> connect() override;
  const ingest::ServerFeatures& features() const override { return features_; }
  Result<ingest::SelectedMailbox> select(std::string_view name, bool read_only) override;
  Result<ingest::SelectedMailbox> select_since(std::string_view name,
                                               const ingest::FolderState& known) override;
  Result<std::vector<ingest::Uid>> search(const ingest::SearchCriteria& criteria) override;
  Result<std::vector<ingest::ListedMessage>> list_all() override;
  Result<void> fetch(std::span<const ingest::Uid> uids, ingest::FetchSink& sink) override;
  Result<void> add_flags(std::span<const ingest::Uid> uids,
                         std::span<const std::string_view> flags) override;
  Result<ingest::Removal> expunge(std::span<const ingest::Uid> uids) override;
  Result<void> copy(std::span<const ingest::Uid> uids, std::string_view folder) override;
  Result<ingest::Removal> move(std::span<const ingest::Uid> uids, std::string_view folder) override;
  Result<ingest::IdleOutcome> idle(std::chrono::milliseconds timeout) override;
  Result<void> noop() override;
  void logout() override;
  void interrupt() override;
  void wake() override;

 private:
  // Counts the call, then: interrupted, connection lost, or the failure asked for.
  Result<void> begin(const std::string& operation);
  Result<void> begin_write(const std::string& operation);
  Result<void> hand_over(ingest::Uid uid, ingest::FetchSink& sink);

  ScriptedServer& server_;
  ingest::ServerFeatures features_;
  std::string selected_;
  bool read_only_ = false;
  bool connected_ = false;
  bool interrupted_ = false;
  bool woken_ = false;
  std::uint64_t arrivals_seen_ = 0;
};

// For code that makes its own connections.
ingest::MailboxFactory scripted_factory(ScriptedServer& server);

}  // namespace c360::testing
