// What the main thread supervises by: heartbeats, changed files, requests for a reload, tasks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <thread>

#include "daemon/base/json.h"
#include "daemon/file_watch.h"
#include "daemon/heartbeats.h"
#include "daemon/reload_requests.h"
#include "daemon/scheduler.h"
#include "tests/support/temp_folder.h"

namespace c360::daemon {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SteppedClock final : public Clock {
 public:
  Instant now() const override { return Instant{}; }
  std::chrono::steady_clock::time_point steady() const override { return now_; }
  void advance(seconds by) { now_ += by; }

 private:
  std::chrono::steady_clock::time_point now_{seconds{1'000}};
};

TEST(Heartbeats, ALoopIsSilentPastItsOwnLimitOrTheCommonOne) {
  SteppedClock clock;
  Heartbeats beats{clock, seconds{10}};
  beats.beat("mailbox crm");
  beats.expect("slow", seconds{60});

  clock.advance(seconds{10});
  EXPECT_THAT(beats.silent(), IsEmpty());
  clock.advance(seconds{1});
  EXPECT_THAT(beats.silent(), ElementsAre("mailbox crm"));
  clock.advance(seconds{50});
  EXPECT_THAT(beats.silent(), ElementsAre("mailbox crm", "slow"));

  beats.beat("mailbox crm");
  beats.retire("slow");
  EXPECT_THAT(beats.silent(), IsEmpty());
}

TEST(Heartbeats, ANewCommonLimitCountsAtOnce) {
  SteppedClock clock;
  Heartbeats beats{clock, seconds{10}};
  beats.beat("loop");
  clock.advance(seconds{20});

  beats.set_limit(seconds{30});

  EXPECT_THAT(beats.silent(), IsEmpty());
}

bool changed(FileWatch& watch) {
  pollfd event{watch.descriptor(), POLLIN, 0};
  return poll(&event, 1, 5'000) > 0 && watch.drain();
}
// Whether anything relevant is pending; ends by itself because inotify delivers in order: the mark
// written last has been seen when all before it was.
bool quiet_until_marked(FileWatch& watch, const fs::path& mark) {
  std::ofstream(mark) << "x";
  return changed(watch);
}

TEST(FileWatch, SeesAFileThatIsReplacedByAnother) {
  const testing::TempFolder folder;
  const fs::path file = folder.write("a.toml", "1");
  FileWatch watch;
  watch.watch({file.string()}, {});

  folder.write("a.toml.new", "2");
  fs::rename(folder.path() / "a.toml.new", file);

  EXPECT_TRUE(changed(watch));
}

TEST(FileWatch, SeesWhatIsWrittenAndWhatAppearsInAWholeFolder) {
  const testing::TempFolder folder;
  const fs::path file = folder.write("a.toml", "1");
  fs::create_directory(folder.path() / "rules");
  FileWatch watch;
  watch.watch({file.string()}, {(folder.path() / "rules").string()});

  std::ofstream(file) << "2";
  EXPECT_TRUE(changed(watch));
  std::ofstream(folder.path() / "rules" / "crm.toml") << "x";
  EXPECT_TRUE(changed(watch));
}

TEST(FileWatch, OtherFilesAndEditorsSideFilesAreNoChange) {
  const testing::TempFolder folder;
  const fs::path file = folder.write("a.toml", "1");
  const fs::path rules = folder.path() / "rules";
  fs::create_directory(rules);
  FileWatch watch;
  watch.watch({file.string()}, {rules.string()});

  std::ofstream(folder.path() / "other") << "x";
  std::ofstream(rules / ".crm.toml.swp") << "x";
  std::ofstream(rules / "crm.toml~") << "x";
  EXPECT_FALSE(watch.drain());
  EXPECT_TRUE(quiet_until_marked(watch, file));
}

TEST(FileWatch, ALinkIsWatchedAtBothEnds) {
  const testing::TempFolder folder;
  fs::create_directory(folder.path() / "v1");
  fs::create_directory(folder.path() / "v2");
  std::ofstream(folder.path() / "v1" / "secret") << "1";
  std::ofstream(folder.path() / "v2" / "secret") << "2";
  const fs::path link = folder.path() / "secret";
  fs::create_symlink("v1/secret", link);
  FileWatch watch;
  watch.watch({link.string()}, {});

  std::ofstream(folder.path() / "v1" / "secret") << "11";
  EXPECT_TRUE(changed(watch));
  fs::create_symlink("v2/secret", folder.path() / "next");
  fs::rename(folder.path() / "next", link);
  EXPECT_TRUE(changed(watch));
}

TEST(FileWatch, WhatIsNoLongerWatchedIsNotSeen) {
  const testing::TempFolder one;
  const testing::TempFolder two;
  const fs::path first = one.write("a", "1");
  const fs::path second = two.write("b", "1");
  FileWatch watch;
  watch.watch({first.string()}, {});
  watch.watch({second.string()}, {});
  watch.drain();

  std::ofstream(first) << "2";
  EXPECT_FALSE(watch.drain());
  EXPECT_TRUE(quiet_until_marked(watch, second));
}

TEST(ReloadRequests, WhoAsksGetsTheAnswer) {
  ReloadRequests requests;
  std::optional<ReloadAnswer> answer;
  std::jthread asking([&] { answer = requests.ask(seconds{30}); });
  pollfd event{requests.descriptor(), POLLIN, 0};
  ASSERT_EQ(poll(&event, 1, 30'000), 1);
  ASSERT_TRUE(requests.pending());

  requests.answer({.result = ReloadResult::unchanged, .generation = 7});
  asking.join();

  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->generation, 7);
  EXPECT_FALSE(requests.pending());
}

TEST(ReloadRequests, NobodyWaitsForADaemonThatStops) {
  ReloadRequests requests;
  std::optional<ReloadAnswer> answer = ReloadAnswer{};
  std::jthread asking([&] { answer = requests.ask(seconds{30}); });
  pollfd event{requests.descriptor(), POLLIN, 0};
  ASSERT_EQ(poll(&event, 1, 30'000), 1);

  requests.close();
  asking.join();

  EXPECT_FALSE(answer);
  EXPECT_FALSE(requests.ask(seconds{30}));
}

TEST(ReloadAnswer, TellsEveryProblemWithItsPlace) {
  const ReloadAnswer answer{.problems = {{"c.toml", {3, 5}, "wrong"}}, .generation = 2};

  const auto json = Json::parse(answer.to_json());

  ASSERT_TRUE(json);
  EXPECT_EQ(json->find("result")->as_string(), "refused");
  const Json& problem = json->find("problems")->as_array().at(0);
  EXPECT_EQ(problem.find("line")->as_int64(), 3);
  EXPECT_EQ(problem.find("column")->as_int64(), 5);
}

// Counts calls and lets a test wait for the n-th.
class Counted {
 public:
  void operator()() {
    const std::scoped_lock lock{mutex_};
    ++count_;
    changed_.notify_all();
  }
  bool wait_for(int count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, seconds{30}, [&] { return count_ >= count; });
  }
  int count() {
    const std::scoped_lock lock{mutex_};
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

class SchedulerTest : public ::testing::Test {
 protected:
  Log log_{LogTarget::none};
  Metrics metrics_;
  Observer observer_{log_, metrics_};
  Counted runs_;
};

TEST_F(SchedulerTest, RunsEveryTaskAtTheStartAndWhenAsked) {
  Scheduler scheduler{{{"one", seconds{3'600},
                        [&]() -> Result<void> {
                          runs_();
                          return {};
                        }}},
                      {},
                      observer_};
  scheduler.start();
  EXPECT_TRUE(runs_.wait_for(1));

  scheduler.run_all_soon();
  EXPECT_TRUE(runs_.wait_for(2));
}

TEST_F(SchedulerTest, AFailureIsTriedAgainBeforeThePeriodIsOver) {
  SchedulerOptions options;
  options.retry_first = milliseconds{1};
  Scheduler scheduler{{{"one", seconds{3'600},
                        [&]() -> Result<void> {
                          runs_();
                          if (runs_.count() < 3) return fail(ErrorCode::unavailable, "away");
                          return {};
                        }}},
                      options,
                      observer_};
  scheduler.start();

  EXPECT_TRUE(runs_.wait_for(3));
}

TEST_F(SchedulerTest, AnExceptionOfATaskIsAFailureOfThatTaskOnly) {
  Counted other;
  SchedulerOptions options;
  options.retry_first = milliseconds{1};
  Scheduler scheduler{{{"throws", seconds{3'600},
                        [&]() -> Result<void> {
                          runs_();
                          throw std::runtime_error("a bug");
                        }},
                       {"other", seconds{3'600},
                        [&]() -> Result<void> {
                          other();
                          return {};
                        }}},
                      options,
                      observer_};
  scheduler.start();

  EXPECT_TRUE(runs_.wait_for(2));
  EXPECT_TRUE(other.wait_for(1));
}

}  // namespace
}  // namespace c360::daemon
