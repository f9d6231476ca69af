#include "store/blob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <future>

#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::store {
namespace {

using c360::testing::Quiet;
using c360::testing::TempPostgres;

class BlobTest : public ::testing::Test {
 protected:
  TempPostgres& server = TempPostgres::shared();
  std::string url = server.create_database();
  Quiet quiet;
  Database database{{.url = url}, quiet.observer};

  Transaction begin() { return *database.begin(Pool::work, TxMode::read_write); }
  std::string ask(const std::string& sql) { return server.query(url, sql).at(0); }
  Result<std::string> read(const Sha256& sha256, std::int64_t limit = kMaxBlobBytes) {
    auto tx = begin();
    return read_blob(tx, sha256, limit);
  }
};

// Not compressible, the same at every call.
std::string noise(std::size_t size, std::uint32_t seed = 1) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    seed = seed * 1'664'525 + 1'013'904'223;
    byte = static_cast<char>(seed >> 24);
  }
  return bytes;
}

BlobReader reader_of(const std::string& bytes, std::size_t step) {
  return [&bytes, step, at = std::size_t{0}](std::span<char> into) mutable -> Result<std::size_t> {
    const std::size_t count = std::min({step, into.size(), bytes.size() - at});
    std::copy_n(bytes.data() + at, count, into.data());
    at += count;
    return count;
  };
}

// Sizes about the edges of a chunk.
const std::size_t kSizes[] = {
    0, 1, 4'000, kBlobChunkBytes - 1, kBlobChunkBytes, kBlobChunkBytes + 1, 3 * kBlobChunkBytes};

TEST_F(BlobTest, ManyContentsArePutAtOnceAndReadBack) {
  std::vector<std::string> texts;
  for (const std::size_t size : kSizes) texts.push_back(noise(size));
  std::vector<BlobContent> contents;
  for (const std::string& text : texts) contents.push_back(make_blob(text));
  contents.push_back(make_blob(texts.front()));  // twice in one call

  auto tx = begin();
  auto put = put_blobs(tx, contents);
  ASSERT_TRUE(put) << put.error().detail;
  ASSERT_TRUE(tx.commit());

  for (const BlobContent& content : contents) {
    auto bytes = read(content.sha256);
    ASSERT_TRUE(bytes) << bytes.error().detail;
    EXPECT_TRUE(*bytes == content.bytes) << content.bytes.size();
  }
}

TEST_F(BlobTest, TheSameContentIsKeptOnce) {
  const std::string text = noise(2 * kBlobChunkBytes);
  const BlobContent content = make_blob(text);
  for (int i = 0; i < 3; ++i) {
    auto tx = begin();
    queue_put_blobs(tx, std::span(&content, 1));
    ASSERT_TRUE(tx.commit());
  }
  EXPECT_EQ(ask("SELECT count(*) FROM ops.blob"), "1");
  EXPECT_EQ(ask("SELECT count(*) FROM ops.blob_chunk"), "2");
}

TEST_F(BlobTest, ChunksAreCompressedWithLz4) {
  const std::string text(kBlobChunkBytes, 'x');
  const BlobContent content = make_blob(text);
  auto tx = begin();
  ASSERT_TRUE(put_blobs(tx, std::span(&content, 1)));
  ASSERT_TRUE(tx.commit());
  EXPECT_EQ(ask("SELECT DISTINCT pg_column_compression(data) FROM ops.blob_chunk"), "lz4");
}

TEST_F(BlobTest, ARolledBackContentIsNotThere) {
  const BlobContent content = make_blob("gone");
  {
    auto tx = begin();
    ASSERT_TRUE(put_blobs(tx, std::span(&content, 1)));
  }
  auto bytes = read(content.sha256);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, ErrorCode::not_found);
}

TEST_F(BlobTest, TwoWritersInOppositeOrderBothSucceed) {
  std::vector<std::string> texts;
  for (int i = 0; i < 50; ++i) texts.push_back("content " + std::to_string(i));
  std::vector<BlobContent> forward;
  for (const std::string& text : texts) forward.push_back(make_blob(text));
  std::vector<BlobContent> backward(forward.rbegin(), forward.rend());
  const auto put = [&](std::span<const BlobContent> contents) {
    return std::async(std::launch::async, [this, contents] {
      for (int i = 0; i < 20; ++i) {
        auto tx = begin();
        tx.queue({"", "DELETE FROM ops.blob WHERE size_bytes = 0"});
        if (auto done = put_blobs(tx, contents); !done) return done.error().detail;
        if (auto done = tx.commit(); !done) return done.error().detail;
      }
      return std::string();
    });
  };
  auto one = put(forward);
  auto two = put(backward);
  EXPECT_EQ(one.get(), "");
  EXPECT_EQ(two.get(), "");
  EXPECT_EQ(ask("SELECT count(*) FROM ops.blob_chunk"), "50");
}

TEST_F(BlobTest, AStreamIsStoredWithAndWithoutAKnownDigest) {
  for (const std::size_t size : kSizes) {
    const std::string text = noise(size, 7);
    const Sha256 digest = c360::sha256(text);
    for (const bool known : {false, true}) {
      server.execute(url, "TRUNCATE ops.blob CASCADE");
      auto tx = begin();
      auto ref = put_blob_stream(tx, reader_of(text, 70'001),
                                 known ? std::optional(digest) : std::nullopt);
      ASSERT_TRUE(ref) << ref.error().detail;
      ASSERT_TRUE(tx.commit());
      EXPECT_EQ(ref->sha256, digest);
      EXPECT_EQ(ref->size_bytes, static_cast<std::int64_t>(size));
      EXPECT_TRUE(read(digest) == text);
      EXPECT_EQ(ask("SELECT count(*) FROM ops.blob"), "1");
    }
  }
}

TEST_F(BlobTest, AStreamAlreadyThereAddsNothing) {
  const std::string text = noise(2 * kBlobChunkBytes + 5);
  const Sha256 digest = c360::sha256(text);
  for (int i = 0; i < 2; ++i) {
    auto tx = begin();
    ASSERT_TRUE(put_blob_stream(tx, reader_of(text, kBlobChunkBytes)));
    ASSERT_TRUE(tx.commit());
  }
  auto tx = begin();
  auto ref = put_blob_stream(
      tx,
      [](std::span<char>) -> Result<std::size_t> {
        return fail(ErrorCode::internal, "a content already there is not read");
      },
      digest);
  ASSERT_TRUE(ref) << ref.error().detail;
  EXPECT_EQ(ref->size_bytes, static_cast<std::int64_t>(text.size()));
  EXPECT_EQ(ask("SELECT count(*) FROM ops.blob"), "1");
  EXPECT_EQ(ask("SELECT count(*) FROM ops.blob_chunk"), "3");
  EXPECT_TRUE(read(digest) == text);
}

TEST_F(BlobTest, AStreamWithAnotherDigestThanSaidIsRefused) {
  const std::string text = "what came";
  auto tx = begin();
  auto ref = put_blob_stream(tx, reader_of(text, 100), c360::sha256("what was said"));
  ASSERT_FALSE(ref);
  EXPECT_EQ(ref.error().reason, "digest_mismatch");
}

TEST_F(BlobTest, AReaderThatFailsEndsThePut) {
  auto tx = begin();
  auto ref = put_blob_stream(tx, [](std::span<char>) -> Result<std::size_t> {
    return fail(ErrorCode::unavailable, "the server hung up");
  });
  ASSERT_FALSE(ref);
  EXPECT_EQ(ref.error().code, ErrorCode::unavailable);
}

TEST_F(BlobTest, RangesAreCutExactly) {
  const std::string text = noise(2 * kBlobChunkBytes + 100);
  const BlobContent content = make_blob(text);
  auto tx = begin();
  ASSERT_TRUE(put_blobs(tx, std::span(&content, 1)));
  const auto chunk = static_cast<std::int64_t>(kBlobChunkBytes);
  const auto size = static_cast<std::int64_t>(text.size());
  for (const auto& [offset, length] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 0},
                                                          {0, 1},
                                                          {5, 10},
                                                          {chunk - 1, 2},
                                                          {chunk, chunk},
                                                          {chunk - 3, chunk + 6},
                                                          {0, size},
                                                          {0, size + 50},
                                                          {size - 1, 100},
                                                          {size, 10},
                                                          {size + 5, 1}}) {
    auto range = read_blob_range(tx, content.sha256, offset, length);
    ASSERT_TRUE(range) << range.error().detail;
    const auto from = static_cast<std::size_t>(std::min(offset, size));
    EXPECT_TRUE(*range == text.substr(from, static_cast<std::size_t>(length)))
        << offset << "+" << length << " gave " << range->size();
  }
  EXPECT_FALSE(read_blob_range(tx, content.sha256, -1, 5));
}

TEST_F(BlobTest, ALimitIsKeptBeforeAnythingIsRead) {
  const BlobContent content = make_blob("twelve bytes");
  auto tx = begin();
  ASSERT_TRUE(put_blobs(tx, std::span(&content, 1)));
  ASSERT_TRUE(tx.commit());
  EXPECT_TRUE(read(content.sha256, 12));
  auto refused = read(content.sha256, 11);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::payload_too_large);
}

TEST_F(BlobTest, DamageIsNoticed) {
  const std::string text = noise(kBlobChunkBytes + 10);
  const BlobContent content = make_blob(text);
  for (const char* damage :
       {"UPDATE ops.blob_chunk SET data = overlay(data PLACING '\\xdead' FROM 1) WHERE seq = 1",
        "DELETE FROM ops.blob_chunk WHERE seq = 1"}) {
    server.execute(url, "TRUNCATE ops.blob CASCADE");
    auto tx = begin();
    ASSERT_TRUE(put_blobs(tx, std::span(&content, 1)));
    ASSERT_TRUE(tx.commit());
    server.execute(url, damage);
    auto bytes = read(content.sha256);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().reason, "blob_corrupt");
    auto reading = begin();
    auto streamed =
        stream_blob(reading, content.sha256, [](std::string_view) { return Result<void>(); });
    ASSERT_FALSE(streamed);
    EXPECT_EQ(streamed.error().reason, "blob_corrupt");
  }
}

// VmHWM, the peak of resident memory, in MiB, since the last reset.
long peak_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6)) / 1024;
  }
  return 0;
}

TEST_F(BlobTest, FiftyMegabytesPassInBoundedMemory) {
  const std::int64_t size = 50'000'000;
  ASSERT_TRUE(database.execute(Pool::work, {"", "SELECT 1"}));
  std::ofstream("/proc/self/clear_refs") << "5";
  [[maybe_unused]] const long before = peak_mib();

  std::int64_t produced = 0;
  Sha256Stream expected;
  auto tx = begin();
  auto ref = put_blob_stream(tx, [&](std::span<char> into) -> Result<std::size_t> {
    const auto count =
        std::min<std::int64_t>(static_cast<std::int64_t>(into.size()), size - produced);
    const std::string piece =
        noise(static_cast<std::size_t>(count), static_cast<std::uint32_t>(produced));
    std::copy(piece.begin(), piece.end(), into.begin());
    expected.update(piece);
    produced += count;
    return static_cast<std::size_t>(count);
  });
  ASSERT_TRUE(ref) << ref.error().detail;
  ASSERT_TRUE(tx.commit());
  EXPECT_EQ(ref->sha256, expected.finish());

  std::int64_t streamed = 0;
  auto reading = begin();
  auto done = stream_blob(reading, ref->sha256, [&](std::string_view bytes) -> Result<void> {
    streamed += static_cast<std::int64_t>(bytes.size());
    return {};
  });
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(streamed, size);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(peak_mib() - before, 20);
#endif
}

}  // namespace
}  // namespace c360::store
