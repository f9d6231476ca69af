#include "store/numbering.h"

#include <set>
#include <thread>

#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using store::next_number;
using store::Pool;
using store::Series;
using store::TxMode;

class Numbering : public RecordsTest {};

TEST_F(Numbering, ARolledBackNumberIsGivenAgain) {
  const Series series{"invoice", 2026, {}};
  {
    auto tx = database_->begin(Pool::api, TxMode::read_write);
    ASSERT_TRUE(tx);
    EXPECT_EQ(next_number(*tx, series), 1);
  }
  auto tx = database_->begin(Pool::api, TxMode::read_write);
  ASSERT_TRUE(tx);
  EXPECT_EQ(next_number(*tx, series), 1);
  EXPECT_EQ(next_number(*tx, series), 2);
  EXPECT_EQ(next_number(*tx, {"invoice", 2027, {}}), 1);
  EXPECT_EQ(next_number(*tx, {"act", 2026, {}}), 1);
  EXPECT_EQ(next_number(*tx, {"act", 1, {}}).error().code, ErrorCode::invalid_request);
}

TEST_F(Numbering, ConcurrentWritersLeaveNoGap) {
  constexpr int kThreads = 4;
  constexpr int kEach = 5;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this] {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_TRUE(store::in_transaction(*database_, Pool::api, [](store::Transaction& tx) {
          const auto number = next_number(tx, {"act", 2026, {}});
          return number ? Result<void>{} : std::unexpected(number.error());
        }));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(sql("SELECT last_value FROM crm.number_counter"), std::to_string(kThreads * kEach));
}

}  // namespace
}  // namespace c360::testing
