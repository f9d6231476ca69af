#include "store/blob.h"

#include <algorithm>
#include <map>
#include <utility>

namespace c360::store {
namespace {

constexpr Sql kPutBlobs{
    "blob.put",
    // Those already there are held, so that nobody takes their chunks away meanwhile.
    "WITH put AS (INSERT INTO ops.blob (sha256, size_bytes)"
    " SELECT * FROM unnest($1::bytea[], $2::bigint[]) ON CONFLICT (sha256) DO NOTHING)"
    " SELECT FROM ops.blob WHERE sha256 = ANY ($1::bytea[]) ORDER BY sha256 FOR KEY SHARE"};
constexpr Sql kPutChunks{
    "blob.put_chunks",
    "INSERT INTO ops.blob_chunk (sha256, seq, data)"
    " SELECT c.sha256, c.seq, c.data"
    "   FROM unnest($1::bytea[], $2::bigint[], $3::bytea[]) AS c (sha256, seq, data)"
    " ON CONFLICT (sha256, seq) DO NOTHING"};
constexpr Sql kCountBlobs{
    "blob.count",
    "SELECT count(*) FROM ops.blob"
    "  JOIN unnest($1::bytea[], $2::bigint[]) AS expected (sha256, size_bytes)"
    " USING (sha256, size_bytes)"};
constexpr Sql kPutOne{"blob.put_one",
                      "INSERT INTO ops.blob (sha256, size_bytes) VALUES ($1::bytea, $2)"
                      " ON CONFLICT (sha256) DO NOTHING RETURNING true"};
constexpr Sql kPutChunk{"blob.put_chunk",
                        "INSERT INTO ops.blob_chunk (sha256, seq, data)"
                        " VALUES ($1::bytea, $2, $3::bytea) ON CONFLICT (sha256, seq) DO NOTHING"};
constexpr Sql kSetSize{"blob.set_size",
                       "UPDATE ops.blob SET size_bytes = $2 WHERE sha256 = $1::bytea"};
constexpr Sql kMoveChunks{"blob.move_chunks",
                          "UPDATE ops.blob_chunk SET sha256 = $2::bytea WHERE sha256 = $1::bytea"};
constexpr Sql kRemove{"blob.remove", "DELETE FROM ops.blob WHERE sha256 = $1::bytea"};
// A blob whose chunks were purged is not there, but its row is, which the ledger names.
constexpr Sql kSize{"blob.size",
                    "SELECT b.size_bytes FROM ops.blob b WHERE b.sha256 = $1::bytea"
                    " AND (b.size_bytes = 0 OR EXISTS (SELECT FROM ops.blob_chunk c"
                    " WHERE c.sha256 = b.sha256 AND c.seq = 0))"};
constexpr Sql kHold{"blob.hold", "SELECT FROM ops.blob WHERE sha256 = $1::bytea FOR KEY SHARE"};
constexpr Sql kChunk{"blob.chunk",
                     "SELECT data FROM ops.blob_chunk WHERE sha256 = $1::bytea AND seq = $2",
                     /*binary_rows=*/true};
constexpr Sql kRange{"blob.range",
                     // substring() counts from 1; the first and the last chunk are cut.
                     "SELECT substring(data FROM (greatest($2 - seq::bigint * 1048576, 0) + 1)::int"
                     " FOR (least($3 - seq::bigint * 1048576, 1048576)"
                     " - greatest($2 - seq::bigint * 1048576, 0))::int)"
                     "  FROM ops.blob_chunk"
                     " WHERE sha256 = $1::bytea"
                     "   AND seq BETWEEN $2 / 1048576 AND ($3 - 1) / 1048576"
                     " ORDER BY seq",
                     /*binary_rows=*/true};

// What one statement takes: a batch of large mails goes in several.
constexpr std::size_t kStatementBytes = 8 * kBlobChunkBytes;

std::int64_t size_of(std::string_view bytes) { return static_cast<std::int64_t>(bytes.size()); }

Params key(const Sha256& sha256) {
  Params params;
  params.add_bytes(as_bytes_view(sha256));
  return params;
}

std::unexpected<Error> missing(const Sha256& sha256) {
  return fail(ErrorCode::not_found, "There is no content " + to_hex(sha256) + ".",
              "blob_not_found");
}

std::unexpected<Error> too_large(std::int64_t size, std::int64_t limit) {
  return fail(ErrorCode::payload_too_large,
              "The content has " + std::to_string(size) + " bytes, the limit is " +
                  std::to_string(limit) + ".",
              "blob_too_large");
}

std::unexpected<Error> corrupt(const Sha256& sha256) {
  return fail(ErrorCode::internal,
              "The stored content " + to_hex(sha256) +
                  " does not have its digest or size: restore it from a backup.",
              "blob_corrupt");
}

// Ascending and each once: two transactions that put the same blobs in another order would wait
// for each other for ever.
std::map<Sha256, std::string_view> sorted(std::span<const BlobContent> contents) {
  std::map<Sha256, std::string_view> all;
  for (const BlobContent& content : contents) all.emplace(content.sha256, content.bytes);
  return all;
}

struct Keys {
  std::vector<std::string_view> digests;
  std::vector<std::int64_t> sizes;

  Params params() const { return std::move(Params{}.add_bytes_array(digests).add_array(sizes)); }
};

Keys keys_of(const std::map<Sha256, std::string_view>& contents) {
  Keys keys;
  for (const auto& [sha256, bytes] : contents) {
    keys.digests.push_back(as_bytes_view(sha256));
    keys.sizes.push_back(size_of(bytes));
  }
  return keys;
}

void queue_chunks(Transaction& tx, const std::map<Sha256, std::string_view>& contents) {
  std::vector<std::string_view> digests;
  std::vector<std::int64_t> positions;
  std::vector<std::string_view> data;
  std::size_t bytes_queued = 0;
  const auto flush = [&] {
    if (data.empty()) return;
    tx.queue(
        kPutChunks,
        std::move(Params{}.add_bytes_array(digests).add_array(positions).add_bytes_array(data)));
    digests.clear();
    positions.clear();
    data.clear();
    bytes_queued = 0;
  };
  for (const auto& [sha256, bytes] : contents) {
    for (std::size_t at = 0; at < bytes.size(); at += kBlobChunkBytes) {
      digests.push_back(as_bytes_view(sha256));
      positions.push_back(static_cast<std::int64_t>(at / kBlobChunkBytes));
      data.push_back(bytes.substr(at, kBlobChunkBytes));
      bytes_queued += data.back().size();
      if (bytes_queued >= kStatementBytes) flush();
    }
  }
  flush();
}

// The reader's bytes as full chunks; the last one is shorter.
struct Chunker {
  const BlobReader& reader;
  std::string buffer = std::string(kBlobChunkBytes, '\0');

  Result<std::string_view> next() {
    std::size_t filled = 0;
    while (filled < buffer.size()) {
      auto got = reader(std::span(buffer).subspan(filled));
      if (!got) return std::unexpected(got.error());
      if (*got == 0) break;
      filled += *got;
    }
    return std::string_view(buffer).substr(0, filled);
  }
};

// Chunks under `key_bytes`, one round trip each.
Result<BlobRef> put_chunks(Transaction& tx, const BlobReader& reader, std::string_view key_bytes) {
  Chunker chunks{reader};
  Sha256Stream digest;
  BlobRef ref;
  for (std::int64_t seq = 0;; ++seq) {
    auto chunk = chunks.next();
    if (!chunk) return std::unexpected(chunk.error());
    if (chunk->empty()) break;
    ref.size_bytes += size_of(*chunk);
    if (ref.size_bytes > kMaxBlobBytes) return too_large(ref.size_bytes, kMaxBlobBytes);
    digest.update(*chunk);
    auto stored =
        tx.query(kPutChunk, std::move(Params{}.add_bytes(key_bytes).add(seq).add_bytes(*chunk)));
    if (!stored) return std::unexpected(stored.error());
  }
  ref.sha256 = digest.finish();
  return ref;
}

// Of a blob already there, which keeps its chunks until this transaction ends; none: they are gone.
Result<std::optional<std::int64_t>> held_size(Transaction& tx, const Sha256& sha256) {
  tx.queue(kHold, key(sha256));
  return blob_size(tx, sha256);
}

Result<BlobRef> put_known(Transaction& tx, const BlobReader& reader, const Sha256& known) {
  // The size is not known yet; another transaction that puts the same waits for this one.
  auto inserted = tx.query(kPutOne, std::move(key(known).add(std::int64_t{0})));
  if (!inserted) return std::unexpected(inserted.error());
  if ((*inserted)->empty()) {
    auto size = held_size(tx, known);
    if (!size) return std::unexpected(size.error());
    if (*size) return BlobRef{known, **size};
  }
  auto ref = put_chunks(tx, reader, as_bytes_view(known));
  if (!ref) return ref;
  if (ref->sha256 != known) {
    return fail(ErrorCode::internal,
                "The content has the digest " + to_hex(ref->sha256) + ", not " + to_hex(known) +
                    " as was said.",
                "digest_mismatch");
  }
  auto sized = tx.query(kSetSize, std::move(key(known).add(ref->size_bytes)));
  if (!sized) return std::unexpected(sized.error());
  return ref;
}

// Under a random key first, which nobody else sees; at the end the chunks get the true one. The
// move does not copy the data: it lies out of line, and an UPDATE that leaves it alone keeps it.
Result<BlobRef> put_unknown(Transaction& tx, const BlobReader& reader) {
  const std::string provisional = random_bytes(32);
  auto inserted =
      tx.query(kPutOne, std::move(Params{}.add_bytes(provisional).add(std::int64_t{0})));
  if (!inserted) return std::unexpected(inserted.error());
  auto ref = put_chunks(tx, reader, provisional);
  if (!ref) return ref;
  auto made = tx.query(kPutOne, std::move(key(ref->sha256).add(ref->size_bytes)));
  if (!made) return std::unexpected(made.error());
  bool wanted = !(*made)->empty();
  if (!wanted) {
    auto size = held_size(tx, ref->sha256);
    if (!size) return std::unexpected(size.error());
    wanted = !*size;
  }
  if (wanted) {
    tx.queue(kMoveChunks,
             std::move(Params{}.add_bytes(provisional).add_bytes(as_bytes_view(ref->sha256))));
  }
  // Its chunks, if they are still there, go with it.
  auto removed = tx.query(kRemove, std::move(Params{}.add_bytes(provisional)));
  if (!removed) return std::unexpected(removed.error());
  return ref;
}

}  // namespace

BlobContent make_blob(std::string_view bytes) { return {c360::sha256(bytes), bytes}; }

void queue_put_blobs(Transaction& tx, std::span<const BlobContent> contents) {
  if (contents.empty()) return;
  const auto all = sorted(contents);
  tx.queue(kPutBlobs, keys_of(all).params());
  queue_chunks(tx, all);
}

Result<void> put_blobs(Transaction& tx, std::span<const BlobContent> contents) {
  for (const BlobContent& content : contents) {
    if (size_of(content.bytes) > kMaxBlobBytes) {
      return too_large(size_of(content.bytes), kMaxBlobBytes);
    }
  }
  if (contents.empty()) return {};
  const auto all = sorted(contents);
  queue_put_blobs(tx, contents);
  auto there = tx.query(kCountBlobs, keys_of(all).params());
  if (!there) return std::unexpected(there.error());
  if ((*there)->int64(0, 0) != static_cast<std::int64_t>(all.size())) {
    // A row we collided with was removed, or has the digest with another size.
    return fail(ErrorCode::conflict, "Some contents were removed while they were being stored.",
                "serialization_failure");
  }
  return {};
}

Result<BlobRef> put_blob_stream(Transaction& tx, const BlobReader& reader,
                                const std::optional<Sha256>& known) {
  return known ? put_known(tx, reader, *known) : put_unknown(tx, reader);
}

Result<std::optional<std::int64_t>> blob_size(Transaction& tx, const Sha256& sha256) {
  auto rows = tx.query(kSize, key(sha256));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return std::nullopt;
  return (*rows)->int64(0, 0);
}

Result<std::string> read_blob(Transaction& tx, const Sha256& sha256, std::int64_t limit_bytes) {
  // Small contents, nearly all, come in the same round trip as their size.
  const Ticket size_ticket = tx.queue(kSize, key(sha256));
  const Ticket first_ticket = tx.queue(kChunk, std::move(key(sha256).add(0)));
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  const Rows& size_rows = tx.rows(size_ticket);
  if (size_rows.empty()) return missing(sha256);
  const std::int64_t size = size_rows.int64(0, 0);
  if (size > limit_bytes) return too_large(size, limit_bytes);

  std::string all;
  const Rows& first = tx.rows(first_ticket);
  if (!first.empty()) all = first.bytes(0, 0);
  all.reserve(static_cast<std::size_t>(size));
  for (std::int64_t seq = 1; size_of(all) < size; ++seq) {
    auto rows = tx.query(kChunk, std::move(key(sha256).add(seq)));
    if (!rows) return std::unexpected(rows.error());
    if ((*rows)->empty()) return corrupt(sha256);
    all += (*rows)->text(0, 0);
  }
  if (size_of(all) != size || c360::sha256(all) != sha256) return corrupt(sha256);
  return all;
}

Result<std::string> read_blob_range(Transaction& tx, const Sha256& sha256, std::int64_t offset,
                                    std::int64_t length) {
  if (offset < 0 || length < 0 || length > kMaxBlobBytes) {
    return fail(ErrorCode::invalid_request, "The range of the content is not a range.");
  }
  const Ticket size_ticket = tx.queue(kSize, key(sha256));
  const Ticket data_ticket = tx.queue(
      kRange, std::move(key(sha256).add(offset).add(offset + std::max<std::int64_t>(length, 1))));
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  if (tx.rows(size_ticket).empty()) return missing(sha256);
  std::string range;
  const Rows& data = tx.rows(data_ticket);
  for (int row = 0; row < data.size(); ++row) range += data.text(row, 0);
  range.resize(std::min(range.size(), static_cast<std::size_t>(length)));
  return range;
}

Result<void> stream_blob(Transaction& tx, const Sha256& sha256, const BlobSink& sink) {
  auto size = blob_size(tx, sha256);
  if (!size) return std::unexpected(size.error());
  if (!*size) return missing(sha256);
  Sha256Stream digest;
  std::int64_t done = 0;
  for (std::int64_t seq = 0; done < **size; ++seq) {
    const Ticket ticket = tx.queue(kChunk, std::move(key(sha256).add(seq)));
    if (auto ran = tx.run(); !ran) return ran;
    const Rows rows = tx.take(ticket);  // gone with this turn, not with the transaction
    if (rows.empty()) return corrupt(sha256);
    const std::string_view chunk = rows.text(0, 0);
    digest.update(chunk);
    if (auto taken = sink(chunk); !taken) return taken;
    done += size_of(chunk);
  }
  if (done != **size || digest.finish() != sha256) return corrupt(sha256);
  return {};
}

}  // namespace c360::store
