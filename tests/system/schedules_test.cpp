// Two daemons on one database, with the schedules of both due at the same moment: each slot makes
// one job that is done once, also when one of the two dies while it fires or takes up what was
// fired.
#include <fmt/format.h>

#include <csignal>
#include <optional>

#include "tests/support/step_relay.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using Moment = StepRelay::Moment;

class Schedules : public SystemTest {
 protected:
  DaemonProcess other_{kDaemon};

  void begin(DaemonProcess& daemon) {
    daemon.write("client360.toml", config());
    daemon.start();
    daemon.wait_until_ready();
  }
  // What the first start made due is done; from now on only what a test says comes due.
  void rest() {
    ASSERT_TRUE(is_idle_soon()) << daemon_.log() << other_.log();
    one("UPDATE ops.schedule SET expression = '0 0 29 2 *' RETURNING name");
    ASSERT_TRUE(is_idle_soon()) << daemon_.log() << other_.log();
    one("WITH jobs AS (DELETE FROM ops.job), runs AS (DELETE FROM ops.job_run) SELECT 1");
  }
  // Every schedule at once, for a slot of its own; the daemons hear of it.
  void come_due() {
    ++slots_;
    one(
        fmt::format("UPDATE ops.schedule SET is_enabled = true, next_run_at = date_trunc('second', "
                    "now()) - interval '1 day' + {} * interval '1 second' RETURNING name",
                    slots_));
  }
  bool is_idle() {
    return one("SELECT (SELECT count(*) FROM ops.schedule WHERE next_run_at <= now()) + "
               "(SELECT count(*) FROM ops.job WHERE status IN ('queued', 'running'))") == "0";
  }
  bool is_idle_soon() {
    return eventually([this] { return is_idle(); });
  }
  // Of every schedule each slot: one job, one run that ended well; none skipped.
  void expect_each_slot_once() {
    const std::string all =
        fmt::format("{}", slots_ * std::stoi(one("SELECT count(*) FROM ops.schedule")));
    EXPECT_EQ(one("SELECT count(*) || ' ' || count(DISTINCT (schedule, planned_at)) FROM ops.job "
                  "WHERE planned_at IS NOT NULL AND status = 'done'"),
              all + " " + all);
    EXPECT_EQ(one("SELECT count(*) || ' ' || count(DISTINCT (job, planned_at)) FROM ops.job_run "
                  "WHERE planned_at IS NOT NULL AND result = 'ok'"),
              all + " " + all);
    EXPECT_EQ(one("SELECT count(*) FROM ops.job_run WHERE result = 'skipped'"), "0");
  }

  int slots_ = 0;  // of each schedule, so far
};

TEST_F(Schedules, OfTwoDaemonsEachSlotOfEveryScheduleRunsInOne) {
  begin(daemon_);
  begin(other_);
  rest();

  constexpr int kSlots = 12;
  constexpr int kMostSlots = 200;  // until both had some of the work
  const auto shared = [this] {
    return one("SELECT count(DISTINCT holder) FROM ops.job_run WHERE result = 'ok'") == "2";
  };
  while (slots_ < kSlots || (slots_ < kMostSlots && !shared())) {
    come_due();
    ASSERT_TRUE(is_idle_soon()) << daemon_.log() << other_.log();
  }

  EXPECT_TRUE(shared());
  expect_each_slot_once();
  EXPECT_EQ(one("SELECT count(*) FROM ops.job_run WHERE planned_at IS NOT NULL AND "
                "(result <> 'ok' OR attempt > 1)"),
            "0");
}

class DyingSchedules : public Schedules {
 protected:
  StepRelay relay_{TempPostgres::shared(), 0};
  int kills_ = 0;

  // The first daemon, with one worker and through the relay, until it dies at the step; false: it
  // came to the end of the work before. The other one is frozen meanwhile, so that it is this one
  // that fires.
  bool dies_at(StepRelay::Abort abort) {
    other_.signal(SIGSTOP);
    come_due();
    std::string relayed = database_;
    const std::string& folder = TempPostgres::shared().socket_folder();
    relayed.replace(relayed.find(folder), folder.size(), relay_.postgres_folder());
    const std::string direct = std::exchange(database_, relayed);
    daemon_.write("client360.toml", config("[jobs]\nthreads = 1\n"));
    database_ = direct;
    daemon_.start();
    const StepRelay::Watched watched =
        relay_.watch(daemon_.pid(), abort, [this] { return is_over(); });
    daemon_.reaped(watched.status);
    // What a minute does; the frozen one holds nothing.
    one("UPDATE ops.job SET locked_until = now() WHERE status = 'running' RETURNING id");
    other_.signal(SIGCONT);
    return watched.aborted;
  }
  bool is_over() {
    daemon_.notifications();  // a manager reads
    return is_idle();
  }
};

TEST_F(DyingSchedules, WhatOneWasFiringWhenItDiedIsNeitherLostNorDoubled) {
  begin(daemon_);
  one("DELETE FROM ops.schedule WHERE name NOT IN ('payments_overdue', 'contracts_archive', "
      "'support_sla') RETURNING name");
  begin(other_);
  rest();
  daemon_.signal(SIGKILL);
  ASSERT_EQ(daemon_.wait_for_exit(), -SIGKILL);

  relay_.count_only({"schedules.fire", "jobs.take", "jobs.settle"});
  constexpr std::size_t kMostSteps = 40;  // more than there are
  ASSERT_FALSE(dies_at({kMostSteps, Moment::before})) << "it finds the steps";
  for (const Moment moment : {Moment::before, Moment::after}) {
    for (std::size_t step = 1;; ++step) {
      ASSERT_LE(step, kMostSteps);
      SCOPED_TRACE(fmt::format("{} step {}", moment == Moment::before ? "before" : "after", step));
      const bool died = dies_at({step, moment});
      ASSERT_TRUE(is_idle_soon()) << other_.log();
      // Whoever dies between the work and saying so has it done again, which every job bears.
      expect_each_slot_once();
      if (HasFailure()) return;
      if (!died) break;
      ++kills_;
    }
  }
  EXPECT_GE(kills_, 6);  // firing, taking and ending, before and after
}

}  // namespace
}  // namespace c360::testing
