// Workers over a real queue: several of them, as in several daemons.
#include "daemon/job_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Quiet;
using testing::TempPostgres;

// Counts, and lets a test wait for a number.
class Tally {
 public:
  void add(std::int64_t id) {
    const std::scoped_lock lock{mutex_};
    ++seen_[id];
    ++all_;
    changed_.notify_all();
  }
  bool reaches(std::size_t count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, seconds{300}, [&] { return all_ >= count; });
  }
  std::size_t all() {
    const std::scoped_lock lock{mutex_};
    return all_;
  }
  std::size_t different() {
    const std::scoped_lock lock{mutex_};
    return seen_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::int64_t, int> seen_;
  std::size_t all_ = 0;
};

class JobWorkersTest : public ::testing::Test {
 protected:
  TempPostgres& server = TempPostgres::shared();
  std::string url = server.create_database();
  Quiet quiet;
  store::Database database{{.url = url}, quiet.observer};
  Tally tally;

  void SetUp() override { sql("WITH gone AS (DELETE FROM ops.schedule) SELECT 1"); }

  std::string sql(const std::string& text) {
    const auto rows = server.query(url, text);
    return rows.empty() ? std::string() : rows.front();
  }
  std::int64_t add(store::JobRequest request) {
    auto made = store::enqueue_job(database, request);
    EXPECT_TRUE(made) << made.error().detail;
    return made ? made->id : 0;
  }
  // As in a daemon of its own.
  std::unique_ptr<JobWorkers> workers(JobHandlers handlers, const std::string& holder = "a",
                                      std::size_t threads = 2, milliseconds lease = seconds{60}) {
    JobWorkersOptions options{
        .holder = holder,
        .threads = threads,
        .zone = *TimeZone::named("Europe/Moscow"),
        .database = {.url = url},
        .lease = lease,
        .renewal = std::min<milliseconds>(lease / 4, seconds{15}),
        .retry = {.first = milliseconds{1}, .limit = milliseconds{20}},
        .service_retry = {.first = milliseconds{1}, .limit = milliseconds{20}, .attempts = 2}};
    auto made =
        std::make_unique<JobWorkers>(database, std::move(handlers), options, quiet.observer);
    made->start();
    return made;
  }
  JobHandler counting() {
    return [this](JobRun& run) -> Result<JobYield> {
      tally.add(run.job().id);
      return JobYield{.processed = 1};
    };
  }
  // Until the query gives the text; the workers are in other threads.
  bool becomes(const std::string& query, const std::string& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{120};
    while (sql(query) != wanted) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  bool ends(std::int64_t id, const std::string& status) {
    return becomes("SELECT status FROM ops.job WHERE id = " + std::to_string(id), status);
  }
};

TEST_F(JobWorkersTest, AJobInPiecesGoesOnUntilTheLastWithoutUsingUpItsAttempts) {
  const auto id = add({.kind = "pieces", .max_attempts = 1});
  const auto running = workers({{"pieces", [this](JobRun& run) -> Result<JobYield> {
                                   tally.add(run.job().id);
                                   if (tally.all() == 3) return JobYield{.processed = 1};
                                   return JobYield{.processed = 1, .again_after = milliseconds{0}};
                                 }}});

  ASSERT_TRUE(ends(id, "done"));

  EXPECT_EQ(tally.all(), 3U);
  EXPECT_EQ(sql("SELECT string_agg(attempt || ' ' || result, ', ' ORDER BY id) FROM ops.job_run"),
            "1 ok, 1 ok, 1 ok");
}

TEST_F(JobWorkersTest, AFullQueueIsWorkedOffBySeveralDaemonsWithoutADouble) {
  sql("WITH made AS (INSERT INTO ops.job (kind) SELECT 'work' FROM generate_series(1, 10000)"
      " RETURNING id) SELECT count(*) FROM made");
  const auto first = workers({{"work", counting()}}, "a");
  const auto second = workers({{"work", counting()}}, "b");
  ASSERT_TRUE(tally.reaches(10'000));
  ASSERT_TRUE(becomes("SELECT count(*) FROM ops.job WHERE status = 'done'", "10000"));
  EXPECT_EQ(tally.all(), 10'000U);
  EXPECT_EQ(tally.different(), 10'000U);
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job_run WHERE result = 'ok'"), "10000");
  EXPECT_EQ(sql("SELECT count(DISTINCT holder) FROM ops.job_run"), "2");
}

TEST_F(JobWorkersTest, ANewJobStartsAtOnceAndOneOfTheFutureAtItsTime) {
  const auto running = workers({{"work", counting()}});
  ASSERT_TRUE(
      becomes("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
              "'client360d jobs' AND datname = current_database()",
              "1"));
  add({.kind = "work", .run_at = SystemClock{}.now() + milliseconds{300}});
  const auto now = add({.kind = "work"});
  EXPECT_TRUE(ends(now, "done"));
  EXPECT_TRUE(tally.reaches(2));
}

TEST_F(JobWorkersTest, EachSlotOfAScheduleRunsInOneOfTheDaemons) {
  sql("INSERT INTO ops.schedule (name, kind, expression, timezone, next_run_at) VALUES"
      " ('often', 'work', '* * * * * *', 'Europe/Moscow', now()) RETURNING name");
  const auto first = workers({{"work", counting()}}, "a");
  const auto second = workers({{"work", counting()}}, "b");
  ASSERT_TRUE(tally.reaches(2));
  first->stop();
  second->stop();
  // The slots differ, because ops.job has a unique index over them; and each job ran once.
  EXPECT_EQ(tally.all(), tally.different());
  EXPECT_EQ(sql("SELECT count(*) FROM (SELECT 1 FROM ops.job_run WHERE result = 'ok'"
                " GROUP BY job, planned_at HAVING count(*) > 1) AS doubled"),
            "0");
}

TEST_F(JobWorkersTest, WhatAHandlerThrowsMakesADeadLetterAndTheWorkerGoesOn) {
  const auto running =
      workers({{"throws", [](JobRun&) -> Result<JobYield> { throw std::runtime_error("a bug"); }},
               {"work", counting()}},
              "a", 1);
  const auto dead = add({.kind = "throws"});
  const auto good = add({.kind = "work"});
  EXPECT_TRUE(ends(dead, "failed"));
  EXPECT_TRUE(ends(good, "done"));
  EXPECT_EQ(sql("SELECT error_code || ': ' || last_error FROM ops.job WHERE status = 'failed'"),
            "internal: a bug");
}

TEST_F(JobWorkersTest, ATemporaryFailureIsTriedAgainUntilTheLimitAndAnyOtherIsNot) {
  const auto running = workers({{"away",
                                 [&](JobRun& run) -> Result<JobYield> {
                                   tally.add(run.job().id);
                                   return fail(ErrorCode::timeout, "it took too long");
                                 }},
                                {"wrong", [&](JobRun&) -> Result<JobYield> {
                                   return fail(ErrorCode::validation_failed, "no such INN");
                                 }}});
  const auto away = add({.kind = "away", .max_attempts = 3});
  const auto wrong = add({.kind = "wrong"});
  EXPECT_TRUE(ends(away, "failed"));
  EXPECT_TRUE(ends(wrong, "failed"));
  EXPECT_EQ(tally.all(), 3U);
  EXPECT_EQ(sql("SELECT string_agg(job || ' ' || attempt || ' ' || result, ', ' ORDER BY job, "
                "attempt) FROM ops.job_run"),
            "away 1 failed, away 2 failed, away 3 failed, wrong 1 failed");
  const std::string metrics = quiet.metrics.serialize();
  EXPECT_THAT(metrics,
              ::testing::HasSubstr(R"(client360_job_runs_total{kind="away",result="retry"} 2)"));
  EXPECT_THAT(metrics,
              ::testing::HasSubstr(R"(client360_job_runs_total{kind="away",result="dead"} 1)"));
}

TEST_F(JobWorkersTest, WhatAServiceDoesNotAnswerIsTriedAgainByTheSettingsOfServices) {
  const auto running = workers(
      {{"asks",
        [&](JobRun& run) -> Result<JobYield> {
          if (run.job().attempts == 2) {
            EXPECT_TRUE(run.is_last_call());
          }
          return std::unexpected(run.unanswered(
              {.outcome = adapters::Outcome::retryable, .reason = "timeout"}, SystemClock{}.now()));
        }},
       {"writes", [&](JobRun&) -> Result<JobYield> {
          return fail(ErrorCode::timeout, "the database took too long");
        }}});
  const auto asks = add({.kind = "asks", .max_attempts = 4});
  const auto writes = add({.kind = "writes", .max_attempts = 4});

  EXPECT_TRUE(ends(asks, "failed"));
  EXPECT_TRUE(ends(writes, "failed"));

  EXPECT_EQ(sql("SELECT string_agg(kind || ' ' || attempts, ', ' ORDER BY kind) FROM ops.job"),
            "asks 2, writes 4");
}

TEST_F(JobWorkersTest, AServiceThatRefusesOurKeyCostsNoAttempt) {
  const auto running = workers({{"told",
                                 [&](JobRun&) -> Result<JobYield> {
                                   Error error{.code = ErrorCode::upstream_auth, .detail = "key"};
                                   error.retry_after = seconds{7'200};
                                   return std::unexpected(error);
                                 }},
                                {"untold", [&](JobRun&) -> Result<JobYield> {
                                   return fail(ErrorCode::upstream_auth, "key");
                                 }}});
  add({.kind = "told", .max_attempts = 1});
  add({.kind = "untold", .max_attempts = 1});

  // As they came back: of the last attempt nothing is counted.
  EXPECT_TRUE(
      becomes("SELECT string_agg(kind || ' ' || status || ' ' || attempts || ' ' ||"
              " error_code || ' ' || floor(extract(epoch FROM run_at - r.finished_at) / 60)"
              ", ', ' ORDER BY kind) FROM ops.job JOIN ops.job_run AS r"
              " ON r.job_id = job.id WHERE r.result = 'skipped'",
              "told queued 0 upstream_auth 120, untold queued 0 upstream_auth 60"));
  EXPECT_THAT(
      quiet.metrics.serialize(),
      ::testing::HasSubstr(R"(client360_job_runs_total{kind="told",result="given_back"} 1)"));
}

TEST_F(JobWorkersTest, AServiceThatIsToBeLeftAloneIsNotAskedByEachOfThoseThatWait) {
  sql("WITH made AS (INSERT INTO ops.job (kind, trigger) SELECT 'ask', CASE WHEN n > 190 THEN "
      "'schedule' ELSE 'api' END FROM generate_series(1, 200) AS n RETURNING id) "
      "SELECT count(*) FROM made");
  std::atomic<int> asked = 0;
  const auto running =
      workers({{"ask",
                [&](JobRun&) -> Result<JobYield> {
                  ++asked;
                  Error error{.code = ErrorCode::rate_limited, .detail = "the breaker is open"};
                  error.retry_after = seconds{600};
                  return std::unexpected(error);
                }},
               {"other", counting()}});

  EXPECT_TRUE(
      becomes("SELECT count(*) FROM ops.job WHERE kind = 'ask' AND status = 'queued' AND "
              "run_at > now() + interval '9 minutes' AND error_code = 'rate_limited' AND "
              "last_error = 'the breaker is open'",
              "200"));
  const auto other = add({.kind = "other"});
  EXPECT_TRUE(ends(other, "done"));

  // One of each worker at most, of what people asked for and of what the clock did.
  EXPECT_LE(asked, 4);
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job_run WHERE result = 'skipped'"),
            std::to_string(asked.load()));
}

TEST_F(JobWorkersTest, AJobWhoseWorkerDiedIsCompletedByAnother) {
  const auto id = add({.kind = "work"});
  // Taken by a process that says no more.
  ASSERT_EQ(store::take_jobs(database, {"work"}, "dead", 1, milliseconds{200})->size(), 1U);
  const auto running = workers({{"work", counting()}});
  EXPECT_TRUE(ends(id, "done"));
  EXPECT_EQ(sql("SELECT string_agg(holder || ' ' || result, ', ' ORDER BY id) FROM ops.job_run"),
            "dead failed, a ok");
}

TEST_F(JobWorkersTest, ALongJobKeepsItsLease) {
  std::atomic<bool> go_on = false;
  const auto id = add({.kind = "long"});
  const auto running = workers({{"long",
                                 [&](JobRun& run) -> Result<JobYield> {
                                   tally.add(run.job().id);
                                   while (!go_on) std::this_thread::yield();
                                   return JobYield{};
                                 }}},
                               "a", 1, seconds{4});
  ASSERT_TRUE(tally.reaches(1));
  const std::string before = sql("SELECT locked_until FROM ops.job");
  ASSERT_TRUE(becomes("SELECT (locked_until > '" + before + "')::text FROM ops.job", "true"));
  go_on = true;
  EXPECT_TRUE(ends(id, "done"));
  EXPECT_EQ(tally.all(), 1U);
}

TEST_F(JobWorkersTest, ACanceledJobGivesUpAndStaysCanceled) {
  const auto id = add({.kind = "long"});
  const auto running = workers({{"long",
                                 [&](JobRun& run) -> Result<JobYield> {
                                   tally.add(run.job().id);
                                   while (!run.stopping()) std::this_thread::yield();
                                   return fail(ErrorCode::unavailable, "given up");
                                 }}},
                               "a", 1, seconds{1});
  ASSERT_TRUE(tally.reaches(1));
  EXPECT_FALSE(*store::cancel_job(database, id));
  EXPECT_TRUE(ends(id, "canceled"));
}

TEST_F(JobWorkersTest, StoppingGivesBackWhatIsUnderWay) {
  const auto id = add({.kind = "long"});
  auto running = workers({{"long", [&](JobRun& run) -> Result<JobYield> {
                             tally.add(run.job().id);
                             while (!run.stopping()) std::this_thread::yield();
                             return fail(ErrorCode::unavailable, "given up");
                           }}});
  ASSERT_TRUE(tally.reaches(1));
  running->stop();
  EXPECT_EQ(sql("SELECT status || ' ' || attempts FROM ops.job"), "queued 0");
  running = workers({{"long", counting()}}, "b");
  EXPECT_TRUE(ends(id, "done"));
}

TEST_F(JobWorkersTest, AnEffectWithDoneWithHappensOnce) {
  const auto id = add({.kind = "effect"});
  const auto running = workers({{"effect", [&](JobRun& run) -> Result<JobYield> {
                                   auto tx =
                                       database.begin(store::Pool::work, store::TxMode::read_write);
                                   if (!tx) return std::unexpected(tx.error());
                                   run.check(*tx);
                                   store::queue_job(*tx, {.kind = "consequence"});
                                   run.done_with(*tx);
                                   if (auto done = tx->commit(); !done)
                                     return std::unexpected(done.error());
                                   return JobYield{};
                                 }}});
  EXPECT_TRUE(ends(id, "done"));
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job WHERE kind = 'consequence'"), "1");
}

TEST_F(JobWorkersTest, AKindWithoutAHandlerWaitsAndIsShown) {
  add({.kind = "nobodys"});
  const auto running = workers({{"work", counting()}});
  const auto id = add({.kind = "work"});
  EXPECT_TRUE(ends(id, "done"));
  EXPECT_EQ(sql("SELECT status FROM ops.job WHERE kind = 'nobodys'"), "queued");
  const auto depths = store::job_depths(database);
  ASSERT_TRUE(depths);
  EXPECT_EQ(depths->front().queued, 1);
}

struct RetryCase {
  ErrorCode code;
  std::optional<seconds> told;
  int attempt;
  std::optional<milliseconds> delay;
};

TEST(JobRetry, FollowsTheClassOfTheFailure) {
  const JobRetry retry{.first = seconds{5}, .limit = seconds{60}, .jitter = 0.5};
  const std::vector<RetryCase> cases = {
      {ErrorCode::unavailable, {}, 1, seconds{5}},
      {ErrorCode::unavailable, {}, 3, seconds{20}},
      {ErrorCode::timeout, {}, 9, seconds{60}},
      {ErrorCode::timeout, {}, 10, {}},  // the last
      {ErrorCode::rate_limited, seconds{90}, 1, seconds{90}},
      {ErrorCode::rate_limited, seconds{1}, 1, seconds{5}},
      {ErrorCode::upstream_rejected, {}, 1, {}},
      {ErrorCode::validation_failed, {}, 1, {}},
      {ErrorCode::conflict, {}, 1, {}},
      {ErrorCode::internal, {}, 1, {}},
  };
  for (const RetryCase& c : cases) {
    Error error{.code = c.code};
    error.retry_after = c.told;
    store::Job job;
    job.attempts = c.attempt;
    job.max_attempts = 10;
    EXPECT_EQ(retry.delay(error, job, 0.0), c.delay) << to_string(c.code) << " " << c.attempt;
  }
  store::Job job;
  job.attempts = 1;
  job.max_attempts = 10;
  EXPECT_EQ(retry.delay({.code = ErrorCode::timeout}, job, 1.0), milliseconds{2'500});
}

// adapters.md, 0.2.
TEST(JobRetry, OfAServiceGrowsThreefoldWithFullJitterUpToAQuarterOfAnHour) {
  const JobRetry retry = JobRetry::of_services(adapters::RetryPolicy::background());
  const auto delay = [&](int attempt, double chance, std::optional<seconds> told = {}) {
    Error error{.code = ErrorCode::unavailable};
    error.retry_after = told;
    store::Job job;
    job.attempts = attempt;
    job.max_attempts = 10;
    return retry.delay(error, job, chance);
  };
  EXPECT_EQ(delay(1, 0.0), seconds{2});
  EXPECT_EQ(delay(2, 0.0), seconds{6});
  EXPECT_EQ(delay(4, 0.0), seconds{54});
  EXPECT_EQ(delay(4, 0.5), seconds{27});
  EXPECT_EQ(delay(1, 0.0, seconds{3'600}), seconds{3'600}) << "Retry-After";
  EXPECT_EQ(delay(5, 0.0), std::nullopt) << "the last";

  adapters::RetryPolicy longer = adapters::RetryPolicy::background();
  longer.attempts = 10;
  EXPECT_EQ(JobRetry::of_services(longer).delay({.code = ErrorCode::timeout},
                                                {.attempts = 8, .max_attempts = 10}, 0.0),
            seconds{900});
}

}  // namespace
}  // namespace c360::daemon
