// Handlers of jobs over a real database, run as a worker runs them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "daemon/job_worker.h"
#include "tests/store/records_fixture.h"

namespace c360::daemon {

class JobTest : public c360::testing::RecordsTest {
 protected:
  std::function<std::shared_ptr<store::Records>()> records_port() {
    return
        [this] { return std::shared_ptr<store::Records>(std::shared_ptr<void>(), records_.get()); };
  }
  // "processed failed" of one run, or why it failed.
  std::string run(const std::string& kind, const std::string& trigger = "event") {
    EXPECT_TRUE(store::enqueue_job(*database_, {.kind = kind, .trigger = trigger}));
    const auto jobs = store::take_jobs(*database_, {kind}, "a", 1);
    if (!jobs || jobs->size() != 1) return "no job";
    const std::atomic<bool> stopping = false;
    JobRun attempt(*database_, jobs->front(), stopping);
    const auto done = handlers_.at(kind)(attempt);
    EXPECT_TRUE(store::settle_job(*database_, jobs->front(), {}));
    if (!done) return describe(done.error());
    return std::to_string(done->processed) + " " + std::to_string(done->failed) +
           (done->trouble ? " " + done->trouble->detail : "");
  }
  // Two daemons, each with workers of its own, until `jobs` jobs of the kind are done.
  void run_in_two_daemons(const std::string& kind, int jobs) {
    sql("WITH gone AS (DELETE FROM ops.schedule) SELECT 1");
    const auto workers = [&](const std::string& holder) {
      JobHandlers handlers;
      handlers[kind] = handlers_.at(kind);
      auto made = std::make_unique<JobWorkers>(
          *database_, std::move(handlers),
          JobWorkersOptions{
              .holder = holder, .zone = *TimeZone::named("Europe/Moscow"), .database = options_},
          quiet_.observer);
      made->start();
      return made;
    };
    for (int i = 0; i < jobs; ++i) EXPECT_TRUE(store::enqueue_job(*database_, {.kind = kind}));
    const auto one = workers("a");
    const auto two = workers("b");
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{120};
    const std::string wanted = std::to_string(jobs);
    while (sql("SELECT count(*) FROM ops.job WHERE status = 'done' AND kind = '" + kind + "'") !=
           wanted) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::yield();
    }
  }
  void set(const std::string& table, const std::string& key, const std::string& what) {
    sql("UPDATE crm." + table + " SET " + what + " WHERE id = " + key + " RETURNING id");
  }
  static std::string id_of(const store::Actor& actor) { return std::to_string(*actor.user_id); }
  // What the person was told, the oldest first: "event: text | …".
  std::string told(const store::Actor& actor) {
    return sql(
        "SELECT string_agg(event || ': ' || text, ' | ' ORDER BY id) FROM crm.notification "
        "WHERE user_id = " +
        id_of(actor));
  }
  void forget() { sql("WITH gone AS (DELETE FROM crm.notification) SELECT 1"); }

  JobHandlers handlers_;
};

}  // namespace c360::daemon
