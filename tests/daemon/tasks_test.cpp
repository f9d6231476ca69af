// Periodic tasks and the jobs that keep the database in order, on a real one.
#include "daemon/tasks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "daemon/database_check.h"
#include "daemon/jobs/expiry.h"
#include "daemon/jobs/housekeeping.h"
#include "daemon/jobs/notices.h"
#include "daemon/jobs/purge.h"
#include "daemon/jobs/service_jobs.h"
#include "daemon/jobs/stale_customers.h"
#include "daemon/jobs/support_sla.h"
#include "tests/support/temp_postgres.h"

namespace c360::daemon {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;
using testing::TempPostgres;

class TasksTest : public ::testing::Test {
 protected:
  Log log_{LogTarget::none};
  Metrics metrics_;
  Observer observer_{log_, metrics_};
  TempPostgres& postgres_ = TempPostgres::shared();
  std::string url_ = postgres_.create_database();
  store::Database database_{{.url = url_}, observer_};

  // Every job of it once, as its workers run it; what went wrong.
  std::string run_housekeeping(store::Database& database) {
    JobHandlers handlers;
    add_housekeeping_jobs(handlers, database, {hours{72}, 3, hours{720}});
    std::string wrong;
    for (const auto& [kind, handler] : handlers) {
      EXPECT_TRUE(store::enqueue_job(database, {.kind = kind}));
      const auto jobs = store::take_jobs(database, {kind}, "a", 1);
      if (!jobs || jobs->size() != 1) return "no " + kind;
      const std::atomic<bool> stopping = false;
      JobRun run(database, jobs->front(), stopping);
      if (const auto done = handler(run); !done) wrong += kind + ": " + done.error().detail + "; ";
    }
    return wrong;
  }
};

TEST_F(TasksTest, EveryTaskRunsOnAFreshDatabase) {
  for (const PeriodicTask& task : periodic_tasks(database_, observer_)) {
    const auto done = task.run();
    EXPECT_TRUE(done) << task.name << ": " << done.error().detail;
  }
}

TEST_F(TasksTest, TheOpenQuarantineIsCountedByReason) {
  auto tasks = periodic_tasks(database_, observer_);
  const auto gauge = std::ranges::find(tasks, "quarantine_gauge", &PeriodicTask::name);
  ASSERT_NE(gauge, tasks.end());
  postgres_.execute(
      url_,
      "INSERT INTO ops.mailbox (code, kind) VALUES ('crm', 'crm'); "
      "INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid, outcome, processed_at) "
      "SELECT id, 1, uid, 'quarantined', now() FROM ops.mailbox, generate_series(1, 3) AS uid; "
      "INSERT INTO ops.quarantine (mail_message_id, reason) "
      "SELECT id, CASE WHEN uid < 3 THEN 'no_rule' ELSE 'oversize' END FROM ops.mail_message");

  ASSERT_TRUE(gauge->run());
  EXPECT_THAT(metrics_.serialize(), HasSubstr("client360_quarantine_open{reason=\"no_rule\"} 2\n"));
  EXPECT_THAT(metrics_.serialize(),
              HasSubstr("client360_quarantine_open{reason=\"oversize\"} 1\n"));

  postgres_.execute(url_,
                    "UPDATE ops.quarantine SET status = 'rejected', resolved_at = now() "
                    "WHERE reason = 'no_rule'");
  ASSERT_TRUE(gauge->run());
  EXPECT_THAT(metrics_.serialize(), HasSubstr("client360_quarantine_open{reason=\"no_rule\"} 0\n"));
}

TEST_F(TasksTest, DealsAreCountedByStatus) {
  auto tasks = periodic_tasks(database_, observer_);
  const auto gauge = std::ranges::find(tasks, "deals_gauge", &PeriodicTask::name);
  ASSERT_NE(gauge, tasks.end());
  postgres_.execute(
      url_,
      "WITH r AS (INSERT INTO crm.record (kind) SELECT 'deal' FROM generate_series(1, 3) RETURNING "
      "id) INSERT INTO crm.deal (id, name, status, origin) SELECT id, 'D', 'proposal', 'api' FROM "
      "r");
  ASSERT_TRUE(gauge->run());
  EXPECT_THAT(metrics_.serialize(), HasSubstr("client360_deals{status=\"proposal\"} 3\n"));

  postgres_.execute(url_, "UPDATE crm.deal SET deleted_at = now()");
  ASSERT_TRUE(gauge->run());
  EXPECT_THAT(metrics_.serialize(), HasSubstr("client360_deals{status=\"proposal\"} 0\n"));
}

TEST_F(TasksTest, EveryScheduleOfTheMigrationsHasItsJobAndTheJobsRunOnAFreshDatabase) {
  JobHandlers handlers;
  add_housekeeping_jobs(handlers, database_, {});
  add_expiry_jobs(handlers, database_, [] { return nullptr; });
  add_notice_jobs(handlers, database_);
  add_support_jobs(handlers, database_, [] { return nullptr; });
  add_purge_job(handlers, database_, {});
  add_stale_customers_job(handlers, database_, 30);
  const SystemClock clock;
  OutsideServices services{database_, clock, observer_, {}};
  add_service_jobs(handlers, {.database = database_,
                              .clock = clock,
                              .services = services,
                              .records = [] { return nullptr; },
                              .zone = *TimeZone::named("UTC")});
  for (const std::string& kind : postgres_.query(url_, "SELECT kind FROM ops.schedule"))
    EXPECT_TRUE(handlers.contains(kind)) << kind;
  EXPECT_EQ(run_housekeeping(database_), "");
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
  for (const PeriodicTask& task : periodic_tasks(as_app, observer_)) {
    const auto done = task.run();
    EXPECT_TRUE(done) << task.name << ": " << done.error().detail;
  }
  EXPECT_EQ(run_housekeeping(as_app), "");
}

}  // namespace
}  // namespace c360::daemon
