// Works off the queue of store/jobs.h: a few threads that take due jobs and give them to the
// handler of their kind, and one that fires schedules, keeps the leases and hears the bell.
//
//   JobHandlers handlers;
//   handlers["express_report"] = [&](JobRun& run) { return make_report(run); };
//
// A handler may be called again for the same job: after a crash, a lost lease, a failure worth
// another try. What it changes it writes under queue_job_check() or, so that it happens once,
// together with queue_job_done(). It makes outside calls outside any transaction, and looks at
// stopping() between its steps.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "adapters/service_gate.h"
#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/event.h"
#include "daemon/base/time_zone.h"
#include "store/database.h"
#include "store/job_bell.h"
#include "store/jobs.h"

namespace c360::daemon {

// When a failed attempt is followed by another (style.md 6): temporary failures back off, at the
// time told where one was told; anything else never. (A busy or refusing service is no attempt.)
struct JobRetry {
  std::chrono::milliseconds first{5'000};
  std::chrono::milliseconds limit{3'600'000};
  double jitter = 0.5;  // a delay is uniform in [d * (1 - jitter), d]
  double factor = 2;    // of d from one attempt to the next
  int attempts = 0;     // at most so many; 0: as many as the job has itself

  // Of a job whose outside service did not answer (adapters.md, 0.2): full jitter.
  static JobRetry of_services(const adapters::RetryPolicy& policy);
  bool is_last(const store::Job& job) const;
  // None: it is dead. `chance` in [0, 1).
  std::optional<std::chrono::milliseconds> delay(const Error& error, const store::Job& job,
                                                 double chance) const;
};

// One attempt at a job, as its handler sees it. One thread.
class JobRun {
 public:
  JobRun(store::Database& database, const store::Job& job, const std::atomic<bool>& stopping,
         JobRetry service_retry = JobRetry::of_services(adapters::RetryPolicy::background()))
      : database_(database), job_(job), stopping_(stopping), service_retry_(service_retry) {}

  const store::Job& job() const { return job_; }
  // The daemon stops, somebody canceled the job, or it is not ours any more: give up now. What is
  // returned then does not count as a failure.
  bool stopping() const { return stopping_; }
  // Shown to whoever watches; `total` none: not known.
  Result<void> progress(std::int64_t done, std::optional<std::int64_t> total = std::nullopt);
  // First in a transaction of the handler.
  void check(store::Transaction& tx) const { store::queue_job_check(tx, job_); }
  // Last in the transaction with the effect of the job: both happen, or neither. Call it once.
  void done_with(store::Transaction& tx);
  // The error of a handler whose outside service did not answer, to be returned by it: such a job
  // is tried again as the settings of outside services say, not as the queue does otherwise.
  Error unanswered(const adapters::NoAnswer& none, Instant now);
  // What answers this job does not is no reason to let others of its kind wait: they may be asked
  // of another service.
  void rests_alone() { rests_alone_ = true; }
  // Whether a service that does not answer this attempt is not asked again.
  bool is_last_call() const { return service_retry_.is_last(job_); }
  const JobRetry& service_retry() const { return service_retry_; }

 private:
  friend class JobWorkers;
  store::Database& database_;
  const store::Job& job_;
  const std::atomic<bool>& stopping_;
  const JobRetry service_retry_;
  bool unanswered_ = false;
  bool rests_alone_ = false;
  std::int64_t done_ = 0;
  bool settled_ = false;  // by done_with(), if that transaction was committed
};

// How much was done and how much of it went wrong; `failed` shows as a partial run.
struct JobYield {
  std::int64_t processed = 0;
  std::int64_t failed = 0;
  std::optional<Error> trouble = {};  // of what went wrong, the first
  // A piece of the job is done, the rest is after so long: others get their turn between.
  std::optional<std::chrono::milliseconds> again_after = {};
};
using JobHandler = std::function<Result<JobYield>(JobRun& run)>;
using JobHandlers = std::map<std::string, JobHandler, std::less<>>;

struct JobWorkersOptions {
  std::string holder;  // of leases: this process run
  std::size_t threads = 2;
  TimeZone zone;
  store::DatabaseOptions database;  // for the bell
  std::chrono::milliseconds lease = store::kJobLease;
  std::chrono::milliseconds renewal = store::kJobRenewal;
  std::chrono::milliseconds gauge_interval{15'000};
  JobRetry retry;
  JobRetry service_retry = JobRetry::of_services(adapters::RetryPolicy::background());
  std::function<void(std::string_view loop)> beat = [](std::string_view) {};
  // When the workers are to stop: ends what handlers wait for.
  std::function<void()> interrupt = [] {};
};

// Everything in it runs from start() to stop().
class JobWorkers {
 public:
  JobWorkers(store::Database& database, JobHandlers handlers, JobWorkersOptions options,
             const Observer& observer);
  ~JobWorkers();  // stop()
  JobWorkers(const JobWorkers&) = delete;
  JobWorkers& operator=(const JobWorkers&) = delete;

  void start();
  // Takes nothing more, tells the handlers to give up and waits for them; what they did not finish
  // is given back.
  void stop();

 private:
  // A job under way; `stopping` is what its handler looks at.
  struct Running {
    store::Job job;
    std::atomic<bool> stopping{false};
    bool canceled = false;
    bool lost = false;
  };
  using RunningJob = std::shared_ptr<Running>;

  void work(const std::stop_token& stop);
  void conduct(const std::stop_token& stop);
  RunningJob take();
  void run(Running& running);
  Result<JobYield> call(Running& running, JobRun& run);
  store::JobSettlement settlement_of(const Running& running, const Result<JobYield>& outcome,
                                     const JobRetry& retry);
  void report(const store::Job& job, const store::JobSettlement& settlement,
              std::chrono::steady_clock::duration took);
  bool keep_leases();  // false: the database did not answer, all may have expired
  void show_gauges();
  void wake_workers();
  bool tell(const Result<void>& done, std::string_view what) const;

  store::Database& database_;
  const JobHandlers handlers_;
  const JobWorkersOptions options_;
  const Observer& observer_;
  std::vector<std::string> kinds_;
  store::JobBell bell_;
  std::map<std::string, bool> shown_;  // kinds with gauges

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t calls_ = 0;  // to look into the queue; each worker answers the last one
  std::vector<RunningJob> running_;
  bool ending_ = false;
  std::mt19937_64 random_{std::random_device{}()};  // under mutex_
  std::vector<std::jthread> workers_;
  std::jthread conductor_;
};

}  // namespace c360::daemon
