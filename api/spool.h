// An upload on its way into the database: received whole before a transaction begins, so that a
// slow client holds no connection. Small ones stay in memory, others go to a file without a name.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/base/digest.h"
#include "daemon/base/error.h"

namespace c360::api {

class Spool {
 public:
  explicit Spool(std::size_t memory_bytes = std::size_t{1024} * 1024)
      : memory_bytes_(memory_bytes) {}
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // unavailable when the disk is full or the temporary folder cannot be written.
  Result<void> append(std::string_view piece);
  std::uint64_t size() const { return size_; }
  Sha256 finish();  // the digest of all of it; once, after the last append
  // From the beginning again, as often as wanted.
  void rewind() { at_ = 0; }
  Result<std::size_t> read(std::span<char> into);

 private:
  Result<void> open_file();
  Result<void> write(std::string_view bytes) const;

  std::size_t memory_bytes_;
  std::string memory_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 0;
  Sha256Stream digest_;
};

}  // namespace c360::api
