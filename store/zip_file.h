// A ZIP file (APPNOTE.TXT) made on the disk from contents that are read piece by piece, so that its
// size is known and what fails is told before the first byte is sent. Entries are stored as they
// are: documents are compressed already.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "store/blob.h"

namespace c360::store {

struct ZipEntry {
  std::string path;  // UTF-8, folders separated by '/'; each once
  std::int64_t size_bytes = 0;
  Instant modified;
  std::function<BlobReader()> open;  // a reader of the content from its beginning
};

// Move-only. Gone from the disk with the object, and with the process.
class ZipFile {
 public:
  // unavailable, reason zip, where the temporary folder (TMPDIR) cannot be written or is full; what
  // a reader answers, as it is.
  static Result<ZipFile> make(const std::vector<ZipEntry>& entries);
  ZipFile(ZipFile&& other) noexcept;
  ZipFile& operator=(ZipFile&& other) noexcept;
  ZipFile(const ZipFile&) = delete;
  ZipFile& operator=(const ZipFile&) = delete;
  ~ZipFile();

  std::uint64_t size() const { return size_; }
  // All of it, piece by piece.
  Result<void> read(const BlobSink& sink) const;

 private:
  ZipFile(int file, std::uint64_t size) : file_(file), size_(size) {}

  int file_ = -1;  // without a name
  std::uint64_t size_ = 0;
};

}  // namespace c360::store
