#include "ingest/maildir_mailbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <ctime>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "daemon/base/text.h"
#include "ingest/line_ends.h"

namespace c360::ingest {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUidFile = "client360-uids";
constexpr std::string_view kHeader = "client360-uids 1 ";
constexpr std::size_t kPiece = 64U << 10U;

std::unexpected<Error> failure(std::string_view doing, const fs::path& path) {
  const int code = errno;
  return fail(ErrorCode::unavailable,
              "cannot " + std::string(doing) + " " + path.string() + ": " +
                  std::error_code(code, std::generic_category()).message(),
              "maildir_failed");
}
std::unexpected<Error> failure(std::string_view doing, const fs::path& path,
                               const std::error_code& error) {
  errno = error.value();
  return failure(doing, path);
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  bool open() const { return number_ >= 0; }

 private:
  int number_;
};

Result<std::string> read_whole(const fs::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!file.open()) {
    if (errno == ENOENT) return std::string();
    return failure("read", path);
  }
  std::string text;
  std::array<char, kPiece> buffer{};
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure("read", path);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

// By rename: whoever dies in between leaves the former file whole.
Result<void> replace(const fs::path& path, std::string_view text) {
  const fs::path fresh = path.string() + ".new";
  {
    const Descriptor file{
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!file.open()) return failure("write", fresh);
    while (!text.empty()) {
      const ssize_t written = ::write(file.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failure("write", fresh);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(file.get()) != 0) return failure("write", fresh);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failure("write", path);
  return {};
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

// Which file has which number: "client360-uids 1 UIDVALIDITY NEXT", then "UID FILE NAME" lines.
// FILE tells one file from a later one of the same name: inode, time and size.
struct Numbers {
  struct Entry {
    Uid uid = 0;
    std::string file;
  };

  std::uint32_t uidvalidity = 0;
  Uid next = 1;
  std::map<std::string, Entry> by_name;

  static std::optional<Numbers> parse(std::string_view text) {
    if (!text.starts_with(kHeader) || !text.ends_with('\n')) return std::nullopt;
    text.remove_prefix(kHeader.size());
    text.remove_suffix(1);
    const auto lines = split(text, '\n');
    const auto head = split(lines.front(), ' ');
    Numbers numbers;
    const auto uidvalidity = head.size() == 2 ? number(head[0]) : std::nullopt;
    const auto next = head.size() == 2 ? number(head[1]) : std::nullopt;
    if (!uidvalidity || !next) return std::nullopt;
    numbers.uidvalidity = *uidvalidity;
    numbers.next = *next;
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const auto first = lines[i].find(' ');
      const auto second = lines[i].find(' ', first + 1);
      if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
      const auto uid = number(lines[i].substr(0, first));
      if (!uid || *uid >= numbers.next) return std::nullopt;
      numbers.by_name.emplace(
          lines[i].substr(second + 1),
          Entry{*uid, std::string(lines[i].substr(first + 1, second - first - 1))});
    }
    return numbers;
  }
  std::string text() const {
    std::string text =
        std::string(kHeader) + std::to_string(uidvalidity) + " " + std::to_string(next) + "\n";
    for (const auto& [name, entry] : by_name)
      text += std::to_string(entry.uid) + " " + entry.file + " " + name + "\n";
    return text;
  }
};

std::string id_of(const struct stat& status) {
  return std::to_string(status.st_ino) + "-" + std::to_string(status.st_mtim.tv_sec) + "." +
         std::to_string(status.st_mtim.tv_nsec) + "-" + std::to_string(status.st_size);
}

class MaildirMailbox final : public Mailbox {
 public:
  MaildirMailbox(fs::path folder, std::uint64_t message_bytes)
      : folder_(std::move(folder)), message_bytes_(message_bytes) {}

  Result<void> connect() override;
  const ServerFeatures& features() const override { return features_; }
  Result<SelectedMailbox> select(std::string_view name, bool read_only) override;
  Result<std::vector<Uid>> search(const SearchCriteria& criteria) override;
  Result<std::vector<ListedMessage>> list_all() override;
  Result<void> fetch(std::span<const Uid> uids, FetchSink& sink) override;
  Result<void> add_flags(std::span<const Uid> uids,
                         std::span<const std::string_view> flags) override;
  Result<Removal> expunge(std::span<const Uid> uids) override;
  Result<void> copy(std::span<const Uid>, std::string_view) override {
    return fail(ErrorCode::upstream_rejected, "a drop folder has no other folder to copy to");
  }
  Result<Removal> move(std::span<const Uid>, std::string_view) override {
    return fail(ErrorCode::upstream_rejected, "a drop folder has no other folders");
  }
  Result<IdleOutcome> idle(std::chrono::milliseconds timeout) override;
  Result<void> noop() override { return alive(); }
  void logout() override {}
  void interrupt() override {
    const std::scoped_lock lock{mutex_};
    interrupted_ = true;
    changed_.notify_all();
  }
  void wake() override {
    const std::scoped_lock lock{mutex_};
    woken_ = true;
    changed_.notify_all();
  }

 private:
  Result<void> alive();
  fs::path fresh(const std::string& name) const { return folder_ / "new" / name; }
  // Files in new/, numbered; the new numbers are on the disk when it returns.
  Result<void> look();
  Result<void> number_files(const std::map<std::string, std::string>& files);
  Result<void> hand_over(Uid uid, const std::string& name, FetchSink& sink);
  Result<void> stream(int file, Uid uid, const struct stat& status, FetchSink& sink);
  enum class Finish : std::uint8_t { keep, remove };
  Result<void> finish(std::span<const Uid> uids, Finish how);
  bool is_numbered(const std::string& name, const struct stat& status) const;
  Result<void> put_back(const fs::path& from, const std::string& name, Uid uid);

  const fs::path folder_;
  const std::uint64_t message_bytes_;
  ServerFeatures features_{.capabilities = {}, .software = "Maildir", .encrypted = true};
  Numbers numbers_;
  std::map<Uid, std::string> names_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool interrupted_ = false;
  bool woken_ = false;
};

Result<void> MaildirMailbox::alive() {
  const std::scoped_lock lock{mutex_};
  if (interrupted_) return fail(ErrorCode::unavailable, "stopping", "interrupted");
  return {};
}

Result<void> MaildirMailbox::connect() {
  if (auto going = alive(); !going) return going;
  for (const char* part : {"new", "cur", "tmp"}) {
    std::error_code error;
    fs::create_directories(folder_ / part, error);
    if (error) return failure("make", folder_ / part, error);
  }
  return {};
}

Result<SelectedMailbox> MaildirMailbox::select(std::string_view name, bool read_only) {
  if (!equal_ignoring_case(name, "INBOX"))
    return fail(ErrorCode::upstream_rejected, "a drop folder has only INBOX", "nonexistent");
  auto text = read_whole(folder_ / kUidFile);
  if (!text) return std::unexpected(text.error());
  if (auto known = Numbers::parse(*text)) {
    numbers_ = std::move(*known);
  } else {
    // Later than any former one (RFC 9051, 2.3.1.1 recommends the same).
    numbers_ = {.uidvalidity = static_cast<std::uint32_t>(std::time(nullptr)), .by_name = {}};
    if (!read_only) {
      if (auto kept = replace(folder_ / kUidFile, numbers_.text()); !kept)
        return std::unexpected(kept.error());
    }
  }
  if (auto looked = look(); !looked) return std::unexpected(looked.error());
  return SelectedMailbox{.name = std::string(name),
                         .uidvalidity = numbers_.uidvalidity,
                         .uidnext = numbers_.next,
                         .exists = static_cast<std::uint32_t>(names_.size()),
                         .read_only = read_only,
                         .permanent_flags = {std::string(kSeen), std::string(kDeleted)},
                         .keywords_allowed = false};
}

Result<void> MaildirMailbox::look() {
  if (auto going = alive(); !going) return going;
  std::map<std::string, std::string> files;  // by name
  std::error_code error;
  for (fs::directory_iterator file{folder_ / "new", error}, end; !error && file != end;
       file.increment(error)) {
    std::string name = file->path().filename().string();
    // A line break would end its line in the file of numbers; no Maildir writer makes one.
    if (name.starts_with('.') || name.contains('\n')) continue;
    struct stat status{};
    if (::lstat(file->path().c_str(), &status) == 0) files.emplace(std::move(name), id_of(status));
  }
  if (error) return failure("list", folder_ / "new", error);
  return number_files(files);
}

Result<void> MaildirMailbox::number_files(const std::map<std::string, std::string>& files) {
  Numbers now = numbers_;
  std::erase_if(now.by_name, [&](const auto& known) {
    const auto there = files.find(known.first);
    return there == files.end() || there->second != known.second.file;
  });
  bool grown = false;
  for (const auto& [name, file] : files) {
    if (now.next == UINT32_MAX)
      return fail(ErrorCode::upstream_rejected,
                  "the numbers of " + folder_.string() + " are used up; remove client360-uids");
    if (now.by_name.try_emplace(name, Numbers::Entry{now.next, file}).second) {
      ++now.next;
      grown = true;
    }
  }
  if (grown) {
    if (auto kept = replace(folder_ / kUidFile, now.text()); !kept) return kept;
  }
  numbers_ = std::move(now);
  names_.clear();
  for (const auto& [name, entry] : numbers_.by_name) names_.emplace(entry.uid, name);
  return {};
}

Result<std::vector<Uid>> MaildirMailbox::search(const SearchCriteria& criteria) {
  if (auto looked = look(); !looked) return std::unexpected(looked.error());
  std::vector<Uid> uids;
  for (const auto& [uid, name] : names_) {
    if (uid <= criteria.above) continue;
    struct stat status{};
    if (::lstat(fresh(name).c_str(), &status) != 0) continue;
    if (criteria.since && std::chrono::sys_seconds{std::chrono::seconds{status.st_mtime}} <
                              std::chrono::sys_seconds{*criteria.since})
      continue;
    uids.push_back(uid);
  }
  return uids;
}

Result<std::vector<ListedMessage>> MaildirMailbox::list_all() {
  if (auto looked = look(); !looked) return std::unexpected(looked.error());
  std::vector<ListedMessage> listed;
  for (const auto& [uid, name] : names_) listed.push_back({.uid = uid});
  return listed;
}

Result<void> MaildirMailbox::fetch(std::span<const Uid> uids, FetchSink& sink) {
  for (const Uid uid : uids) {
    if (auto going = alive(); !going) return going;
    const auto name = names_.find(uid);
    if (name == names_.end()) {
      sink.missing(uid);
    } else if (auto done = hand_over(uid, name->second, sink); !done) {
      return done;
    }
  }
  return {};
}

Result<void> MaildirMailbox::hand_over(Uid uid, const std::string& name, FetchSink& sink) {
  const Descriptor file{
      ::open(fresh(name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (!file.open() && errno == ENOENT) {
    sink.missing(uid);
    return {};
  }
  struct stat status{};
  const bool readable = file.open() && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
  // Another file by now, or one that is still written: it gets a number of its own.
  if (readable && !is_numbered(name, status)) {
    sink.missing(uid);
    return {};
  }
  if (!readable) {
    sink.refused(uid, Error{.code = ErrorCode::upstream_rejected,
                            .detail = name + " cannot be read, or is no regular file"});
    return {};
  }
  if (static_cast<std::uint64_t>(status.st_size) > message_bytes_) {
    sink.refused(uid, Error{.code = ErrorCode::payload_too_large,
                            .detail = std::to_string(status.st_size) + " bytes; at most " +
                                      std::to_string(message_bytes_) + " are taken in"});
    return {};
  }
  return stream(file.get(), uid, status, sink);
}

Result<void> MaildirMailbox::stream(int file, Uid uid, const struct stat& status, FetchSink& sink) {
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (auto begun = sink.begin(size); !begun) return begun;
  LineEnds line_ends;
  std::uint64_t sent = 0;
  std::array<char, kPiece> buffer{};
  std::uint64_t left = size;
  while (left > 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
    const ssize_t got = ::read(file, buffer.data(), wanted);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      sink.discard();
      sink.refused(uid, Error{.code = ErrorCode::upstream_rejected,
                              .detail = "the file became shorter while it was read"});
      return {};
    }
    left -= static_cast<std::uint64_t>(got);
    const auto piece = line_ends.write({buffer.data(), static_cast<std::size_t>(got)});
    sent += piece.size();
    if (auto taken = sink.bytes(piece); !taken) return taken;
  }
  const std::chrono::sys_seconds written{std::chrono::seconds{status.st_mtime}};
  return sink.end({.uid = uid,
                   .literal_size = sent,
                   .rfc822_size = sent,
                   .internal_date = Instant{written},
                   .flags = {}});
}

// The very file that has a number under this name; a writer may have used the name again since.
bool MaildirMailbox::is_numbered(const std::string& name, const struct stat& status) const {
  const auto known = numbers_.by_name.find(name);
  return known != numbers_.by_name.end() && known->second.file == id_of(status);
}

// Looked at after the move, which nobody can come in between: what came under the same name was
// never read and goes back. What is gone already was finished before a crash, or somebody took it.
Result<void> MaildirMailbox::finish(std::span<const Uid> uids, Finish how) {
  for (const Uid uid : uids) {
    const auto name = names_.find(uid);
    if (name == names_.end()) continue;
    const fs::path from = fresh(name->second);
    struct stat status{};
    if (::lstat(from.c_str(), &status) != 0 || !is_numbered(name->second, status)) continue;
    const fs::path to = folder_ / "cur" / (name->second.substr(0, name->second.find(':')) + ":2,S");
    if (::rename(from.c_str(), to.c_str()) != 0) {
      if (errno == ENOENT) continue;
      return failure("move", from);
    }
    if (::lstat(to.c_str(), &status) != 0) continue;
    if (!is_numbered(name->second, status)) {
      if (auto back = put_back(to, name->second, uid); !back) return back;
    } else if (how == Finish::remove && ::unlink(to.c_str()) != 0 && errno != ENOENT) {
      return failure("remove", to);
    }
  }
  return {};
}

// By link(), which replaces nothing, should yet another one have come.
Result<void> MaildirMailbox::put_back(const fs::path& from, const std::string& name, Uid uid) {
  fs::path to = fresh(name);
  if (::link(from.c_str(), to.c_str()) != 0) {
    to += "." + std::to_string(uid);
    if (::link(from.c_str(), to.c_str()) != 0) return failure("put back", from);
  }
  if (::unlink(from.c_str()) != 0) return failure("remove", from);
  return {};
}

// Only \Seen means something: it was taken in.
Result<void> MaildirMailbox::add_flags(std::span<const Uid> uids,
                                       std::span<const std::string_view> flags) {
  if (std::ranges::find(flags, kSeen) == flags.end()) return {};
  return finish(uids, Finish::keep);
}

Result<Removal> MaildirMailbox::expunge(std::span<const Uid> uids) {
  if (auto done = finish(uids, Finish::remove); !done) return std::unexpected(done.error());
  return Removal::done;
}

// The wait of a folder is looking again after `timeout`; only wake() ends it earlier.
Result<IdleOutcome> MaildirMailbox::idle(std::chrono::milliseconds timeout) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, timeout, [this] { return interrupted_ || woken_; });
  if (interrupted_) return fail(ErrorCode::unavailable, "stopping", "interrupted");
  return std::exchange(woken_, false) ? IdleOutcome::woken : IdleOutcome::timeout;
}

}  // namespace

std::unique_ptr<Mailbox> make_maildir_mailbox(fs::path folder, std::uint64_t message_bytes) {
  return std::make_unique<MaildirMailbox>(std::move(folder), message_bytes);
}

}  // namespace c360::ingest
