#include "api/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace c360::api {
namespace {

std::unexpected<Error> no_room(std::string_view what) {
  return fail(ErrorCode::unavailable,
              std::string(what) + " the temporary folder (TMPDIR): " + std::strerror(errno),
              "spool");
}

}  // namespace

Spool::~Spool() {
  if (file_ >= 0) ::close(file_);
}

Result<void> Spool::open_file() {
  const char* folder = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): set before threads
  if (folder == nullptr || *folder == '\0') folder = "/tmp";
  file_ = ::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file_ < 0) return no_room("cannot make a file in");
  if (auto written = write(memory_); !written) return written;
  memory_ = std::string();
  return {};
}

Result<void> Spool::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto count = ::write(file_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return no_room("cannot write to");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> Spool::append(std::string_view piece) {
  digest_.update(piece);
  size_ += piece.size();
  if (file_ < 0 && size_ <= memory_bytes_) {
    memory_.append(piece);
    return {};
  }
  if (file_ < 0) {
    if (auto opened = open_file(); !opened) return opened;
  }
  return write(piece);
}

Sha256 Spool::finish() { return digest_.finish(); }

Result<std::size_t> Spool::read(std::span<char> into) {
  if (file_ < 0) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), memory_.size() - at_));
    std::memcpy(into.data(), memory_.data() + at_, count);
    at_ += count;
    return count;
  }
  for (;;) {
    const auto count = ::pread(file_, into.data(), into.size(), static_cast<off_t>(at_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return no_room("cannot read from");
    at_ += static_cast<std::uint64_t>(count);
    return static_cast<std::size_t>(count);
  }
}

}  // namespace c360::api
