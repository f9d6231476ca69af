// Which of several daemons does a periodic run: decided in a real database.
#include "daemon/tasks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "daemon/database_check.h"
#include "tests/support/temp_postgres.h"

namespace c360::daemon {
namespace {

using std::chrono::hours;
using testing::TempPostgres;

class TasksTest : public ::testing::Test {
 protected:
  Log log_{LogTarget::none};
  Metrics metrics_;
  Observer observer_{log_, metrics_};
  TempPostgres& postgres_ = TempPostgres::shared();
  std::string url_ = postgres_.create_database();
  store::Database database_{{.url = url_}, observer_};
  const PeriodicTask task_{"sweep", hours{1}, TaskScope::cluster, {}};
};

TEST_F(TasksTest, OfManyDaemonsOneTakesTheRun) {
  std::atomic<int> taken = 0;
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> daemons;
    for (int i = 0; i < 6; ++i)
      daemons.emplace_back([&, i] {
        const auto run = claim_run(database_, task_, "daemon-" + std::to_string(i));
        if (!run) {
          ++failed;
        } else if (*run) {
          ++taken;
        }
      });
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(postgres_.query(url_, "SELECT count(*)::text FROM ops.job_run").front(), "1");
}

TEST_F(TasksTest, AfterADowntimeThereIsOneRun) {
  ASSERT_TRUE(claim_run(database_, task_, "a"));
  postgres_.execute(url_, "UPDATE ops.schedule SET next_run_at = now() - interval '3 days'");

  const auto first = claim_run(database_, task_, "a");
  const auto second = claim_run(database_, task_, "a");

  ASSERT_TRUE(first && *first);
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->has_value());
}

TEST_F(TasksTest, ARunLeavesItsEndAndAFailedOneComesAgainSoon) {
  const auto run = claim_run(database_, task_, "a");
  ASSERT_TRUE(run && *run);

  ASSERT_TRUE(finish_run(database_, **run, fail(ErrorCode::internal, "it broke")));

  EXPECT_EQ(postgres_.query(url_, "SELECT result || ' ' || error FROM ops.job_run").front(),
            "failed it broke");
  EXPECT_EQ(postgres_
                .query(url_,
                       "SELECT (next_run_at < now() + interval '2 minutes')::text "
                       "FROM ops.schedule WHERE name = 'sweep'")
                .front(),
            "true");
}

TEST_F(TasksTest, EveryTaskRunsOnAFreshDatabase) {
  for (const PeriodicTask& task : periodic_tasks(database_, {hours{72}, 3}, observer_)) {
    const auto done = task.run();
    EXPECT_TRUE(done) << task.name << ": " << done.error().detail;
  }
}

TEST_F(TasksTest, AFreshDatabaseFitsAndAnEmptyOneIsBehind) {
  DatabaseConfig config;
  config.options.url = url_;
  EXPECT_EQ(check_database(config, observer_).state, DatabaseState::fits);

  config.options.url = postgres_.create_empty_database();
  const auto behind = check_database(config, observer_);
  EXPECT_EQ(behind.state, DatabaseState::behind);
  EXPECT_FALSE(behind.pending.empty());
  ASSERT_TRUE(migrate_database(config, observer_));
  EXPECT_EQ(check_database(config, observer_).state, DatabaseState::fits);

  config.options.url = "host=/nowhere connect_timeout=1";
  EXPECT_EQ(check_database(config, observer_).state, DatabaseState::away);
}

TEST_F(TasksTest, TheRuntimeRoleNeedsNoDdl) {
  DatabaseConfig config;
  config.options.url = postgres_.create_empty_database();
  config.app_role = "c360_app";
  postgres_.execute(url_,
                    "DO $$ BEGIN CREATE ROLE c360_app LOGIN; "
                    "EXCEPTION WHEN duplicate_object THEN NULL; END $$");
  const auto migrated = migrate_database(config, observer_);
  ASSERT_TRUE(migrated) << migrated.error().detail;

  const std::string name = postgres_.query(config.options.url, "SELECT current_database()").front();
  const std::string url = postgres_.url(name, "c360_app");
  store::Database as_app{{.url = url}, observer_};
  EXPECT_EQ(check_database({.options = {.url = url}}, observer_).state, DatabaseState::fits);
  for (const PeriodicTask& task : periodic_tasks(as_app, {hours{72}, 3}, observer_)) {
    const auto claimed = claim_run(as_app, task, "app");
    EXPECT_TRUE(claimed) << task.name << ": " << claimed.error().detail;
    const auto done = task.run();
    EXPECT_TRUE(done) << task.name << ": " << done.error().detail;
  }
}

}  // namespace
}  // namespace c360::daemon
