#include "ingest/raw_mail.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

namespace c360::ingest {

namespace {

std::unexpected<Error> spool_failure(std::string_view what, const std::string& folder) {
  return fail(ErrorCode::unavailable,
              "cannot " + std::string(what) + " a spool file in " + folder + ": " +
                  std::error_code(errno, std::generic_category()).message() +
                  "; free some space there or make it writable",
              "spool_failed");
}

// A view of the bytes must survive a move of the mail: never in the string's own small buffer.
constexpr std::size_t kLeastCapacity = 64;

}  // namespace

RawMail::RawMail(std::string bytes)
    : bytes_(std::move(bytes)), size_(bytes_.size()), sha256_(c360::sha256(bytes_)) {
  bytes_.reserve(kLeastCapacity);
}

RawMail::RawMail(RawMail&& other) noexcept
    : bytes_(std::move(other.bytes_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(std::exchange(other.size_, 0)),
      sha256_(other.sha256_) {}

RawMail& RawMail::operator=(RawMail&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    bytes_ = std::move(other.bytes_);
    fd_ = std::exchange(other.fd_, -1);
    size_ = std::exchange(other.size_, 0);
    sha256_ = other.sha256_;
  }
  return *this;
}

RawMail::~RawMail() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::size_t> RawMail::read_at(std::uint64_t offset, std::span<char> into) const {
  if (offset >= size_) return 0;
  if (in_memory()) return bytes_.copy(into.data(), into.size(), static_cast<std::size_t>(offset));
  while (true) {
    const ssize_t got = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && errno == EINTR) continue;
    return fail(ErrorCode::unavailable, "a spool file ended early", "spool_failed");
  }
}

Result<void> RawMail::read(std::size_t piece_bytes, const Sink& sink) const {
  std::vector<char> buffer(piece_bytes);
  for (std::uint64_t at = 0; at < size_;) {
    auto got = read_at(at, buffer);
    if (!got) return std::unexpected(got.error());
    if (auto taken = sink({buffer.data(), *got}); !taken) return taken;
    at += *got;
  }
  return {};
}

RawMailWriter::RawMailWriter(std::string folder, std::size_t memory_bytes)
    : folder_(std::move(folder)), memory_bytes_(memory_bytes) {}
RawMailWriter::~RawMailWriter() = default;

Result<void> RawMailWriter::begin(std::uint64_t expected_bytes) {
  mail_ = RawMail{};
  digest_ = Sha256Stream{};
  if (expected_bytes > memory_bytes_) return open_file();
  mail_.bytes_.reserve(std::max(kLeastCapacity, static_cast<std::size_t>(expected_bytes)));
  return {};
}

Result<void> RawMailWriter::write(std::string_view piece) {
  digest_.update(piece);
  mail_.size_ += piece.size();
  if (mail_.fd_ < 0 && mail_.size_ > memory_bytes_) {
    const std::string before = std::exchange(mail_.bytes_, {});
    if (auto opened = open_file(); !opened) return opened;
    if (auto written = write_file(before); !written) return written;
  }
  if (mail_.fd_ >= 0) return write_file(piece);
  mail_.bytes_ += piece;
  return {};
}

RawMail RawMailWriter::finish() {
  mail_.sha256_ = digest_.finish();
  digest_ = Sha256Stream{};
  return std::exchange(mail_, RawMail{});
}

// The file has no name: nothing is left behind by a crash.
Result<void> RawMailWriter::open_file() {
  mail_.fd_ = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (mail_.fd_ < 0) return spool_failure("open", folder_);
  return {};
}

Result<void> RawMailWriter::write_file(std::string_view piece) {
  while (!piece.empty()) {
    const ssize_t written = ::write(mail_.fd_, piece.data(), piece.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return spool_failure("write", folder_);
    piece.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace c360::ingest
