// The content store: bytes by their SHA-256, in PostgreSQL, in chunks of 1 MiB (lz4), so that they
// are in the transaction, in the backup and shared by all daemons (design.md 4).
//
// Putting the same content twice keeps one copy. Every function works inside the caller's
// transaction: what is put is there when the transaction commits. A blob is never changed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/digest.h"
#include "daemon/base/error.h"
#include "store/database.h"

namespace c360::store {

inline constexpr std::size_t kBlobChunkBytes = 1U << 20;
// The largest blob; above it payload_too_large. Callers have smaller limits of their own.
inline constexpr std::int64_t kMaxBlobBytes = std::int64_t{1} << 30;

struct BlobRef {
  Sha256 sha256{};
  std::int64_t size_bytes = 0;
};

// A content in memory, with its digest: make_blob() or by hand where the digest is known.
struct BlobContent {
  Sha256 sha256{};
  std::string_view bytes;  // must live until the call it is given to returns
};
BlobContent make_blob(std::string_view bytes);

// Queues the statements that store all of them, set-wise: two statements, no round trip. Doubles
// among them and contents already there are fine. The digests are trusted.
void queue_put_blobs(Transaction& tx, std::span<const BlobContent> contents);
// queue_put_blobs, sent at once, and a look that every blob is there with its size.
Result<void> put_blobs(Transaction& tx, std::span<const BlobContent> contents);

// Fills the span with the next bytes and says how many; 0 at the end.
using BlobReader = std::function<Result<std::size_t>(std::span<char> into)>;
// Stores what the reader gives, one chunk in memory at a time, a round trip each. With `known` a
// content already there is not read at all, and one with another digest is refused
// (ErrorCode::internal, reason digest_mismatch: roll back).
Result<BlobRef> put_blob_stream(Transaction& tx, const BlobReader& reader,
                                const std::optional<Sha256>& known = std::nullopt);

// nullopt when there is no such blob.
Result<std::optional<std::int64_t>> blob_size(Transaction& tx, const Sha256& sha256);

// The whole content, digest verified (ErrorCode::internal, reason blob_corrupt). not_found;
// payload_too_large above `limit_bytes`, before anything is read.
Result<std::string> read_blob(Transaction& tx, const Sha256& sha256, std::int64_t limit_bytes);
// At most `length` bytes from `offset`; shorter at the end, empty behind it. Not verified.
Result<std::string> read_blob_range(Transaction& tx, const Sha256& sha256, std::int64_t offset,
                                    std::int64_t length);

using BlobSink = std::function<Result<void>(std::string_view bytes)>;
// Chunk by chunk into the sink, one in memory at a time; the digest is verified after the last one.
Result<void> stream_blob(Transaction& tx, const Sha256& sha256, const BlobSink& sink);

}  // namespace c360::store
