#include "store/migrator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "store/database.h"
#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::store {
namespace {

using c360::testing::Quiet;
using c360::testing::TempPostgres;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr MigrationFile kGround{"0001_ground",
                                "CREATE SCHEMA ops; CREATE TABLE ops.schema_migration ("
                                "version integer PRIMARY KEY, name text, sha256 text,"
                                "applied_at timestamptz DEFAULT now())"};
constexpr MigrationFile kSecond{"0002_second",
                                "CREATE TABLE second (id int); SELECT pg_sleep(0.05)"};
constexpr MigrationFile kThird{"0003_third", "CREATE TABLE third (id int)"};
constexpr MigrationFile kBroken{"0003_broken", "CREATE TABLE half (id int); SELECT 1 / 0"};

class MigratorTest : public ::testing::Test {
 protected:
  TempPostgres& server = TempPostgres::shared();
  std::string url = server.create_empty_database();
  Quiet quiet;

  Migrator migrator(std::span<const MigrationFile> files) {
    return Migrator({.url = url}, quiet.observer, files);
  }
  std::vector<std::string> tables() {
    return server.query(url,
                        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace ="
                        " 'public'::regnamespace ORDER BY 1");
  }
};

TEST_F(MigratorTest, AppliesWhatIsMissingAndNothingTwice) {
  const MigrationFile two[] = {kGround, kSecond};
  EXPECT_EQ(migrator(two).version(), 0);
  EXPECT_THAT(*migrator(two).pending(), ElementsAre("0001_ground", "0002_second"));
  EXPECT_THAT(*migrator(two).apply(), ElementsAre("0001_ground", "0002_second"));
  EXPECT_THAT(*migrator(two).apply(), IsEmpty());

  const MigrationFile three[] = {kGround, kSecond, kThird};
  EXPECT_THAT(*migrator(three).pending(), ElementsAre("0003_third"));
  EXPECT_THAT(*migrator(three).apply(), ElementsAre("0003_third"));
  EXPECT_EQ(migrator(three).version(), 3);
}

TEST_F(MigratorTest, TwoAtOnceApplyEachStepOnce) {
  const MigrationFile files[] = {kGround, kSecond, kThird};
  std::vector<std::future<Result<std::vector<std::string>>>> racers;
  for (int i = 0; i < 4; ++i) {
    racers.push_back(std::async(std::launch::async, [&] { return migrator(files).apply(); }));
  }
  std::size_t applied = 0;
  for (auto& racer : racers) {
    auto stems = racer.get();
    ASSERT_TRUE(stems) << stems.error().detail;
    applied += stems->size();
  }
  EXPECT_EQ(applied, 3U);
  EXPECT_THAT(tables(), ElementsAre("second", "third"));
}

TEST_F(MigratorTest, AFailedStepLeavesNothingOfItselfAndKeepsWhatWasBefore) {
  const MigrationFile files[] = {kGround, kSecond, kBroken};
  auto applied = migrator(files).apply();
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().detail, HasSubstr("0003_broken"));
  EXPECT_THAT(tables(), ElementsAre("second"));
  EXPECT_EQ(migrator(files).version(), 2);
}

TEST_F(MigratorTest, AnEditedMigrationIsRefused) {
  const MigrationFile files[] = {kGround, kSecond};
  ASSERT_TRUE(migrator(files).apply());
  const MigrationFile edited[] = {kGround, {"0002_second", "CREATE TABLE other (id int)"}, kThird};
  auto applied = migrator(edited).apply();
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, ErrorCode::conflict);
  EXPECT_EQ(applied.error().reason, "checksum_changed");
  EXPECT_THAT(tables(), ElementsAre("second"));
}

TEST_F(MigratorTest, AnOlderProgramRefusesANewerDatabase) {
  const MigrationFile files[] = {kGround, kSecond, kThird};
  ASSERT_TRUE(migrator(files).apply());
  auto pending = migrator(std::span(files).first(2)).pending();
  ASSERT_FALSE(pending);
  EXPECT_EQ(pending.error().reason, "schema_newer");
}

TEST_F(MigratorTest, GapsAreRefused) {
  const MigrationFile gap[] = {kGround, kThird};
  EXPECT_EQ(migrator(gap).apply().error().reason, "migration_gap");
  const MigrationFile nameless[] = {{"1_x", ""}};
  EXPECT_EQ(migrator(nameless).apply().error().reason, "migration_gap");

  const MigrationFile files[] = {kGround, kSecond, kThird};
  ASSERT_TRUE(migrator(files).apply());
  server.execute(url, "DELETE FROM ops.schema_migration WHERE version = 2");
  EXPECT_EQ(migrator(files).apply().error().reason, "migration_gap");
}

TEST_F(MigratorTest, TheEmbeddedFilesAreApplicableAndGapless) {
  Migrator real({.url = url}, quiet.observer);
  auto applied = real.apply();
  ASSERT_TRUE(applied) << applied.error().detail;
  EXPECT_EQ(applied->size(), embedded_migrations().size());
  EXPECT_THAT(*real.pending(), IsEmpty());
}

// As the README has it made: a plain role that owns its database.
TEST_F(MigratorTest, AnOwnerWhoIsNoSuperuserAppliesAllOfThem) {
  TempPostgres own;
  const std::string any = own.create_database();
  own.execute(any, "CREATE ROLE plain LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE");
  own.execute(any, "CREATE DATABASE of_plain OWNER plain");
  Migrator real({.url = own.url("of_plain", "plain")}, quiet.observer);
  auto applied = real.apply();
  ASSERT_TRUE(applied) << applied.error().detail;
  EXPECT_EQ(applied->size(), embedded_migrations().size());
}

TEST_F(MigratorTest, TheRuntimeRoleWorksButOwnsNothing) {
  TempPostgres own;
  const std::string database_url = own.create_database();
  const std::string name = own.query(database_url, "SELECT current_database()").at(0);
  own.execute(database_url, "CREATE ROLE \"run time\" LOGIN");
  Migrator real({.url = database_url}, quiet.observer);
  auto granted = real.grant_runtime("run time");
  ASSERT_TRUE(granted) << granted.error().detail;
  ASSERT_TRUE(real.grant_runtime("run time"));

  DatabaseOptions options;
  options.url = own.url(name, "run%20time");
  Database database(options, quiet.observer);
  for (const char* allowed :
       {"INSERT INTO ops.blob (sha256, size_bytes) VALUES (decode(repeat('00', 32), 'hex'), 0)",
        "UPDATE ops.blob SET size_bytes = 0", "DELETE FROM ops.blob",
        "INSERT INTO ops.job (kind) VALUES ('x')", "SELECT * FROM ops.schema_migration"}) {
    auto rows = database.execute(Pool::api, {"", allowed});
    EXPECT_TRUE(rows) << allowed << ": " << rows.error().detail;
  }
  std::vector<std::string> denied = {"TRUNCATE ops.job",
                                     "CREATE TABLE ops.x (id int)",
                                     "CREATE TABLE crm.x (id int)",
                                     "CREATE TABLE public.x (id int)",
                                     "DROP TABLE ops.job",
                                     "ALTER TABLE ops.job ADD x int",
                                     "DELETE FROM ops.schema_migration"};
  for (const auto& [table, actions] :
       {std::pair{"crm.history_event", std::vector{"UPDATE crm.history_event SET origin = origin",
                                                   "DELETE FROM crm.history_event"}},
        std::pair{"ops.mail_message", std::vector{"DELETE FROM ops.mail_message"}}}) {
    if (own.query(database_url, std::string("SELECT to_regclass('") + table + "')").at(0).empty()) {
      continue;
    }
    denied.insert(denied.end(), actions.begin(), actions.end());
  }
  for (const std::string& action : denied) {
    auto rows = database.execute(Pool::api, {"", action});
    ASSERT_FALSE(rows) << action;
    EXPECT_EQ(rows.error().reason, "42501") << action << ": " << rows.error().detail;
  }
}

TEST_F(MigratorTest, ARoleThatDoesNotExistIsAnError) {
  Migrator real({.url = url}, quiet.observer);
  ASSERT_TRUE(real.apply());
  EXPECT_FALSE(real.grant_runtime("nobody; DROP SCHEMA ops"));
}

}  // namespace
}  // namespace c360::store
