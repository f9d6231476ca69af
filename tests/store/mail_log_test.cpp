// What the ledger of mail promises of its transactions.
#include "store/mail_log.h"

#include <array>

#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using MailLog = RecordsTest;

constexpr store::Sql kDurability{"test_durability", "SELECT current_setting('synchronous_commit')"};

// The server is told next, and may delete its copy.
TEST_F(MailLog, TheEndOfAMailWaitsForTheDiskWhateverTheDatabaseIsSetTo) {
  for (const auto& [given, expected] :
       {std::pair{"off", "on"}, {"on", "on"}, {"remote_apply", "remote_apply"}}) {
    sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = " +
        std::string(given) + "', current_database()); END $$");
    store::Database database{options_, quiet_.observer};
    auto tx = database.begin(store::Pool::work, store::TxMode::read_write);
    ASSERT_TRUE(tx);
    const std::array<store::MailResult, 1> end{
        store::MailResult{.id = 1, .outcome = store::Outcome::vanished}};

    store::MailLog::queue_finished(*tx, end);
    const auto rows = tx->query(kDurability);

    ASSERT_TRUE(rows) << describe(rows.error());
    EXPECT_EQ((*rows)->text(0, 0), expected) << given;
  }
}

}  // namespace
}  // namespace c360::testing
