#include "store/jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <set>
#include <thread>

#include "store/job_bell.h"
#include "store/schedules.h"
#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::store {
namespace {

using c360::testing::Quiet;
using c360::testing::TempPostgres;
using std::chrono::milliseconds;
using std::chrono::seconds;

class JobsTest : public ::testing::Test {
 protected:
  TempPostgres& server = TempPostgres::shared();
  std::string url = server.create_database();
  Quiet quiet;
  Database database{{.url = url}, quiet.observer};
  const std::vector<std::string> kinds{"work"};

  std::string sql(const std::string& text) {
    const auto rows = server.query(url, text);
    return rows.empty() ? std::string() : rows.front();
  }
  std::int64_t add(JobRequest request = {}) {
    if (request.kind.empty()) request.kind = "work";
    auto made = enqueue_job(database, request);
    EXPECT_TRUE(made) << made.error().detail;
    return made ? made->id : 0;
  }
  std::vector<Job> take(std::string_view holder = "a", int limit = 1) {
    auto jobs = take_jobs(database, kinds, holder, limit);
    EXPECT_TRUE(jobs) << jobs.error().detail;
    return jobs ? *jobs : std::vector<Job>{};
  }
  Job take_one(std::string_view holder = "a") {
    auto jobs = take(holder);
    EXPECT_EQ(jobs.size(), 1U);
    return jobs.empty() ? Job{} : jobs.front();
  }
  void expire() {
    sql("UPDATE ops.job SET locked_until = now() - interval '1 s' WHERE status = 'running' "
        "RETURNING id");
  }
  std::string status(std::int64_t id) {
    return sql("SELECT status FROM ops.job WHERE id = " + std::to_string(id));
  }
  std::string runs(std::int64_t id) {
    return sql(
        "SELECT string_agg(attempt || ' ' || coalesce(result, '-'), ', ' ORDER BY id)"
        " FROM ops.job_run WHERE job_id = " +
        std::to_string(id));
  }
  Result<void> settle(const Job& job, JobEnd end, milliseconds delay = milliseconds{0}) {
    JobSettlement settlement{.end = end, .delay = delay};
    if (end == JobEnd::retry || end == JobEnd::failed)
      settlement.error = Error{.code = ErrorCode::timeout, .detail = "it took too long"};
    return settle_job(database, job, settlement);
  }
};

TEST_F(JobsTest, AJobIsTakenOnceAndLeavesARun) {
  const auto id = add({.payload = R"({"inn": "7707083893"})", .record_id = 17});
  const Job job = take_one();
  EXPECT_EQ(job.id, id);
  EXPECT_EQ(job.payload, R"({"inn": "7707083893"})");
  EXPECT_EQ(job.record_id, 17);
  EXPECT_EQ(job.attempts, 1);
  EXPECT_TRUE(take("b").empty());

  ASSERT_TRUE(settle(job, JobEnd::done));
  EXPECT_EQ(status(id), "done");
  EXPECT_EQ(runs(id), "1 ok");
}

TEST_F(JobsTest, AJobMadeInATransactionIsThereWithItsEffectOrNotAtAll) {
  {
    auto tx = *database.begin(Pool::work, TxMode::read_write);
    queue_job(tx, {.kind = "work"});
    ASSERT_TRUE(tx.run());
    EXPECT_TRUE(take().empty());
  }
  EXPECT_TRUE(take().empty());
  auto tx = *database.begin(Pool::work, TxMode::read_write);
  const Ticket ticket = queue_job(tx, {.kind = "work"});
  ASSERT_TRUE(tx.commit());
  EXPECT_EQ(take_one().id, enqueued(tx.rows(ticket)).id);
}

TEST_F(JobsTest, TheOneWithPriorityGoesFirstAndTheFutureWaits) {
  sql("UPDATE ops.schedule SET is_enabled = false RETURNING name");  // only jobs are waited for
  const auto late = add({.run_at = SystemClock{}.now() + std::chrono::hours{1}});
  const auto common = add();
  const auto urgent = add({.priority = 5});
  for (const auto next : {urgent, common}) {
    const Job job = take_one();
    EXPECT_EQ(job.id, next);
    ASSERT_TRUE(settle(job, JobEnd::done));  // a running one is waited for, its lease ends sooner
  }
  EXPECT_TRUE(take().empty());
  const auto wait = until_next_job(database, kinds);
  ASSERT_TRUE(wait && *wait);
  EXPECT_GT(**wait, std::chrono::minutes{50});
  EXPECT_EQ(status(late), "queued");
}

TEST_F(JobsTest, AKeyHasOneUnfinishedJob) {
  const auto first = add({.dedupe_key = "inn 7707083893"});
  auto again = enqueue_job(database, {.kind = "work", .dedupe_key = "inn 7707083893"});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, first);
  EXPECT_FALSE(again->fresh);
  const Job job = take_one();
  EXPECT_FALSE(enqueue_job(database, {.kind = "work", .dedupe_key = "inn 7707083893"})->fresh);
  ASSERT_TRUE(settle(job, JobEnd::done));
  EXPECT_TRUE(enqueue_job(database, {.kind = "work", .dedupe_key = "inn 7707083893"})->fresh);
}

TEST_F(JobsTest, WhatAPersonAsksForDoesNotWaitForTheClockThatMadeIt) {
  const auto later = SystemClock{}.now() + std::chrono::hours{1};
  const auto id = add({.dedupe_key = "7", .run_at = later, .trigger = "schedule"});
  add({.dedupe_key = "7", .trigger = "event"});
  EXPECT_TRUE(take().empty());

  EXPECT_EQ(add({.dedupe_key = "7", .trigger = "api"}), id);

  EXPECT_EQ(take_one().id, id);
  EXPECT_EQ(sql("SELECT trigger FROM ops.job_run"), "api");
}

TEST_F(JobsTest, AWorkerThatDiedLosesItsJobAndCannotWriteAnyMore) {
  const auto id = add();
  const Job lost = take_one("a");
  expire();
  ASSERT_EQ(*reclaim_jobs(database), 1);
  const Job taken = take_one("b");
  EXPECT_EQ(taken.id, id);
  EXPECT_EQ(taken.attempts, 2);

  for (const auto& late : {settle(lost, JobEnd::done), settle(lost, JobEnd::retry)}) {
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().reason, "lease_lost");
  }
  EXPECT_FALSE(note_progress(database, lost, 1, 2));
  EXPECT_THAT(renew_jobs(database, {lost})->lost, ::testing::ElementsAre(id));
  auto tx = *database.begin(Pool::work, TxMode::read_write);
  queue_job_check(tx, lost);
  const auto late = tx.commit();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "lease_lost");

  ASSERT_TRUE(settle(taken, JobEnd::done));
  EXPECT_EQ(status(id), "done");
  EXPECT_EQ(runs(id), "1 failed, 2 ok");
}

TEST_F(JobsTest, AnEffectAndTheEndOfItsJobAreOneTransaction) {
  const auto id = add();
  const Job lost = take_one("a");
  expire();
  ASSERT_EQ(*reclaim_jobs(database), 1);
  const Job job = take_one("b");
  for (const Job* holder : {&lost, &job}) {
    auto tx = *database.begin(Pool::work, TxMode::read_write);
    queue_job(tx, {.kind = "effect"});
    queue_job_done(tx, *holder, 3);
    EXPECT_EQ(tx.commit().has_value(), holder == &job);
  }
  EXPECT_EQ(status(id), "done");
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job WHERE kind = 'effect'"), "1");
  EXPECT_EQ(sql("SELECT processed FROM ops.job_run WHERE result = 'ok'"), "3");
}

TEST_F(JobsTest, ATransactionUnderTheLeaseIsNotTakenOver) {
  const auto id = add();
  const Job job = take_one();
  auto tx = *database.begin(Pool::work, TxMode::read_write);
  queue_job_check(tx, job);
  ASSERT_TRUE(tx.run());
  EXPECT_TRUE(renew_jobs(database, {job})->lost.empty());
  expire();
  EXPECT_EQ(*reclaim_jobs(database), 0);
  ASSERT_TRUE(tx.commit());
  EXPECT_EQ(*reclaim_jobs(database), 1);
  EXPECT_EQ(status(id), "queued");
}

TEST_F(JobsTest, ARetryComesLaterAndTheEndIsADeadLetterWithItsReason) {
  const auto id = add();
  ASSERT_TRUE(settle(take_one(), JobEnd::retry, std::chrono::minutes{5}));
  EXPECT_EQ(status(id), "queued");
  EXPECT_TRUE(take().empty());
  sql("UPDATE ops.job SET run_at = now() RETURNING id");
  ASSERT_TRUE(settle(take_one(), JobEnd::failed));
  EXPECT_EQ(status(id), "failed");
  EXPECT_EQ(sql("SELECT error_code || ': ' || last_error FROM ops.job"),
            "timeout: it took too long");
  EXPECT_EQ(job_depths(database)->front().dead, 1);

  ASSERT_TRUE(retry_job(database, id));
  EXPECT_EQ(take_one().attempts, 1);
  const auto running = retry_job(database, id);
  ASSERT_FALSE(running);
  EXPECT_EQ(running.error().reason, "job_not_finished");
  EXPECT_EQ(retry_job(database, 999'999).error().code, ErrorCode::not_found);
}

TEST_F(JobsTest, AJobThatKillsItsWorkersEndsAsADeadLetter) {
  const auto id = add({.max_attempts = 2});
  for (int i = 0; i < 2; ++i) {
    take_one();
    expire();
    ASSERT_EQ(*reclaim_jobs(database), 1);
  }
  EXPECT_EQ(status(id), "failed");
  EXPECT_TRUE(take().empty());
}

TEST_F(JobsTest, DeadLettersOfAKindRunAgainButNotTwoOfAKey) {
  for (const std::string key : {"x", "y"}) {
    add({.dedupe_key = key});
    ASSERT_TRUE(settle(take_one(), JobEnd::failed));
  }
  add({.dedupe_key = "x"});  // does what the dead one did
  ASSERT_EQ(*retry_failed_jobs(database, "other", 100), 0);
  ASSERT_EQ(*retry_failed_jobs(database, "work", 100), 1);
  EXPECT_EQ(take("a", 10).size(), 2U);
  const auto doubled =
      retry_job(database, std::stoll(sql("SELECT id FROM ops.job WHERE status = 'failed'")));
  ASSERT_FALSE(doubled);
  EXPECT_EQ(doubled.error().reason, "job_dedupe_key");
}

TEST_F(JobsTest, WhatIsGivenBackIsFreeAtOnceAndWasNotTried) {
  const auto id = add();
  ASSERT_TRUE(settle(take_one(), JobEnd::given_back));
  EXPECT_EQ(take_one("b").attempts, 1);
  EXPECT_EQ(runs(id), "1 skipped, 1 -");
}

TEST_F(JobsTest, CancelingEndsAQueuedJobAndAsksARunningOne) {
  const auto queued = add();
  EXPECT_TRUE(*cancel_job(database, queued));
  EXPECT_EQ(status(queued), "canceled");
  EXPECT_EQ(cancel_job(database, queued).error().reason, "job_finished");

  const auto running = add();
  const Job job = take_one();
  EXPECT_FALSE(*note_progress(database, job, 1, 10));
  EXPECT_FALSE(*cancel_job(database, running));
  EXPECT_TRUE(*note_progress(database, job, 2, 10));
  EXPECT_THAT(renew_jobs(database, {job})->canceled, ::testing::ElementsAre(running));
  ASSERT_TRUE(settle(job, JobEnd::retry));  // not again
  EXPECT_EQ(status(running), "canceled");
  EXPECT_EQ(sql("SELECT progress_done || '/' || progress_total FROM ops.job WHERE status = "
                "'canceled' AND progress_done > 0"),
            "2/10");
}

TEST_F(JobsTest, APausedJobIsTakenByNobodyUntilItIsResumed) {
  const auto id = add({.run_at = SystemClock{}.now() + std::chrono::hours{1}});
  ASSERT_TRUE(pause_job(database, id));
  sql("UPDATE ops.job SET run_at = now() RETURNING id");
  EXPECT_TRUE(take().empty());

  ASSERT_TRUE(resume_job(database, id));
  const Job job = take_one();
  ASSERT_TRUE(pause_job(database, id)) << "it rests after this piece";
  ASSERT_TRUE(settle(job, JobEnd::goes_on));
  EXPECT_EQ(status(id), "queued");
  EXPECT_TRUE(take().empty());
  ASSERT_TRUE(resume_job(database, id));
  ASSERT_TRUE(settle(take_one(), JobEnd::done));
  EXPECT_EQ(pause_job(database, id).error().reason, "job_finished");
  EXPECT_EQ(resume_job(database, id + 1).error().code, ErrorCode::not_found);
}

TEST_F(JobsTest, WhatGoesOnBeginsAnewWithItsAttemptsAndResumedItDoesNotWait) {
  const auto id = add();
  ASSERT_TRUE(settle(take_one(), JobEnd::retry));
  const Job job = take_one();
  EXPECT_EQ(job.attempts, 2);
  ASSERT_TRUE(settle(job, JobEnd::goes_on, std::chrono::hours{1}));
  EXPECT_TRUE(take().empty());

  ASSERT_TRUE(resume_job(database, id));

  EXPECT_EQ(take_one().attempts, 1);
  EXPECT_EQ(runs(id), "1 failed, 2 ok, 1 -");
}

TEST_F(JobsTest, OldJobsAndRunsGoAndDeadLettersStay) {
  add();
  ASSERT_TRUE(settle(take_one(), JobEnd::done));
  add();
  ASSERT_TRUE(settle(take_one(), JobEnd::failed));
  EXPECT_EQ(*purge_jobs(database, std::chrono::hours{1}, 100), 0);
  sql("UPDATE ops.job SET finished_at = now() - interval '2 h' RETURNING id");
  sql("UPDATE ops.job_run SET started_at = now() - interval '2 h' RETURNING id");
  EXPECT_EQ(*purge_jobs(database, std::chrono::hours{1}, 100), 3);
  EXPECT_EQ(sql("SELECT string_agg(status, ',') FROM ops.job"), "failed");
}

TEST_F(JobsTest, ManyTakersNeverGetTheSameJob) {
  sql("WITH made AS (INSERT INTO ops.job (kind) SELECT 'work' FROM generate_series(1, 2000)"
      " RETURNING id) SELECT count(*) FROM made");
  std::vector<std::future<std::vector<std::int64_t>>> takers;
  for (int i = 0; i < 4; ++i)
    takers.push_back(std::async(std::launch::async, [&, i] {
      std::vector<std::int64_t> ids;
      for (;;) {
        const auto jobs = take("taker " + std::to_string(i), 10);
        if (jobs.empty()) return ids;
        for (const Job& job : jobs) ids.push_back(job.id);
      }
    }));
  std::size_t all = 0;
  std::set<std::int64_t> different;
  for (auto& taker : takers)
    for (const std::int64_t id : taker.get()) {
      ++all;
      different.insert(id);
    }
  EXPECT_EQ(all, 2000U);
  EXPECT_EQ(different.size(), 2000U);
}

TEST_F(JobsTest, TheBellRingsWhenAJobIsCommitted) {
  JobBell bell(DatabaseOptions{.url = url});
  bell.wait(seconds{0});  // connects
  ASSERT_TRUE(bell.listens());
  auto waiting = std::async(std::launch::async, [&] {
    const auto begun = std::chrono::steady_clock::now();
    bell.wait(seconds{60});
    return std::chrono::steady_clock::now() - begun;
  });
  add();
  EXPECT_LT(waiting.get(), seconds{50});
  auto rung = std::async(std::launch::async, [&] { bell.wait(seconds{60}); });
  bell.ring();
  EXPECT_EQ(rung.wait_for(seconds{50}), std::future_status::ready);
}

TEST_F(JobsTest, TheBellConnectsAgainAfterItsConnectionWasLost) {
  JobBell bell(DatabaseOptions{.url = url});
  bell.wait(seconds{0});
  ASSERT_TRUE(bell.listens());
  sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
      " WHERE application_name = 'client360d jobs' AND datname = current_database()");
  // The farewell and the end of the stream may be heard one after the other.
  for (int heard = 0; heard < 3 && bell.listens(); ++heard) bell.wait(seconds{60});
  EXPECT_FALSE(bell.listens());
  bell.wait(seconds{0});
  EXPECT_TRUE(bell.listens());
}

// -- Schedules ------------------------------------------------------------------------------------

class SchedulesTest : public JobsTest {
 protected:
  const TimeZone zone = *TimeZone::named("Europe/Moscow");

  void SetUp() override {
    sql("WITH gone AS (DELETE FROM ops.schedule) INSERT INTO ops.schedule (name, kind, expression,"
        " timezone, next_run_at) VALUES ('nightly', 'work', '30 2 * * *', 'Europe/Moscow',"
        " now() - interval '3 days') RETURNING name");
  }
  std::int64_t fire() {
    auto made = fire_schedules(database, zone, "a");
    EXPECT_TRUE(made) << made.error().detail;
    return made.value_or(-1);
  }
  void make_due() {
    sql("UPDATE ops.schedule SET next_run_at = now() - interval '1 min' RETURNING name");
  }
  // Of the next slot, by the clock of the zone.
  std::string next(const std::string& zone_name = "Europe/Moscow") {
    return sql("SELECT to_char(next_run_at AT TIME ZONE '" + zone_name +
               "', 'HH24:MI') || ' ' || (next_run_at > now()) FROM ops.schedule");
  }
};

TEST_F(SchedulesTest, AfterADowntimeThereIsOneJobAndTheNextSlotIsAhead) {
  EXPECT_EQ(fire(), 1);
  EXPECT_EQ(fire(), 0);
  EXPECT_EQ(next(), "02:30 true");
  const Job job = take_one();
  EXPECT_EQ(job.name, "nightly");
  ASSERT_TRUE(job.planned_at);
  EXPECT_LT(*job.planned_at, SystemClock{}.now() - std::chrono::hours{71});
}

TEST_F(SchedulesTest, OfManyDaemonsOneFiresASlot) {
  for (int slot = 1; slot <= 5; ++slot) {
    make_due();
    std::vector<std::future<std::int64_t>> daemons;
    for (int i = 0; i < 4; ++i)
      daemons.push_back(std::async(std::launch::async, [&] { return fire(); }));
    std::int64_t made = 0;
    for (auto& daemon : daemons) made += daemon.get();
    EXPECT_EQ(made, 1);
    ASSERT_TRUE(settle(take_one(), JobEnd::done));
  }
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job"), "5");
}

TEST_F(SchedulesTest, ASlotWhoseFormerRunIsNotFinishedIsSkippedAndTold) {
  fire();
  const Job job = take_one();
  make_due();
  EXPECT_EQ(fire(), 0);
  EXPECT_EQ(sql("SELECT result || ': ' || error FROM ops.job_run WHERE finished_at IS NOT NULL"),
            "skipped: the run before it is not finished");
  ASSERT_TRUE(settle(job, JobEnd::done));
  make_due();
  EXPECT_EQ(fire(), 1);
}

TEST_F(SchedulesTest, APausedOneDoesNotFireAndARunByHandDoes) {
  ASSERT_TRUE(change_schedule(database, "nightly", {.paused = true}, zone));
  make_due();
  EXPECT_EQ(fire(), 0);
  auto now = run_schedule(database, "nightly", 7);
  ASSERT_TRUE(now) << now.error().detail;
  EXPECT_TRUE(now->fresh);
  EXPECT_EQ(run_schedule(database, "nightly", 7)->id, now->id);
  const Job job = take_one();
  EXPECT_EQ(job.name, "nightly");
  EXPECT_FALSE(job.planned_at);
  EXPECT_EQ(sql("SELECT trigger || ' ' || created_by FROM ops.job"), "api 7");
  // What was missed while it was paused is not made up for.
  ASSERT_TRUE(change_schedule(database, "nightly", {.paused = false}, zone));
  EXPECT_EQ(fire(), 0);
  EXPECT_EQ(next(), "02:30 true");
}

TEST_F(SchedulesTest, AChangedExpressionCountsFromNowAndAWrongOneChangesNothing) {
  ASSERT_TRUE(change_schedule(database, "nightly", {.cron = "15 4 * * *"}, zone));
  EXPECT_EQ(next(), "04:15 true");
  const auto wrong = change_schedule(database, "nightly", {.cron = "61 4 * * *"}, zone);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::validation_failed);
  ASSERT_EQ(wrong.error().fields.size(), 1U);
  EXPECT_EQ(wrong.error().fields.front().pointer, "/cron");
  EXPECT_EQ(wrong.error().fields.front().code, "minute");
  EXPECT_EQ(next(), "04:15 true");
  EXPECT_EQ(change_schedule(database, "none", {}, zone).error().code, ErrorCode::not_found);
  EXPECT_EQ(run_schedule(database, "none", 7).error().code, ErrorCode::not_found);
}

TEST_F(SchedulesTest, InAnotherZoneTheNextTimeIsCountedAnew) {
  ASSERT_TRUE(change_schedule(database, "nightly", {}, zone));
  ASSERT_TRUE(fire_schedules(database, *TimeZone::named("Asia/Vladivostok"), "a"));
  EXPECT_EQ(next("Asia/Vladivostok"), "02:30 true");
}

TEST_F(SchedulesTest, OneThatWasSpoiledByHandIsPausedAndTheOthersFire) {
  sql("INSERT INTO ops.schedule (name, kind, expression, timezone, next_run_at) VALUES"
      " ('spoiled', 'work', 'often', 'Europe/Moscow', now() - interval '9 days') RETURNING name");
  EXPECT_EQ(fire(), 1);
  EXPECT_EQ(sql("SELECT name FROM ops.schedule WHERE NOT is_enabled"), "spoiled");
  EXPECT_THAT(sql("SELECT error FROM ops.job_run WHERE job = 'spoiled'"),
              ::testing::HasSubstr("paused: not a cron expression"));
}

}  // namespace
}  // namespace c360::store
