// A mail as received, byte for byte: in memory when it is small, in an unlinked temporary file when
// it is not, so that a 50 MB mail never sits in memory. Move-only; one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/base/digest.h"
#include "daemon/base/error.h"

namespace c360::ingest {

class RawMail {
 public:
  RawMail() = default;
  explicit RawMail(std::string bytes);
  RawMail(RawMail&& other) noexcept;
  RawMail& operator=(RawMail&& other) noexcept;
  ~RawMail();

  bool in_memory() const { return fd_ < 0; }
  std::string_view bytes() const { return bytes_; }  // empty unless in memory
  int descriptor() const { return fd_; }             // -1 when in memory
  std::uint64_t size() const { return size_; }
  const Sha256& sha256() const { return sha256_; }

  // Fills `into` from the offset and says how many bytes; 0 at the end.
  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const;

  using Sink = std::function<Result<void>(std::string_view)>;
  // The whole mail in pieces of at most `piece_bytes`, from its beginning; the sink's error ends
  // it.
  Result<void> read(std::size_t piece_bytes, const Sink& sink) const;

 private:
  friend class RawMailWriter;
  std::string bytes_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  Sha256 sha256_{};
};

// Takes a mail piece by piece. It moves to a file in `folder` when it grows past `memory_bytes`.
class RawMailWriter {
 public:
  RawMailWriter(std::string folder, std::size_t memory_bytes);
  ~RawMailWriter();
  RawMailWriter(const RawMailWriter&) = delete;
  RawMailWriter& operator=(const RawMailWriter&) = delete;

  // Begins a new mail; what was written before is dropped. With `expected_bytes` past the bound the
  // file is opened at once.
  Result<void> begin(std::uint64_t expected_bytes);
  // unavailable when the spool folder is full or gone.
  Result<void> write(std::string_view piece);
  RawMail finish();
  // From now on mails larger than this go to a file: a batch that already holds much memory.
  void limit_memory(std::size_t memory_bytes) { memory_bytes_ = memory_bytes; }

 private:
  Result<void> open_file();
  Result<void> write_file(std::string_view piece);

  std::string folder_;
  std::size_t memory_bytes_;
  RawMail mail_;
  Sha256Stream digest_;
};

}  // namespace c360::ingest
