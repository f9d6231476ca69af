#include "store/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <set>
#include <thread>

#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::store {
namespace {

using c360::testing::Quiet;
using c360::testing::TempPostgres;

class LeaseTest : public ::testing::Test {
 protected:
  TempPostgres& server = TempPostgres::shared();
  std::string url = server.create_database();
  Quiet quiet;
  Database database{{.url = url}, quiet.observer};

  std::optional<Lease> acquire(const std::string& holder) {
    auto lease = acquire_lease(database, "crm", "INBOX", holder);
    EXPECT_TRUE(lease) << lease.error().detail;
    return lease.value_or(std::nullopt);
  }
  void expire() {
    server.execute(url, "UPDATE ops.mailbox_lease SET expires_at = now() - interval '1 second'");
  }
  // A transaction under the lease, as ingest makes them.
  Result<void> write(const Lease& lease) {
    auto tx = *database.begin(Pool::work, TxMode::read_write);
    queue_fence_check(tx, lease);
    tx.queue({"", "INSERT INTO ops.job (kind) VALUES ('written')"});
    return tx.commit();
  }
  int written() { return std::stoi(server.query(url, "SELECT count(*) FROM ops.job").at(0)); }
};

TEST_F(LeaseTest, OneHolderAtATime) {
  auto a = acquire("a");
  ASSERT_TRUE(a);
  EXPECT_FALSE(acquire("b"));
  auto other = acquire_lease(database, "crm", "INBOX/Other", "b");
  ASSERT_TRUE(other);
  EXPECT_TRUE(*other);  // another folder is another lease
}

TEST_F(LeaseTest, AReleasedLeaseIsFreeAtOnceAndFencedOff) {
  auto a = acquire("a");
  ASSERT_TRUE(release_lease(database, *a));
  auto b = acquire("b");
  ASSERT_TRUE(b);
  EXPECT_GT(b->fence, a->fence);
  EXPECT_FALSE(write(*a));
  EXPECT_TRUE(write(*b));
  ASSERT_TRUE(release_lease(database, *a));  // of no effect: it is not a's any more
  EXPECT_TRUE(write(*b));
}

TEST_F(LeaseTest, AReleasedLeaseCannotBeRenewed) {
  auto a = acquire("a");
  ASSERT_TRUE(release_lease(database, *a));
  auto renewed = renew_lease(database, *a);
  ASSERT_FALSE(renewed);
  EXPECT_EQ(renewed.error().reason, "lease_lost");
}

TEST_F(LeaseTest, AnExpiredLeaseIsTakenOverAndTheFormerHolderCannotWrite) {
  auto a = acquire("a");
  expire();
  auto late = write(*a);  // even before anybody took it
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::conflict);
  EXPECT_EQ(late.error().reason, "lease_lost");

  auto b = acquire("b");
  ASSERT_TRUE(b);
  EXPECT_FALSE(renew_lease(database, *a));
  EXPECT_FALSE(write(*a));
  EXPECT_TRUE(write(*b));
  EXPECT_EQ(written(), 1);
}

TEST_F(LeaseTest, AnExpiredLeaseNobodyTookIsRenewed) {
  auto a = acquire("a");
  expire();
  EXPECT_TRUE(renew_lease(database, *a));
  EXPECT_TRUE(write(*a));
  EXPECT_FALSE(acquire("b"));
}

TEST_F(LeaseTest, RenewingDoesNotWaitForATransactionUnderTheLease) {
  auto a = acquire("a");
  auto tx = *database.begin(Pool::work, TxMode::read_write);
  queue_fence_check(tx, *a);
  ASSERT_TRUE(tx.run());

  EXPECT_TRUE(renew_lease(database, *a));
  EXPECT_TRUE(tx.commit());
}

TEST_F(LeaseTest, TakingOverWaitsForATransactionUnderTheLease) {
  auto a = acquire("a");
  auto tx = *database.begin(Pool::work, TxMode::read_write);
  queue_fence_check(tx, *a);
  ASSERT_TRUE(tx.run());
  expire();

  auto taking = std::async(std::launch::async, [&] { return acquire("b"); });
  while (server.query(url, "SELECT pid FROM pg_locks WHERE NOT granted").empty()) {
    std::this_thread::yield();
  }
  tx.queue({"", "INSERT INTO ops.job (kind) VALUES ('written')"});
  ASSERT_TRUE(tx.commit());  // it checked in time: nobody came between

  EXPECT_TRUE(taking.get());
  EXPECT_FALSE(write(*a));
  EXPECT_EQ(written(), 1);
}

TEST_F(LeaseTest, OfManyThatTryOneGetsIt) {
  std::vector<std::future<bool>> tries;
  for (int i = 0; i < 6; ++i) {
    tries.push_back(std::async(
        std::launch::async, [&, i] { return acquire("holder " + std::to_string(i)).has_value(); }));
  }
  int holders = 0;
  for (auto& one : tries) holders += one.get() ? 1 : 0;
  EXPECT_EQ(holders, 1);
}

TEST_F(LeaseTest, HoldersNeverShareAName) {
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) names.insert(lease_holder());
  EXPECT_EQ(names.size(), 100U);
}

}  // namespace
}  // namespace c360::store
