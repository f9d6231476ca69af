// What a database that goes away, is slow or is full does to its callers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <thread>

#include "store/database.h"
#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::store {
namespace {

using c360::testing::Quiet;
using c360::testing::TempPostgres;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Sql kInsert{"test.insert", "INSERT INTO item (code) VALUES ($1)"};

class OutageTest : public ::testing::Test {
 protected:
  TempPostgres& server = TempPostgres::shared();
  std::string url = server.create_empty_database();
  Quiet quiet;

  void SetUp() override { server.execute(url, "CREATE TABLE item (code text UNIQUE)"); }

  DatabaseOptions options() const {
    DatabaseOptions made;
    made.url = url;
    made.api_connections = 1;
    made.application_name = "victim";
    return made;
  }
  std::int64_t count() { return std::stoll(server.query(url, "SELECT count(*) FROM item").at(0)); }
  // Ends the sessions of the database under test and waits until they are gone.
  void terminate() {
    server.execute(url,
                   "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                   " WHERE application_name = 'victim' AND datname = current_database()");
  }
  // Until a session of ours runs a statement with `text` in it.
  void await_statement(const std::string& text) {
    const std::string sql =
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'victim' AND state = 'active'"
        " AND datname = current_database() AND query LIKE '%" +
        text + "%'";
    while (server.query(url, sql).empty()) std::this_thread::yield();
  }
  // Until so many stand in line for a connection of the API.
  void await_waiters(int count) {
    const std::string line =
        "client360_database_waiters{pool=\"api\"} " + std::to_string(count) + "\n";
    while (!quiet.metrics.serialize().contains(line)) std::this_thread::yield();
  }
};

Params code(std::string_view value) { return std::move(Params{}.add(value)); }

TEST_F(OutageTest, AnIdleConnectionThatWasEndedIsReplacedUnnoticed) {
  Database database(options(), quiet.observer);
  ASSERT_TRUE(database.execute(Pool::api, kInsert, code("a")));
  terminate();

  auto rows = database.execute(Pool::api, kInsert, code("b"));

  EXPECT_TRUE(rows) << rows.error().detail;
  EXPECT_EQ(count(), 2);
}

TEST_F(OutageTest, AConnectionLostBetweenStatementsIsLostBeforeCommit) {
  Database database(options(), quiet.observer);
  auto tx = database.begin(Pool::api, TxMode::read_write);
  ASSERT_TRUE(tx);
  ASSERT_TRUE(tx->query(kInsert, code("a")));
  terminate();

  tx->queue(kInsert, code("b"));
  auto done = tx->commit();

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::unavailable);
  EXPECT_EQ(done.error().reason, "connection_lost");
  EXPECT_EQ(count(), 0);
  EXPECT_FALSE(database.healthy());
  EXPECT_TRUE(database.execute(Pool::api, kInsert, code("c")));
  EXPECT_TRUE(database.healthy());
}

TEST_F(OutageTest, AStatementThatWasRunningBeforeCommitCanBeTriedAgain) {
  Database database(options(), quiet.observer);
  auto running = std::async(std::launch::async, [&] {
    auto tx = database.begin(Pool::api, TxMode::read_write);
    tx->queue(kInsert, code("a"));
    tx->queue({"", "SELECT pg_sleep(60) /* victim */"});
    return tx->commit();  // in the same pipeline; the server never came to COMMIT
  });
  await_statement("victim */");
  terminate();

  auto done = running.get();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "connection_lost");
  EXPECT_EQ(count(), 0);
}

TEST_F(OutageTest, ALossDuringCommitIsUnknown) {
  server.execute(url,
                 "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
                 " $$BEGIN PERFORM pg_sleep(60); RETURN NULL; END$$;"
                 "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON item DEFERRABLE INITIALLY"
                 " DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()");
  Database database(options(), quiet.observer);
  auto running = std::async(std::launch::async, [&] {
    auto tx = database.begin(Pool::api, TxMode::read_write);
    tx->queue(kInsert, code("a"));
    return tx->commit();
  });
  await_statement("COMMIT");
  terminate();

  auto done = running.get();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::unavailable);
  EXPECT_EQ(done.error().reason, "commit_unknown");
}

TEST_F(OutageTest, ALostConnectionIsRetriedByInTransaction) {
  Database database(options(), quiet.observer);
  int attempts = 0;
  auto done = in_transaction(database, Pool::api, [&](Transaction& tx) -> Result<void> {
    if (auto rows = tx.query(kInsert, code("a")); !rows) return std::unexpected(rows.error());
    if (++attempts == 1) terminate();
    tx.queue(kInsert, code("b"));
    return {};
  });
  EXPECT_TRUE(done) << done.error().detail;
  EXPECT_EQ(attempts, 2);
  EXPECT_EQ(count(), 2);
}

TEST_F(OutageTest, WhenAllConnectionsAreTakenTheWaitEnds) {
  DatabaseOptions small = options();
  small.wait_timeout = milliseconds(20);
  Database database(small, quiet.observer);
  auto held = database.begin(Pool::api, TxMode::read_only);
  ASSERT_TRUE(held);

  auto refused = database.begin(Pool::api, TxMode::read_only);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_EQ(refused.error().reason, "pool_exhausted");
  EXPECT_TRUE(refused.error().retry_after);
  // The other pool is not touched by it.
  EXPECT_TRUE(database.execute(Pool::work, kInsert, code("a")));
}

TEST_F(OutageTest, AWaiterGetsTheConnectionThatComesBack) {
  DatabaseOptions patient = options();
  patient.wait_timeout = milliseconds(30'000);
  Database database(patient, quiet.observer);
  auto held = database.begin(Pool::api, TxMode::read_write);
  ASSERT_TRUE(held);
  std::vector<std::future<bool>> waiters;
  for (int i = 0; i < 8; ++i) {
    waiters.push_back(std::async(std::launch::async, [&, i] {
      return database.execute(Pool::api, kInsert, code(std::to_string(i))).has_value();
    }));
  }
  ASSERT_TRUE(held->commit());
  for (auto& waiter : waiters) EXPECT_TRUE(waiter.get());
  EXPECT_EQ(count(), 8);
}

TEST_F(OutageTest, WaitersAreServedInTheOrderTheyCame) {
  DatabaseOptions patient = options();
  patient.wait_timeout = milliseconds(30'000);
  Database database(patient, quiet.observer);
  auto held = database.begin(Pool::api, TxMode::read_write);
  ASSERT_TRUE(held);
  std::vector<std::future<bool>> waiters;
  for (int i = 1; i <= 3; ++i) {
    waiters.push_back(std::async(std::launch::async, [&, i] {
      return database
          .execute(Pool::api, {"", "INSERT INTO item SELECT $1 || '-' || count(*) FROM item"},
                   code(std::to_string(i)))
          .has_value();
    }));
    await_waiters(i);
  }
  ASSERT_TRUE(held->commit());
  for (auto& waiter : waiters) EXPECT_TRUE(waiter.get());
  EXPECT_EQ(server.query(url, "SELECT code FROM item ORDER BY 1"),
            (std::vector<std::string>{"1-0", "2-1", "3-2"}));
  await_waiters(0);
}

TEST_F(OutageTest, AWaiterOpensOneWhereTheConnectionThatComesBackIsLost) {
  DatabaseOptions patient = options();
  patient.wait_timeout = milliseconds(30'000);
  Database database(patient, quiet.observer);
  auto held = database.begin(Pool::api, TxMode::read_write);
  ASSERT_TRUE(held && held->query({"", "SELECT 1"}));
  auto waiter = std::async(std::launch::async, [&] {
    return database.execute(Pool::api, kInsert, code("a")).has_value();
  });
  await_waiters(1);
  terminate();
  EXPECT_FALSE(held->commit());
  EXPECT_TRUE(waiter.get());
}

TEST_F(OutageTest, ManyThreadsShareFewConnections) {
  DatabaseOptions shared = options();
  shared.api_connections = 3;
  shared.wait_timeout = milliseconds(60'000);
  Database database(shared, quiet.observer);
  std::vector<std::jthread> threads;
  std::atomic<int> stored{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        auto tx = database.begin(Pool::api, TxMode::read_write);
        if (!tx) continue;
        tx->queue(kInsert, code(std::to_string(t) + "-" + std::to_string(i)));
        if (i % 4 == 0) tx->queue({"", "SELECT 1 / 0"});
        if (tx->commit()) ++stored;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(stored, 8 * 30);
  EXPECT_EQ(count(), 8 * 30);
}

TEST_F(OutageTest, ADatabaseThatIsAwayIsUnavailableAndComesBack) {
  TempPostgres own;
  const std::string own_url = own.create_empty_database();
  own.execute(own_url, "CREATE TABLE item (code text UNIQUE)");
  DatabaseOptions there = options();
  there.url = own_url;
  Database database(there, quiet.observer);
  ASSERT_TRUE(database.execute(Pool::api, kInsert, code("a")));

  own.stop();
  auto away = database.execute(Pool::api, kInsert, code("b"));
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(away.error().temporary());
  EXPECT_FALSE(database.healthy());

  own.start();
  EXPECT_TRUE(database.execute(Pool::api, kInsert, code("b")));
  EXPECT_TRUE(database.healthy());

  own.kill();
  EXPECT_FALSE(database.execute(Pool::api, kInsert, code("c")));
  own.start();
  EXPECT_TRUE(database.execute(Pool::api, kInsert, code("c")));
  EXPECT_THAT(quiet.metrics.serialize(),
              HasSubstr("client360_events_total{event=\"database_recovered\"} 2"));
}

TEST_F(OutageTest, ADaemonStartsWhileTheDatabaseIsAway) {
  DatabaseOptions nowhere = options();
  nowhere.url = "postgresql:///nothing?host=/nonexistent&user=postgres";
  nowhere.password = Secret("hunter2");
  Database database(nowhere, quiet.observer);

  auto rows = database.execute(Pool::api, kInsert, code("a"));

  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::unavailable);
  EXPECT_EQ(rows.error().reason, "connect_failed");
  EXPECT_THAT(rows.error().detail, Not(HasSubstr("hunter2")));
}

TEST_F(OutageTest, TheSecondHostIsTakenWhenTheFirstIsDead) {
  TempPostgres own({.tcp = true});
  DatabaseOptions several = options();
  several.url =
      "postgresql://postgres@127.0.0.1:1,127.0.0.1:" + std::to_string(own.port()) + "/postgres";
  Database database(several, quiet.observer);
  auto rows = database.execute(Pool::api, {"", "SELECT 1"});
  EXPECT_TRUE(rows) << rows.error().detail;
}

TEST_F(OutageTest, AServerThatTakesNoWritesIsNotTaken) {
  TempPostgres own;
  own.execute(own.url(), "ALTER SYSTEM SET default_transaction_read_only = on");
  own.execute(own.url(), "SELECT pg_reload_conf()");
  while (own.query(own.url(), "SHOW default_transaction_read_only").at(0) != "on") {
    std::this_thread::yield();
  }
  DatabaseOptions standby = options();
  standby.url = own.url();
  Database database(standby, quiet.observer);
  auto rows = database.execute(Pool::api, {"", "SELECT 1"});
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::unavailable);
}

TEST_F(OutageTest, AfterAFailoverTheConnectionIsDropped) {
  Database database(options(), quiet.observer);
  auto rows = database.execute(Pool::api, {"", "DO $$BEGIN RAISE SQLSTATE '25006'; END$$"});
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::unavailable);
  // The server notices the closed socket a moment later.
  while (!server
              .query(url,
                     "SELECT pid FROM pg_stat_activity WHERE application_name = 'victim' AND"
                     " datname = current_database()")
              .empty()) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(database.execute(Pool::api, kInsert, code("a")));
}

TEST_F(OutageTest, AnAddressThatCannotBeReadIsRefusedWithoutShowingIt) {
  for (const char* text :
       {"postgresql://u:hunter2@[::1/x", "host=x hunter2", "password=hunter2 x="}) {
    DatabaseOptions wrong = options();
    wrong.url = text;
    Database database(wrong, quiet.observer);
    auto rows = database.execute(Pool::api, kInsert, code("a"));
    ASSERT_FALSE(rows) << text;
    EXPECT_THAT(rows.error().detail, Not(HasSubstr("hunter2")));
  }
}

TEST_F(OutageTest, AWrongPasswordIsNotShownAndANewOneIsTaken) {
  TempPostgres own({.tcp = true});
  own.execute(own.url(), "CREATE ROLE app LOGIN SUPERUSER PASSWORD 'right-one'");
  std::string hba = own.query(own.url(), "SHOW hba_file").at(0);
  own.execute(own.url(),
              "COPY (SELECT 'local all postgres trust' UNION ALL SELECT 'host all all "
              "127.0.0.1/32 scram-sha-256') TO '" +
                  hba + "'");
  own.execute(own.url(), "SELECT pg_reload_conf()");
  DatabaseOptions with = options();
  with.url = own.tcp_url("postgres", "app");
  with.password = Secret("wrong-one");
  Database database(with, quiet.observer);
  // The postmaster reads the file when it gets to the signal.
  while (database.execute(Pool::work, {"", "SELECT 1"})) {
    database.reconfigure(options());
    database.reconfigure(with);
  }

  auto refused = database.execute(Pool::api, {"", "SELECT 1"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_THAT(refused.error().detail, Not(HasSubstr("wrong-one")));

  with.password = Secret("right-one");
  database.reconfigure(with);
  auto rows = database.execute(Pool::api, {"", "SELECT 1"});
  EXPECT_TRUE(rows) << rows.error().detail;
}

TEST_F(OutageTest, ReconfiguringClosesWhatWasOpenedOtherwise) {
  Database database(options(), quiet.observer);
  ASSERT_TRUE(database.execute(Pool::api, kInsert, code("a")));
  auto held = database.begin(Pool::work, TxMode::read_write);
  ASSERT_TRUE(held);
  ASSERT_TRUE(held->query(kInsert, code("b")));
  DatabaseOptions other = options();
  other.application_name = "other";
  database.reconfigure(other);

  EXPECT_TRUE(held->commit());  // what is under way finishes where it began
  auto name = database.execute(Pool::work, {"", "SHOW application_name"});
  ASSERT_TRUE(name);
  EXPECT_EQ(name->text(0, 0), "other");
  EXPECT_EQ(count(), 2);
}

TEST_F(OutageTest, ASmallerPoolShrinksAndALargerOneGrows) {
  DatabaseOptions sized = options();
  sized.api_connections = 3;
  sized.wait_timeout = milliseconds(10);
  Database database(sized, quiet.observer);
  {
    std::vector<Transaction> held;
    for (int i = 0; i < 3; ++i) held.push_back(*database.begin(Pool::api, TxMode::read_only));
  }
  sized.api_connections = 1;
  database.reconfigure(sized);
  auto one = database.begin(Pool::api, TxMode::read_only);
  ASSERT_TRUE(one);
  EXPECT_FALSE(database.begin(Pool::api, TxMode::read_only));
  sized.api_connections = 2;
  database.reconfigure(sized);
  EXPECT_TRUE(database.begin(Pool::api, TxMode::read_only));
}

TEST_F(OutageTest, ShuttingDownCancelsWhatRunsAndRefusesMore) {
  DatabaseOptions single = options();
  single.api_connections = 1;
  Database database(single, quiet.observer);
  auto running = std::async(std::launch::async, [&] {
    return database.execute(Pool::api, {"", "SELECT pg_sleep(60) /* victim */"});
  });
  await_statement("victim */");
  auto waiting =  // for the only connection
      std::async(std::launch::async, [&] { return database.execute(Pool::api, {"", "SELECT 1"}); });

  database.shut_down();

  auto canceled = running.get();
  ASSERT_FALSE(canceled);
  EXPECT_EQ(canceled.error().code, ErrorCode::unavailable);
  EXPECT_EQ(canceled.error().reason, "shutting_down");
  EXPECT_FALSE(waiting.get());
  EXPECT_FALSE(database.begin(Pool::work, TxMode::read_only));
}

TEST_F(OutageTest, AServerThatSaysNothingIsGivenUp) {
  // Stopped, not ended: the kernel still takes what is sent and nothing comes back.
  DatabaseOptions watched = options();
  watched.statement_timeout = milliseconds(100);
  watched.silence_grace = milliseconds(100);
  Database database(watched, quiet.observer);
  auto tx = database.begin(Pool::api, TxMode::read_write);
  ASSERT_TRUE(tx);
  auto pid = tx->query({"", "SELECT pg_backend_pid()"});
  ASSERT_TRUE(pid);
  const auto backend = static_cast<pid_t>((*pid)->int64(0, 0));
  ASSERT_EQ(::kill(backend, SIGSTOP), 0);

  auto silent = tx->query(kInsert, code("a"));
  ::kill(backend, SIGCONT);

  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, ErrorCode::unavailable);
  EXPECT_EQ(silent.error().reason, "server_silent");
}

TEST_F(OutageTest, TheGaugesCountConnections) {
  Database database(options(), quiet.observer);
  auto held = database.begin(Pool::api, TxMode::read_only);
  ASSERT_TRUE(held);
  EXPECT_THAT(quiet.metrics.serialize(),
              HasSubstr("client360_database_connections{pool=\"api\",state=\"busy\"} 1"));
  ASSERT_TRUE(held->commit());
  held = std::unexpected(Error{});
  EXPECT_THAT(quiet.metrics.serialize(),
              HasSubstr("client360_database_connections{pool=\"api\",state=\"idle\"} 1"));
}

}  // namespace
}  // namespace c360::store
