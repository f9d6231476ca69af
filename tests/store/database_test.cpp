#include "store/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/event.h"
#include "tests/support/temp_postgres.h"

namespace c360::store {
namespace {

using c360::testing::TempPostgres;

struct Quiet {
  Log log{LogTarget::none};
  Metrics metrics;
  Observer observer{log, metrics};
};

TEST(Database, OneStatementIsOneTransaction) {
  Quiet quiet;
  Database database({.url = TempPostgres::shared().create_empty_database()}, quiet.observer);

  auto rows = database.execute(Pool::api, {"test.one", "SELECT 1, $1::text"},
                               std::move(Params{}.add("one")));

  ASSERT_TRUE(rows) << rows.error().detail;
  EXPECT_EQ(rows->int64(0, 0), 1);
  EXPECT_EQ(rows->text(0, 1), "one");
}

}  // namespace
}  // namespace c360::store
