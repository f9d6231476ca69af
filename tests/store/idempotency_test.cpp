#include "store/idempotency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::store {
namespace {

using c360::testing::Quiet;
using c360::testing::TempPostgres;

class IdempotencyTest : public ::testing::Test {
 protected:
  TempPostgres& server = TempPostgres::shared();
  std::string url = server.create_database();
  Quiet quiet;
  Database database{options(), quiet.observer};

  DatabaseOptions options() const {
    DatabaseOptions made;
    made.url = url;
    return made;
  }
  // The effect of a request: one job. Its answer names the job.
  Result<StoredAnswer> post(const IdempotencyRequest& request, Database& on) {
    auto tx = *on.begin(Pool::api, TxMode::read_write);
    queue_idempotency_claim(tx, request);
    const Ticket made =
        tx.queue({"test.job", "INSERT INTO ops.job (kind) VALUES ('x') RETURNING id"});
    auto done = tx.run();
    if (!done) return settle_idempotency(on, request, done.error());
    const StoredAnswer answer{201, "Location: /jobs/1\r\n",
                              "job " + std::string(tx.rows(made).text(0, 0))};
    queue_idempotency_answer(tx, request, answer);
    if (done = tx.commit(); !done) return settle_idempotency(on, request, done.error());
    return answer;
  }
  Result<StoredAnswer> post(const IdempotencyRequest& request) { return post(request, database); }
  int jobs() { return std::stoi(server.query(url, "SELECT count(*) FROM ops.job").at(0)); }
};

IdempotencyRequest request(std::int64_t user, std::string key, std::string_view body = "{}") {
  return {user, std::move(key), request_digest("POST", "/api/v1/deals", body)};
}

TEST_F(IdempotencyTest, TheSameRequestGetsTheSameAnswerAndOneEffect) {
  auto first = post(request(1, "k"));
  auto again = post(request(1, "k"));
  ASSERT_TRUE(first) << first.error().detail;
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(again->status, 201);
  EXPECT_EQ(again->headers, first->headers);
  EXPECT_EQ(again->body, first->body);
  EXPECT_EQ(jobs(), 1);
}

TEST_F(IdempotencyTest, AnotherRequestUnderTheSameKeyIsRefused) {
  ASSERT_TRUE(post(request(1, "k")));
  auto other = post(request(1, "k", "{\"name\":\"x\"}"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::validation_failed);
  EXPECT_EQ(other.error().reason, "idempotency_key_reused");
  EXPECT_EQ(jobs(), 1);
}

TEST_F(IdempotencyTest, KeysBelongToTheirUser) {
  auto one = post(request(1, "k"));
  auto two = post(request(2, "k", "{\"other\":1}"));
  ASSERT_TRUE(one);
  ASSERT_TRUE(two);
  EXPECT_NE(one->body, two->body);
}

TEST_F(IdempotencyTest, AFailedEffectLeavesTheKeyFree) {
  {
    auto tx = *database.begin(Pool::api, TxMode::read_write);
    queue_idempotency_claim(tx, request(1, "k"));
    tx.queue({"", "SELECT 1 / 0"});
    auto done = tx.commit();
    ASSERT_FALSE(done);
    auto settled = settle_idempotency(database, request(1, "k"), done.error());
    ASSERT_FALSE(settled);
    EXPECT_EQ(settled.error().reason, "22012");  // the error itself
  }
  EXPECT_TRUE(post(request(1, "k")));
}

TEST_F(IdempotencyTest, OfManyAtOnceOneHasTheEffectAndAllTheSameAnswer) {
  std::vector<std::future<Result<StoredAnswer>>> posts;
  for (int i = 0; i < 8; ++i) {
    posts.push_back(std::async(std::launch::async, [&] { return post(request(1, "k")); }));
  }
  std::string body;
  for (auto& one : posts) {
    auto answer = one.get();
    ASSERT_TRUE(answer) << answer.error().detail;
    if (body.empty()) body = answer->body;
    EXPECT_EQ(answer->body, body);
  }
  EXPECT_EQ(jobs(), 1);
}

TEST_F(IdempotencyTest, ADuplicateOfARequestUnderWayIsAConflictAfterTheLockTimeout) {
  auto first = *database.begin(Pool::api, TxMode::read_write);
  queue_idempotency_claim(first, request(1, "k"));
  ASSERT_TRUE(first.run());
  DatabaseOptions hasty = options();
  hasty.lock_timeout = std::chrono::milliseconds(20);
  Database other(hasty, quiet.observer);

  auto second = post(request(1, "k"), other);

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_EQ(second.error().reason, "idempotency_in_progress");
  EXPECT_TRUE(second.error().retry_after);
}

TEST_F(IdempotencyTest, AfterItsTimeAKeyIsFreeAndPurged) {
  ASSERT_TRUE(post(request(1, "old")));
  ASSERT_TRUE(post(request(1, "purged")));
  ASSERT_TRUE(post(request(1, "fresh")));
  EXPECT_EQ(server.query(url,
                         "SELECT DISTINCT expires_at - created_at = interval '72 hours'"
                         "  FROM ops.idempotency_key"),
            std::vector<std::string>{"t"});
  server.execute(url,
                 "UPDATE ops.idempotency_key SET expires_at = now() - interval '1 second'"
                 " WHERE key <> 'fresh'");

  auto reused = post(request(1, "old", "another body"));
  EXPECT_TRUE(reused) << reused.error().detail;
  EXPECT_EQ(jobs(), 4);
  EXPECT_EQ(purge_idempotency(database), 1);
  EXPECT_EQ(purge_idempotency(database), 0);
}

TEST_F(IdempotencyTest, KeysAreVisibleAsciiOfBoundedLength) {
  EXPECT_TRUE(check_idempotency_key("550e8400-e29b-41d4-a716-446655440000"));
  EXPECT_TRUE(check_idempotency_key(std::string(kMaxIdempotencyKeyBytes, 'k')));
  for (const std::string& key :
       {std::string(), std::string("a b"), std::string("ключ"), std::string("a\nb"),
        std::string(kMaxIdempotencyKeyBytes + 1, 'k')}) {
    auto checked = check_idempotency_key(key);
    ASSERT_FALSE(checked) << key;
    EXPECT_EQ(checked.error().code, ErrorCode::invalid_request);
  }
}

TEST_F(IdempotencyTest, MethodTargetAndBodyMakeARequest) {
  const Sha256 base = request_digest("POST", "/a", "b");
  EXPECT_EQ(base, request_digest("POST", "/a", "b"));
  EXPECT_NE(base, request_digest("PUT", "/a", "b"));
  EXPECT_NE(base, request_digest("POST", "/ab", ""));
  EXPECT_NE(base, request_digest("POST", "/a", "b "));
}

}  // namespace
}  // namespace c360::store
