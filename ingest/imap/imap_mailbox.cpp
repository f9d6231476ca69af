#include "ingest/imap/imap_mailbox.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "daemon/base/text.h"
#include "ingest/imap/fetch.h"
#include "ingest/imap/folder_names.h"
#include "ingest/imap/search.h"
#include "ingest/imap/select.h"
#include "ingest/imap/session.h"
#include "ingest/imap/uid_set.h"

namespace c360::ingest::imap {
namespace {

// "UID STORE ", " +FLAGS.SILENT (", a quoted mailbox name and the tag.
constexpr std::size_t kCommandFrame = 600;

// A system flag or a keyword (RFC 9051, `flag`): anything else would be read as more commands.
bool is_flag(std::string_view flag) {
  if (flag.starts_with('\\')) flag.remove_prefix(1);
  return !flag.empty() && flag.size() <= 100 && std::ranges::all_of(flag, [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
  });
}

class ImapMailbox final : public Mailbox {
 public:
  ImapMailbox(ImapOptions options, std::shared_ptr<adapters::AccessTokens> tokens)
      : session_(std::move(options), std::move(tokens)) {}

  Result<void> connect() override { return session_.connect(); }
  const ServerFeatures& features() const override { return session_.features(); }
  Result<SelectedMailbox> select(std::string_view name, bool read_only) override {
    return open(name, read_only ? "EXAMINE " : "SELECT ", std::nullopt);
  }
  Result<SelectedMailbox> select_since(std::string_view name, const FolderState& known) override {
    return open(name, "SELECT ", session_.resyncs() ? std::optional(known) : std::nullopt);
  }
  Result<std::vector<Uid>> search(const SearchCriteria& criteria) override;
  Result<std::vector<ListedMessage>> list_all() override;
  Result<void> fetch(std::span<const Uid> uids, FetchSink& sink) override {
    return Fetch(session_, sink).run(uids);
  }
  Result<void> add_flags(std::span<const Uid> uids,
                         std::span<const std::string_view> flags) override;
  Result<Removal> expunge(std::span<const Uid> uids) override;
  Result<void> copy(std::span<const Uid> uids, std::string_view folder) override;
  Result<Removal> move(std::span<const Uid> uids, std::string_view folder) override;
  Result<IdleOutcome> idle(std::chrono::milliseconds timeout) override {
    return session_.idle(timeout);
  }
  Result<void> noop() override { return run_fine("NOOP", "asking for news"); }
  void logout() override { session_.logout(); }
  void interrupt() override { session_.interrupt(); }
  void wake() override { session_.wake(); }

 private:
  Result<SelectedMailbox> open(std::string_view name, std::string_view verb,
                               std::optional<FolderState> since);
  std::vector<std::string> sets(std::span<const Uid> uids) const;
  // Fails unless all of them are answered OK.
  Result<void> run_all_fine(std::span<const std::string> commands, std::string_view doing);
  Result<void> run_fine(const std::string& command, std::string_view doing) {
    return run_all_fine(std::span(&command, 1), doing);
  }
  Result<Removal> expunge_marked(std::span<const Uid> uids);
  Result<Removal> move_to_bin(std::span<const Uid> uids);
  Result<void> transfer(std::string_view verb, std::span<const Uid> uids, std::string_view folder);
  void create_folder(const std::string& quoted);

  Session session_;
  FolderNames folder_names_{session_};
  std::string selected_;  // its name as sent
};

std::vector<std::string> ImapMailbox::sets(std::span<const Uid> uids) const {
  return to_sequence_sets(to_ranges(uids), session_.options().limits.command_bytes - kCommandFrame);
}

Result<void> ImapMailbox::run_all_fine(std::span<const std::string> commands,
                                       std::string_view doing) {
  Listener nobody;
  auto completions = session_.run_all(commands, nobody);
  if (!completions) return std::unexpected(completions.error());
  for (const Completion& completion : *completions) {
    if (!completion.ok()) return std::unexpected(session_.refused(completion, doing));
  }
  return {};
}

Result<SelectedMailbox> ImapMailbox::open(std::string_view name, std::string_view verb,
                                          std::optional<FolderState> since) {
  auto quoted = folder_names_.quoted(name);
  if (!quoted) return std::unexpected(quoted.error());
  std::string command = std::string(verb) + *quoted;
  if (since) {
    command += " (QRESYNC (" + std::to_string(since->uidvalidity) + " " +
               std::to_string(since->modseq) + "))";
  }
  SelectListener listener{since, session_.options().limits.values};
  session_.expect_uidvalidity(0);
  auto completion = session_.run(command, listener);
  if (!completion) return std::unexpected(completion.error());
  if (!completion->ok())
    return std::unexpected(session_.refused(*completion, "opening the folder"));
  if (!listener.lasting_uids()) {
    return fail(ErrorCode::upstream_rejected,
                "the server keeps no lasting uids for this folder (UIDVALIDITY); messages cannot "
                "be told apart safely",
                "no_uidvalidity");
  }
  const bool read_only = verb == "EXAMINE " || completion->code.name == "READ-ONLY";
  SelectedMailbox selected = listener.result(name, read_only);
  if (!session_.keeps_modseq()) selected.highest_modseq = 0;
  session_.expect_uidvalidity(selected.uidvalidity);
  selected.exists = session_.exists();
  selected_ = std::move(*quoted);
  session_.forget_arrivals();
  return selected;
}

Result<std::vector<Uid>> ImapMailbox::search(const SearchCriteria& criteria) {
  if (criteria.above == UINT32_MAX) return std::vector<Uid>{};
  std::string terms = "UID " + std::to_string(criteria.above + 1) + ":*";
  if (criteria.unseen_only) terms += " UNSEEN";
  if (criteria.changed_after > 0) terms += " MODSEQ " + std::to_string(criteria.changed_after + 1);
  if (criteria.since) terms += " SINCE " + search_date(*criteria.since);
  session_.forget_arrivals();
  auto uids = search_uids(session_, terms, criteria.terms);
  // "n:*" includes the last message even when its uid is below n (RFC 9051, 6.4.8).
  if (uids) std::erase_if(*uids, [&](Uid uid) { return uid <= criteria.above; });
  return uids;
}

Result<std::vector<ListedMessage>> ImapMailbox::list_all() {
  session_.forget_arrivals();
  const std::uint32_t before = session_.exists();
  auto all = search_uids(session_, "ALL");
  if (!all) return std::unexpected(all.error());
  // What is not in this list will be taken for gone: an answer cut short must not pass for one.
  if (const auto least = std::min(before, session_.exists()); all->size() < least) {
    return fail(ErrorCode::upstream_rejected,
                "the server lists " + std::to_string(all->size()) + " of at least " +
                    std::to_string(least) + " messages",
                "list_incomplete");
  }
  auto seen = search_uids(session_, "SEEN");
  if (!seen) return std::unexpected(seen.error());
  auto deleted = search_uids(session_, "DELETED");
  if (!deleted) return std::unexpected(deleted.error());
  std::vector<ListedMessage> listed;
  listed.reserve(all->size());
  auto next_seen = seen->begin();
  auto next_deleted = deleted->begin();
  const auto holds = [](auto& next, auto end, Uid uid) {
    while (next != end && *next < uid) ++next;
    return next != end && *next == uid;
  };
  for (const Uid uid : *all) {
    listed.push_back({.uid = uid,
                      .seen = holds(next_seen, seen->end(), uid),
                      .deleted = holds(next_deleted, deleted->end(), uid)});
  }
  return listed;
}

Result<void> ImapMailbox::add_flags(std::span<const Uid> uids,
                                    std::span<const std::string_view> flags) {
  std::string list;
  for (const std::string_view flag : flags) {
    if (!is_flag(flag)) return fail(ErrorCode::invalid_request, "not an IMAP flag");
    if (!list.empty()) list += ' ';
    list += flag;
  }
  if (list.empty() || list.size() > kCommandFrame / 2) {
    return fail(ErrorCode::invalid_request, "no flags, or too many of them");
  }
  list.insert(0, " +FLAGS.SILENT (");
  list += ')';
  std::vector<std::string> commands = sets(uids);
  for (std::string& command : commands) {
    command.insert(0, "UID STORE ");
    command += list;
  }
  return run_all_fine(commands, "setting flags");
}

Result<Removal> ImapMailbox::expunge(std::span<const Uid> uids) {
  if (uids.empty()) return Removal::done;
  if (session_.has("X-GM-EXT-1") && session_.has("MOVE")) return move_to_bin(uids);
  if (!session_.has("UIDPLUS")) {
    if (auto marked = add_flag(uids, kDeleted); !marked) return std::unexpected(marked.error());
    return expunge_marked(uids);
  }
  // One round trip: the server takes the commands in order, and a refused STORE leaves nothing for
  // the EXPUNGE to remove.
  std::vector<std::string> commands;
  for (const std::string& set : sets(uids)) {
    commands.push_back("UID STORE " + set + " +FLAGS.SILENT (\\Deleted)");
    commands.push_back("UID EXPUNGE " + set);
  }
  if (auto done = run_all_fine(commands, "removing messages"); !done) {
    return std::unexpected(done.error());
  }
  return Removal::done;
}

// What is expunged from a folder of Gmail stays among all mail, unless the account says otherwise.
Result<Removal> ImapMailbox::move_to_bin(std::span<const Uid> uids) {
  if (auto moved = transfer("MOVE", uids, "\\Trash"); !moved) {
    return std::unexpected(moved.error());
  }
  return Removal::done;
}

// EXPUNGE removes whatever is marked, so it is sent only when all that is marked is ours.
Result<Removal> ImapMailbox::expunge_marked(std::span<const Uid> uids) {
  auto marked = search_uids(session_, "DELETED");
  if (!marked) return std::unexpected(marked.error());
  std::vector<Uid> ours(uids.begin(), uids.end());
  std::ranges::sort(ours);
  if (!std::ranges::includes(ours, *marked)) return Removal::left_deleted;
  if (auto done = run_fine("EXPUNGE", "removing messages"); !done) {
    return std::unexpected(done.error());
  }
  return Removal::done;
}

// Whether a refusal to copy may come from a folder that is not there. Courier says so without a
// code.
bool may_lack_folder(const Completion& completion) {
  const std::string& code = completion.code.name;
  return completion.status == Status::no &&
         (code.empty() || code == "TRYCREATE" || code == "NONEXISTENT");
}

// A refusal does not matter: somebody else may have made it, and the next try tells.
void ImapMailbox::create_folder(const std::string& quoted) {
  const std::array commands{"CREATE " + quoted, "SUBSCRIBE " + quoted};
  Listener nobody;
  [[maybe_unused]] const auto answered = session_.run_all(commands, nobody);
}

Result<void> ImapMailbox::transfer(std::string_view verb, std::span<const Uid> uids,
                                   std::string_view folder) {
  auto quoted = folder_names_.quoted(folder);
  if (!quoted) return std::unexpected(quoted.error());
  bool created = false;
  for (const std::string& set : sets(uids)) {
    const std::string command = "UID " + std::string(verb) + " " + set + " " + *quoted;
    auto completion = session_.run(command);
    if (!completion) return std::unexpected(completion.error());
    if (!created && may_lack_folder(*completion)) {
      create_folder(*quoted);
      created = true;
      completion = session_.run(command);
      if (!completion) return std::unexpected(completion.error());
    }
    if (!completion->ok()) {
      return std::unexpected(session_.refused(*completion, "putting messages into a folder"));
    }
  }
  return {};
}

// Into the folder itself it would be new mail, again and again.
Result<void> ImapMailbox::copy(std::span<const Uid> uids, std::string_view folder) {
  auto quoted = folder_names_.quoted(folder);
  if (!quoted) return std::unexpected(quoted.error());
  if (equal_ignoring_case(*quoted, selected_))
    return fail(ErrorCode::upstream_rejected, "mail is not copied into the folder it is in");
  return transfer("COPY", uids, folder);
}

Result<Removal> ImapMailbox::move(std::span<const Uid> uids, std::string_view folder) {
  auto quoted = folder_names_.quoted(folder);
  if (!quoted) return std::unexpected(quoted.error());
  // Each would come back under another uid, as a new message: it is there already.
  if (equal_ignoring_case(*quoted, selected_)) {
    if (auto marked = add_flag(uids, kSeen); !marked) return std::unexpected(marked.error());
    return Removal::stayed;
  }
  const bool moves = session_.has("MOVE");
  if (auto done = transfer(moves ? "MOVE" : "COPY", uids, folder); !done) {
    return std::unexpected(done.error());
  }
  if (moves) return Removal::done;
  return expunge(uids);
}

}  // namespace

std::unique_ptr<Mailbox> make_imap_mailbox(ImapOptions options,
                                           std::shared_ptr<adapters::AccessTokens> tokens) {
  return std::make_unique<ImapMailbox>(std::move(options), std::move(tokens));
}

}  // namespace c360::ingest::imap
