#include "tests/support/scripted_mailbox.h"

#include <algorithm>

#include "daemon/base/text.h"

namespace c360::testing {

using ingest::FetchedMeta;
using ingest::IdleOutcome;
using ingest::ListedMessage;
using ingest::Removal;
using ingest::SelectedMailbox;
using ingest::Uid;

namespace {

std::unexpected<Error> interrupted_error() {
  return fail(ErrorCode::unavailable, "interrupted, the program wants to stop", "interrupted");
}

// Pieces of a size no mail is a multiple of, so that a sink must put them together.
constexpr std::size_t kPiece = 1'000;

}  // namespace

void ScriptedServer::add(Uid uid, std::string bytes, const std::string& folder) {
  add(uid, ScriptedMessage{.bytes = std::move(bytes)}, folder);
}

void ScriptedServer::add(Uid uid, ScriptedMessage message, const std::string& folder) {
  const std::scoped_lock lock(mutex_);
  ScriptedFolder& box = folders_[folder];
  box.note_change(message);
  box.messages[uid] = std::move(message);
  box.uidnext = std::max(box.uidnext, uid + 1);
  ++arrivals_;
  changed_.notify_all();
}

void ScriptedServer::remove(Uid uid, const std::string& folder) {
  const std::scoped_lock lock(mutex_);
  folders_[folder].remove(uid);
}

bool ScriptedServer::exists(Uid uid, const std::string& folder) const {
  const std::scoped_lock lock(mutex_);
  const auto box = folders_.find(folder);
  return box != folders_.end() && box->second.messages.contains(uid);
}

std::set<std::string> ScriptedServer::flags(Uid uid, const std::string& folder) const {
  const std::scoped_lock lock(mutex_);
  const auto box = folders_.find(folder);
  if (box == folders_.end()) return {};
  const auto message = box->second.messages.find(uid);
  return message == box->second.messages.end() ? std::set<std::string>{} : message->second.flags;
}

bool ScriptedServer::seen(Uid uid, const std::string& folder) const {
  return flags(uid, folder).contains(std::string(ingest::kSeen));
}
bool ScriptedServer::deleted(Uid uid, const std::string& folder) const {
  return flags(uid, folder).contains(std::string(ingest::kDeleted));
}

std::vector<std::string> ScriptedServer::contents(const std::string& folder) const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> mails;
  if (const auto box = folders_.find(folder); box != folders_.end()) {
    for (const auto& [uid, message] : box->second.messages) mails.push_back(message.bytes);
  }
  return mails;
}

void ScriptedServer::fail_next(const std::string& operation, Error error) {
  const std::scoped_lock lock(mutex_);
  failures_[operation].push_back(std::move(error));
}

void ScriptedServer::fail_fetch_after(std::size_t messages, Error error) {
  const std::scoped_lock lock(mutex_);
  fetch_failure_ = {messages, std::move(error)};
}

int ScriptedServer::calls(const std::string& operation) const {
  const std::scoped_lock lock(mutex_);
  const auto found = calls_.find(operation);
  return found == calls_.end() ? 0 : found->second;
}

std::vector<Uid> ScriptedServer::searched_above() const {
  const std::scoped_lock lock(mutex_);
  return searched_above_;
}

std::vector<Uid> ScriptedServer::fetched() const {
  const std::scoped_lock lock(mutex_);
  return fetched_;
}

std::optional<Error> ScriptedServer::begin(const std::string& operation) {
  ++calls_[operation];
  auto& waiting = failures_[operation];
  if (waiting.empty()) return std::nullopt;
  Error error = std::move(waiting.front());
  waiting.pop_front();
  return error;
}

Result<void> ScriptedMailbox::begin(const std::string& operation) {
  if (interrupted_) return interrupted_error();
  if (operation != "connect" && !connected_) {
    return fail(ErrorCode::unavailable, "not connected", "connection_lost");
  }
  if (auto error = server_.begin(operation)) {
    if (error->code == ErrorCode::unavailable || error->code == ErrorCode::timeout ||
        error->code == ErrorCode::upstream_auth) {
      connected_ = false;
    }
    return std::unexpected(*error);
  }
  return {};
}

Result<void> ScriptedMailbox::begin_write(const std::string& operation) {
  if (auto begun = begin(operation); !begun) return begun;
  if (read_only_) return fail(ErrorCode::upstream_rejected, "the folder is read-only");
  return {};
}

Result<void> ScriptedMailbox::connect() {
  const std::scoped_lock lock(server_.mutex_);
  if (auto begun = begin("connect"); !begun) return begun;
  connected_ = true;
  features_.capabilities = {"IMAP4REV1", "IDLE", "MOVE"};
  if (server_.uidplus) features_.capabilities.emplace_back("UIDPLUS");
  features_.software = "scripted";
  features_.encrypted = true;
  return {};
}

Result<SelectedMailbox> ScriptedMailbox::select(std::string_view name, bool read_only) {
  const std::scoped_lock lock(server_.mutex_);
  if (auto begun = begin("select"); !begun) return std::unexpected(begun.error());
  const auto box = server_.folders_.find(std::string(name));
  if (box == server_.folders_.end()) {
    return fail(ErrorCode::upstream_rejected, "no such folder", "nonexistent");
  }
  selected_ = name;
  read_only_ = read_only;
  arrivals_seen_ = server_.arrivals_;
  return SelectedMailbox{.name = selected_,
                         .uidvalidity = box->second.uidvalidity,
                         .uidnext = box->second.uidnext,
                         .exists = static_cast<std::uint32_t>(box->second.messages.size()),
                         .highest_modseq = box->second.highest_modseq,
                         .read_only = read_only,
                         .permanent_flags = {"\\Seen", "\\Deleted"},
                         .keywords_allowed = box->second.keywords_allowed};
}

Result<SelectedMailbox> ScriptedMailbox::select_since(std::string_view name,
                                                      const ingest::FolderState& known) {
  if (server_.resyncs) {
    const std::scoped_lock lock(server_.mutex_);
    if (auto begun = begin("select_since"); !begun) return std::unexpected(begun.error());
  }
  auto selected = select(name, /*read_only=*/false);
  if (!selected || !server_.resyncs) return selected;
  const std::scoped_lock lock(server_.mutex_);
  const ScriptedFolder& box = server_.folders_[selected_];
  if (box.uidvalidity == known.uidvalidity && box.highest_modseq >= known.modseq) {
    ingest::FolderChanges& changes = selected->changes.emplace();
    for (const auto& [uid, message] : box.messages) {
      if (message.modseq <= known.modseq) continue;
      changes.changed.push_back({uid, message.flags.contains(std::string(ingest::kSeen)),
                                 message.flags.contains(std::string(ingest::kDeleted))});
    }
    for (const auto& [uid, modseq] : box.gone) {
      if (modseq > known.modseq) changes.vanished.push_back({uid, uid});
    }
  }
  if (server_.amend) server_.amend(*selected);
  return selected;
}

Result<std::vector<Uid>> ScriptedMailbox::search(const ingest::SearchCriteria& criteria) {
  const std::scoped_lock lock(server_.mutex_);
  if (auto begun = begin("search"); !begun) return std::unexpected(begun.error());
  arrivals_seen_ = server_.arrivals_;
  server_.searched_above_.push_back(criteria.above);
  std::vector<Uid> uids;
  for (const auto& [uid, message] : server_.folders_[selected_].messages) {
    const bool seen = message.flags.contains(std::string(ingest::kSeen));
    const bool recent = !criteria.since || !message.internal_date ||
                        *message.internal_date >= Instant{*criteria.since};
    const bool changed = criteria.changed_after == 0 || message.modseq > criteria.changed_after;
    // Of the terms it knows two, by letter case.
    const bool says = message.bytes.contains(criteria.terms.subject_or_body) &&
                      message.bytes.contains(criteria.terms.from) &&
                      (!criteria.terms.received_before || !message.internal_date ||
                       *message.internal_date < Instant{*criteria.terms.received_before});
    if (uid > criteria.above && (!criteria.unseen_only || !seen) && recent && changed && says)
      uids.push_back(uid);
  }
  return uids;
}

Result<std::vector<ListedMessage>> ScriptedMailbox::list_all() {
  const std::scoped_lock lock(server_.mutex_);
  if (auto begun = begin("list_all"); !begun) return std::unexpected(begun.error());
  arrivals_seen_ = server_.arrivals_;
  std::vector<ListedMessage> listed;
  for (const auto& [uid, message] : server_.folders_[selected_].messages) {
    listed.push_back({uid, message.flags.contains(std::string(ingest::kSeen)),
                      message.flags.contains(std::string(ingest::kDeleted))});
  }
  return listed;
}

// The sink runs without the lock: it may look at the server.
Result<void> ScriptedMailbox::hand_over(Uid uid, ingest::FetchSink& sink) {
  std::optional<ScriptedMessage> there;
  {
    const std::scoped_lock lock(server_.mutex_);
    if (interrupted_) return interrupted_error();
    server_.fetched_.push_back(uid);
    auto& messages = server_.folders_[selected_].messages;
    const auto found = messages.find(uid);
    if (found != messages.end() && found->second.vanishes) messages.erase(uid);
    if (messages.contains(uid)) there = messages.at(uid);
  }
  if (!there) {
    sink.missing(uid);
    return {};
  }
  const ScriptedMessage& message = *there;
  if (message.refused) {
    sink.refused(uid, *message.refused);
    return {};
  }
  if (auto begun = sink.begin(message.bytes.size()); !begun) return begun;
  for (std::size_t at = 0; at < message.bytes.size(); at += kPiece) {
    if (auto taken = sink.bytes(std::string_view(message.bytes).substr(at, kPiece)); !taken) {
      return taken;
    }
  }
  return sink.end(FetchedMeta{.uid = uid,
                              .literal_size = message.bytes.size(),
                              .rfc822_size = message.rfc822_size.value_or(message.bytes.size()),
                              .internal_date = message.internal_date,
                              .flags = {message.flags.begin(), message.flags.end()}});
}

Result<void> ScriptedMailbox::fetch(std::span<const Uid> uids, ingest::FetchSink& sink) {
  std::optional<std::pair<std::size_t, Error>> failure;
  {
    const std::scoped_lock lock(server_.mutex_);
    if (auto begun = begin("fetch"); !begun) return begun;
    failure.swap(server_.fetch_failure_);
  }
  std::vector<Uid> ordered(uids.begin(), uids.end());
  std::ranges::sort(ordered);
  std::size_t handed = 0;
  for (const Uid uid : ordered) {
    if (failure && handed == failure->first) {
      const std::scoped_lock lock(server_.mutex_);
      connected_ = false;
      return std::unexpected(failure->second);
    }
    if (auto done = hand_over(uid, sink); !done) {
      const std::scoped_lock lock(server_.mutex_);
      connected_ = false;
      return done;
    }
    ++handed;
  }
  return {};
}

Result<void> ScriptedMailbox::add_flags(std::span<const Uid> uids,
                                        std::span<const std::string_view> flags) {
  const std::scoped_lock lock(server_.mutex_);
  if (auto begun = begin_write("add_flags"); !begun) return begun;
  auto& messages = server_.folders_[selected_].messages;
  for (const Uid uid : uids) {
    const auto message = messages.find(uid);
    if (message == messages.end()) continue;
    for (const std::string_view flag : flags) message->second.flags.emplace(flag);
    server_.folders_[selected_].note_change(message->second);
  }
  return {};
}

Result<Removal> ScriptedMailbox::expunge(std::span<const Uid> uids) {
  const std::scoped_lock lock(server_.mutex_);
  if (auto begun = begin_write("expunge"); !begun) return std::unexpected(begun.error());
  auto& messages = server_.folders_[selected_].messages;
  for (const Uid uid : uids) {
    if (server_.uidplus) {
      server_.folders_[selected_].remove(uid);
    } else if (const auto message = messages.find(uid); message != messages.end()) {
      message->second.flags.emplace(ingest::kDeleted);
    }
  }
  return server_.uidplus ? Removal::done : Removal::left_deleted;
}

Result<void> ScriptedMailbox::copy(std::span<const Uid> uids, std::string_view folder) {
  const std::scoped_lock lock(server_.mutex_);
  if (auto begun = begin_write("copy"); !begun) return begun;
  ScriptedFolder& to = server_.folders_[std::string(folder)];
  const auto& from = server_.folders_[selected_].messages;
  for (const Uid uid : uids) {
    const auto message = from.find(uid);
    if (message != from.end()) to.messages[to.uidnext++] = message->second;
  }
  return {};
}

Result<Removal> ScriptedMailbox::move(std::span<const Uid> uids, std::string_view folder) {
  const std::scoped_lock lock(server_.mutex_);
  if (auto begun = begin_write("move"); !begun) return std::unexpected(begun.error());
  auto& from = server_.folders_[selected_].messages;
  ScriptedFolder& to = server_.folders_[std::string(folder)];
  for (const Uid uid : uids) {
    const auto message = from.find(uid);
    if (message == from.end()) continue;
    to.messages[to.uidnext++] = std::move(message->second);
    from.erase(message);
  }
  return Removal::done;
}

Result<IdleOutcome> ScriptedMailbox::idle(std::chrono::milliseconds timeout) {
  std::unique_lock lock(server_.mutex_);
  if (auto begun = begin("idle"); !begun) return std::unexpected(begun.error());
  server_.changed_.wait_for(lock, timeout, [this] {
    return interrupted_ || woken_ || server_.arrivals_ != arrivals_seen_;
  });
  if (interrupted_) return interrupted_error();
  if (server_.arrivals_ != arrivals_seen_) return IdleOutcome::changed;
  if (woken_) {
    woken_ = false;
    return IdleOutcome::woken;
  }
  return IdleOutcome::timeout;
}

Result<void> ScriptedMailbox::noop() {
  const std::scoped_lock lock(server_.mutex_);
  return begin("noop");
}

void ScriptedMailbox::logout() {
  const std::scoped_lock lock(server_.mutex_);
  ++server_.calls_["logout"];
  connected_ = false;
}

void ScriptedMailbox::interrupt() {
  const std::scoped_lock lock(server_.mutex_);
  interrupted_ = true;
  server_.changed_.notify_all();
}

void ScriptedMailbox::wake() {
  const std::scoped_lock lock(server_.mutex_);
  woken_ = true;
  server_.changed_.notify_all();
}

ingest::MailboxFactory scripted_factory(ScriptedServer& server) {
  return [&server] { return std::make_unique<ScriptedMailbox>(server); };
}

}  // namespace c360::testing
