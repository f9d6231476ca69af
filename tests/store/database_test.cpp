#include "store/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::store {
namespace {

using c360::testing::Quiet;
using c360::testing::TempPostgres;
using ::testing::HasSubstr;
using ::testing::Not;

class DatabaseTest : public ::testing::Test {
 protected:
  TempPostgres& server = TempPostgres::shared();
  std::string url = server.create_empty_database();
  Quiet quiet;
  Database database{{.url = url}, quiet.observer};

  void SetUp() override {
    server.execute(url,
                   "CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                   " code text UNIQUE, amount integer NOT NULL DEFAULT 0"
                   " CONSTRAINT amount_not_negative CHECK (amount >= 0),"
                   " parent bigint REFERENCES item DEFERRABLE INITIALLY DEFERRED)");
  }
  std::int64_t count() { return std::stoll(server.query(url, "SELECT count(*) FROM item").at(0)); }
  Transaction begin(TxMode mode = TxMode::read_write) {
    auto tx = database.begin(Pool::api, mode);
    EXPECT_TRUE(tx) << tx.error().detail;
    return *std::move(tx);
  }
};

constexpr Sql kInsert{"test.insert",
                      "INSERT INTO item (code, amount) VALUES ($1, $2) RETURNING id"};
constexpr Sql kFail{"", "SELECT 1 / 0"};

Params item(std::string_view code, int amount = 0) {
  return std::move(Params{}.add(code).add(amount));
}

TEST_F(DatabaseTest, StatementsOfOneCommitAreAllThereOrNone) {
  auto tx = begin();
  const Ticket first = tx.queue(kInsert, item("a"));
  const Ticket second = tx.queue(kInsert, item("b"));
  ASSERT_TRUE(tx.commit());
  EXPECT_EQ(tx.rows(first).int64(0, 0), 1);
  EXPECT_EQ(tx.rows(second).int64(0, 0), 2);

  auto failing = begin();
  failing.queue(kInsert, item("c"));
  const Ticket bad = failing.queue(kInsert, item("a"));
  failing.queue(kInsert, item("d"));
  auto done = failing.commit();

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::conflict);
  EXPECT_EQ(done.error().reason, "item_code_key");
  EXPECT_EQ(failing.failed(), bad);
  EXPECT_EQ(count(), 2);
}

TEST_F(DatabaseTest, ARunLeavesTheTransactionOpen) {
  {
    auto tx = begin();
    auto rows = tx.query(kInsert, item("a"));
    ASSERT_TRUE(rows) << rows.error().detail;
    auto seen = tx.query({"", "SELECT count(*) FROM item"});
    ASSERT_TRUE(seen);
    EXPECT_EQ((*seen)->int64(0, 0), 1);
    EXPECT_EQ(count(), 0);
  }
  EXPECT_EQ(count(), 0);  // rolled back
}

TEST_F(DatabaseTest, AfterAnErrorEveryCallFailsWithIt) {
  auto tx = begin();
  tx.queue(kFail);
  ASSERT_FALSE(tx.run());

  tx.queue(kInsert, item("a"));
  auto again = tx.commit();

  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason, "22012");
  EXPECT_EQ(count(), 0);
}

TEST_F(DatabaseTest, TheConnectionIsGoodAgainAfterAnError) {
  {
    Database one({.url = url, .api_connections = 1}, quiet.observer);
    for (int i = 0; i < 3; ++i) {
      auto tx = one.begin(Pool::api, TxMode::read_write);
      ASSERT_TRUE(tx);
      tx->queue(kInsert, item("a" + std::to_string(i)));
      tx->queue(kFail);
      EXPECT_FALSE(tx->run());
    }
    auto fine = one.execute(Pool::api, kInsert, item("z"));
    EXPECT_TRUE(fine) << fine.error().detail;
  }
  EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, ErrorsHaveTheCodeOfTheirSqlstate) {
  struct Case {
    const char* sql;
    ErrorCode code;
    const char* reason;
  };
  const Case cases[] = {
      {"INSERT INTO item (amount) VALUES (-1)", ErrorCode::validation_failed,
       "amount_not_negative"},
      {"INSERT INTO item (amount) VALUES (NULL)", ErrorCode::validation_failed, "amount"},
      {"SELECT 'x'::bigint", ErrorCode::validation_failed, "22P02"},
      {"SELECT pg_sleep(30)", ErrorCode::timeout, "statement_timeout"},
      {"SELECT nothing", ErrorCode::internal, "42703"},
      {"syntax error", ErrorCode::internal, "42601"},
      {"DO $$BEGIN RAISE SQLSTATE '40001'; END$$", ErrorCode::conflict, "serialization_failure"},
      {"DO $$BEGIN RAISE SQLSTATE '40P01'; END$$", ErrorCode::conflict, "deadlock"},
      {"DO $$BEGIN RAISE SQLSTATE '53200'; END$$", ErrorCode::unavailable, "server_resources"},
      {"DO $$BEGIN RAISE 'x' USING ERRCODE = 'C3409', CONSTRAINT = 'lease_lost'; END$$",
       ErrorCode::conflict, "lease_lost"},
      {"DO $$BEGIN RAISE 'x' USING ERRCODE = 'C3422', CONSTRAINT = 'guard'; END$$",
       ErrorCode::validation_failed, "guard"},
  };
  Database quick({.url = url, .statement_timeout = std::chrono::milliseconds(50)}, quiet.observer);
  for (const Case& test : cases) {
    auto rows = quick.execute(Pool::api, {"", test.sql});
    ASSERT_FALSE(rows) << test.sql;
    EXPECT_EQ(rows.error().code, test.code) << test.sql << ": " << rows.error().detail;
    EXPECT_EQ(rows.error().reason, test.reason) << test.sql;
  }
  EXPECT_THAT(quiet.metrics.serialize(),
              HasSubstr("client360_database_errors_total{code=\"timeout\"} 1"));
}

TEST_F(DatabaseTest, ValuesOfARowStayOutOfErrors) {
  ASSERT_TRUE(database.execute(Pool::api, kInsert, item("secret-value")));

  auto again = database.execute(Pool::api, kInsert, item("secret-value"));

  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().detail, Not(HasSubstr("secret-value")));
  EXPECT_THAT(again.error().detail, HasSubstr("test.insert"));
}

TEST_F(DatabaseTest, ADeferredConstraintFailsTheCommit) {
  auto tx = begin();
  tx.queue({"", "INSERT INTO item (code, parent) VALUES ('a', 777)"});
  ASSERT_TRUE(tx.run());

  auto done = tx.commit();

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::conflict);
  EXPECT_EQ(done.error().reason, "item_parent_fkey");
  EXPECT_FALSE(tx.failed());
  EXPECT_EQ(count(), 0);
}

TEST_F(DatabaseTest, OneBadItemAmongGoodOnes) {
  auto tx = begin();
  int stored = 0;
  for (const char* code : {"a", "b", "a", "c"}) {
    ASSERT_TRUE(tx.savepoint());
    tx.queue(kInsert, item(code));
    if (tx.run()) {
      ++stored;
      ASSERT_TRUE(tx.release_savepoint());
    } else {
      ASSERT_TRUE(tx.rollback_to_savepoint());
      ASSERT_TRUE(tx.release_savepoint());
    }
  }
  ASSERT_TRUE(tx.commit());
  EXPECT_EQ(stored, 3);
  EXPECT_EQ(count(), 3);
}

TEST_F(DatabaseTest, ASavepointThatWasNeverSentForgetsWhatWasQueued) {
  auto tx = begin();
  tx.queue(kInsert, item("a"));
  ASSERT_TRUE(tx.savepoint());
  const Ticket forgotten = tx.queue(kInsert, item("b"));
  ASSERT_TRUE(tx.rollback_to_savepoint());
  ASSERT_TRUE(tx.commit());
  EXPECT_EQ(count(), 1);
  EXPECT_THROW((void)tx.rows(forgotten), std::logic_error);
}

TEST_F(DatabaseTest, AnErrorBeforeTheSavepointIsNotHealedByIt) {
  auto tx = begin();
  tx.queue(kFail);
  ASSERT_TRUE(tx.savepoint());
  tx.queue(kInsert, item("a"));
  ASSERT_FALSE(tx.run());

  EXPECT_FALSE(tx.rollback_to_savepoint());
  EXPECT_FALSE(tx.commit());
}

TEST_F(DatabaseTest, ReadOnlyTransactionsCannotWrite) {
  auto tx = begin(TxMode::read_only);
  auto rows = tx.query(kInsert, item("a"));
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::internal);
  EXPECT_EQ(rows.error().reason, "write_in_read_only_transaction");
}

TEST_F(DatabaseTest, ASnapshotSeesOneMoment) {
  auto tx = begin(TxMode::snapshot);
  ASSERT_TRUE(tx.query({"", "SELECT 1"}));
  ASSERT_TRUE(database.execute(Pool::api, kInsert, item("a")));

  auto rows = tx.query({"", "SELECT count(*) FROM item"});

  ASSERT_TRUE(rows);
  EXPECT_EQ((*rows)->int64(0, 0), 0);
}

TEST_F(DatabaseTest, ThousandsOfStatementsWithMegabytesBothWaysDoNotBlock) {
  // Far more than both sockets buffer in either direction: a client that only writes would hang.
  const std::string large(20'000, 'x');
  auto tx = begin();
  std::vector<Ticket> tickets;
  for (int i = 0; i < 3'000; ++i) {
    tickets.push_back(tx.queue({"test.echo", "SELECT $1::text, $2::bigint"},
                               std::move(Params{}.add(large).add(i))));
  }
  ASSERT_TRUE(tx.commit());
  for (std::size_t i = 0; i < tickets.size(); ++i) {
    ASSERT_EQ(tx.rows(tickets[i]).int64(0, 1), static_cast<std::int64_t>(i));
    ASSERT_EQ(tx.rows(tickets[i]).text(0, 0).size(), large.size());
  }
}

TEST_F(DatabaseTest, ThousandsOfParametersInOneStatement) {
  std::string sql = "SELECT 0";
  Params params;
  for (int i = 1; i <= 60'000; ++i) params.add(1);
  for (int i = 1; i <= 60'000; i += 1'000) sql += "+$" + std::to_string(i) + "::int";
  sql += "+$60000::int";
  // The untouched ones have no type: an error of the server, not of ours.
  auto rows = database.execute(Pool::api, {"", sql}, std::move(params));
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().reason, "42P18");
}

TEST_F(DatabaseTest, TextThatIsNotUtf8IsRefusedAndNothingElseIs) {
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("\xff\xfe"), std::string(1, '\0')}) {
    auto rows = database.execute(Pool::api, {"", "SELECT $1::text"}, std::move(Params{}.add(text)));
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().code, ErrorCode::validation_failed);
    EXPECT_EQ(rows.error().reason, "text_encoding");
    auto array = database.execute(Pool::api, {"", "SELECT $1::text[]"},
                                  std::move(Params{}.add_array(std::span(&text, 1))));
    EXPECT_FALSE(array);
  }
}

TEST_F(DatabaseTest, RowsGiveEveryType) {
  auto rows = database.execute(
      Pool::api,
      {"",
       "SELECT -9223372036854775808, NULL::bigint, true, false, NULL::bool, '\\x00ff10'::bytea,"
       " ''::bytea, timestamptz '2026-11-22 13:15:00.25+03', timestamptz '2026-01-02 00:00:00+00',"
       " ARRAY['a', NULL, 'b,c'], NULL::timestamptz, 'infinity'::timestamptz, "
       "'12345-01-01'::timestamptz,"
       " timestamptz '0044-03-15 BC', timestamptz '1969-12-31 23:59:59.999999+00', 'text' AS "
       "named"});
  ASSERT_TRUE(rows) << rows.error().detail;
  using std::chrono::microseconds;
  using std::chrono::sys_days;
  using namespace std::chrono_literals;
  EXPECT_EQ(rows->int64(0, 0), INT64_MIN);
  EXPECT_EQ(rows->optional_int64(0, 1), std::nullopt);
  EXPECT_EQ(rows->int64(0, 1), 0);
  EXPECT_TRUE(rows->boolean(0, 2));
  EXPECT_FALSE(rows->boolean(0, 3));
  EXPECT_FALSE(rows->boolean(0, 4));
  EXPECT_EQ(rows->bytes(0, 5), std::string("\x00\xff\x10", 3));
  EXPECT_EQ(rows->bytes(0, 6), "");
  EXPECT_EQ(rows->instant(0, 7), Instant(sys_days(2026y / 11 / 22) + 10h + 15min + 250ms));
  EXPECT_EQ(rows->instant(0, 8), Instant(sys_days(2026y / 1 / 2)));
  EXPECT_EQ(rows->text_array(0, 9), (std::vector<std::string>{"a", "", "b,c"}));
  EXPECT_EQ(rows->instant(0, 10), std::nullopt);
  EXPECT_EQ(rows->instant(0, 11), Instant::max());
  EXPECT_EQ(rows->instant(0, 12), Instant(sys_days(12345y / 1 / 1)));
  EXPECT_EQ(rows->instant(0, 13), Instant(sys_days(std::chrono::year(-43) / 3 / 15)));
  EXPECT_EQ(rows->instant(0, 14), Instant(microseconds(-1)));
  EXPECT_EQ(rows->column_name(15), "named");
  EXPECT_EQ(rows->optional_text(0, 15), "text");
  EXPECT_THROW((void)rows->int64(0, 15), std::logic_error);
  EXPECT_THROW((void)rows->text(1, 0), std::logic_error);
}

TEST_F(DatabaseTest, ParametersComeBackAsTheyWent) {
  using namespace std::chrono_literals;
  const Instant instant = Instant(std::chrono::sys_days(2026y / 11 / 22) + 1us);
  auto rows = database.execute(
      Pool::api,
      {"", "SELECT $1::timestamptz, $2::bool, $3::bytea, $4::text, $5::bigint, $6::text"},
      std::move(Params{}
                    .add(instant)
                    .add(true)
                    .add_bytes(std::string_view("\0\1\2", 3))
                    .add(std::optional<std::string>())
                    .add(std::optional<std::int64_t>(7))
                    .add("")));
  ASSERT_TRUE(rows) << rows.error().detail;
  EXPECT_EQ(rows->instant(0, 0), instant);
  EXPECT_TRUE(rows->boolean(0, 1));
  EXPECT_EQ(rows->bytes(0, 2), std::string("\0\1\2", 3));
  EXPECT_TRUE(rows->is_null(0, 3));
  EXPECT_EQ(rows->int64(0, 4), 7);
  EXPECT_FALSE(rows->is_null(0, 5));
}

TEST_F(DatabaseTest, TheSessionIsSetUpTheSameBehindAPoolerAndWithoutOne) {
  const Sql settings{
      "",
      "SELECT string_agg(current_setting(name), ';' ORDER BY name) FROM unnest(ARRAY["
      "'TimeZone', 'DateStyle', 'IntervalStyle', 'jit', 'statement_timeout',"
      "'lock_timeout', 'idle_in_transaction_session_timeout', 'search_path',"
      "'client_encoding', 'application_name']) AS name"};
  for (const bool pooled : {false, true}) {
    Database other(
        {.url = url, .statement_timeout = std::chrono::milliseconds(1'234), .pooled = pooled},
        quiet.observer);
    auto rows = other.execute(Pool::api, settings);
    ASSERT_TRUE(rows) << rows.error().detail;
    EXPECT_EQ(rows->text(0, 0), "ISO, YMD;iso_8601;UTC;client360d;UTF8;1min;off;5s;public;1234ms");
    auto prepared =
        other.execute(Pool::api, {"test.named", "SELECT count(*) FROM pg_prepared_statements"});
    ASSERT_TRUE(prepared);
    EXPECT_EQ(prepared->int64(0, 0) == 0, pooled);
  }
}

TEST_F(DatabaseTest, AStalePlanIsPreparedAnew) {
  server.execute(url, "CREATE TABLE plan (a integer)");
  const Sql all{"test.plan", "SELECT * FROM plan"};
  Database one({.url = url, .api_connections = 1}, quiet.observer);
  ASSERT_TRUE(one.execute(Pool::api, all));
  server.execute(url, "ALTER TABLE plan ADD COLUMN b text");

  int attempts = 0;
  auto done = in_transaction(one, Pool::api, [&](Transaction& tx) -> Result<void> {
    ++attempts;
    auto rows = tx.query(all);
    if (!rows) return std::unexpected(rows.error());
    EXPECT_EQ((*rows)->columns(), 2);
    return {};
  });

  EXPECT_TRUE(done) << done.error().detail;
  EXPECT_EQ(attempts, 2);
}

TEST_F(DatabaseTest, ATransactionIsTriedAgainAfterASerializationFailure) {
  int attempts = 0;
  auto done = in_transaction(database, Pool::work, [&](Transaction& tx) -> Result<void> {
    tx.queue(kInsert, item("a"));
    if (++attempts < 3) tx.queue({"", "DO $$BEGIN RAISE SQLSTATE '40001'; END$$"});
    return tx.run();
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(attempts, 3);
  EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, AStatementThatWasAbortedInOnePipelineIsPreparedInTheNext) {
  Database one({.url = url, .api_connections = 1}, quiet.observer);
  {
    auto tx = one.begin(Pool::api, TxMode::read_write);
    ASSERT_TRUE(tx);
    tx->queue(kFail);
    tx->queue(kInsert, item("a"));  // its PREPARE is skipped with it
    EXPECT_FALSE(tx->commit());
  }
  EXPECT_TRUE(one.execute(Pool::api, kInsert, item("a")));
  EXPECT_TRUE(one.execute(Pool::api, kInsert, item("b")));
}

}  // namespace
}  // namespace c360::store
