#include "daemon/job_worker.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "store/job_rest.h"
#include "store/schedules.h"

namespace c360::daemon {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using store::JobEnd;

constexpr std::string_view kLoop = "jobs";
// So that the watchdog hears of the loop while nothing is due, and a bell that was missed costs no
// more.
constexpr milliseconds kLongestWait{5'000};
constexpr milliseconds kShortestWait{20};  // while another daemon is just firing what is due
// After the database was away.
constexpr milliseconds kPause{1'000};
constexpr double kSpread = 1'000;  // ms
// A service that wants to be left alone for so long is not asked by the others of the kind either.
constexpr milliseconds kLongRest{5'000};
// Of credentials; whoever changes them wakes the jobs that wait.
constexpr std::chrono::seconds kAfterRefusal{3'600};

constexpr std::array<std::string_view, 3> kStates = {"queued", "running", "dead"};

std::string_view result_name(JobEnd end) {
  constexpr std::array<std::string_view, 6> kNames = {"done",     "retry",      "dead",
                                                      "canceled", "given_back", "goes_on"};
  return kNames.at(static_cast<std::size_t>(end));
}

// How long everybody waits for a service that is busy or refuses our key: the job is not at fault
// and this was no attempt (adapters.md, 0.1).
std::optional<seconds> wait_for_service(const Error& error) {
  if (error.code == ErrorCode::rate_limited) return error.retry_after;
  if (error.code == ErrorCode::upstream_auth) return error.retry_after.value_or(kAfterRefusal);
  return std::nullopt;
}

// The calendar of a zone is read from files, which may be gone: no reason for the daemon to end.
template <typename Work>
auto guarded(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& error) {
    return fail(ErrorCode::internal, error.what());
  }
}

}  // namespace

Result<void> JobRun::progress(std::int64_t done, std::optional<std::int64_t> total) {
  done_ = done;
  auto noted = store::note_progress(database_, job_, done, total);
  if (!noted) return std::unexpected(noted.error());
  return {};
}

void JobRun::done_with(store::Transaction& tx) {
  store::queue_job_done(tx, job_, done_);
  settled_ = true;
}

Error JobRun::unanswered(const adapters::NoAnswer& none, Instant now) {
  unanswered_ = true;
  return adapters::to_error(none, now);
}

JobRetry JobRetry::of_services(const adapters::RetryPolicy& policy) {
  return {.first = policy.first,
          .limit = policy.limit,
          .jitter = 1,
          .factor = policy.factor,
          .attempts = policy.attempts};
}

bool JobRetry::is_last(const store::Job& job) const {
  return job.attempts >= (attempts > 0 ? std::min(attempts, job.max_attempts) : job.max_attempts);
}

std::optional<milliseconds> JobRetry::delay(const Error& error, const store::Job& job,
                                            double chance) const {
  if (is_last(job) || !error.temporary()) return std::nullopt;
  constexpr int kMostGrowths = 20;
  const double grown = static_cast<double>(first.count()) *
                       std::pow(factor, std::clamp(job.attempts - 1, 0, kMostGrowths));
  const double base = std::min(grown, static_cast<double>(limit.count()));
  const milliseconds backoff{static_cast<std::int64_t>(base * (1.0 - jitter * chance))};
  if (!error.retry_after) return backoff;
  return std::max(milliseconds(*error.retry_after), backoff);
}

JobWorkers::JobWorkers(store::Database& database, JobHandlers handlers, JobWorkersOptions options,
                       const Observer& observer)
    : database_(database),
      handlers_(std::move(handlers)),
      options_(std::move(options)),
      observer_(observer),
      bell_(options_.database) {
  for (const auto& [kind, handler] : handlers_) kinds_.push_back(kind);
}

JobWorkers::~JobWorkers() { stop(); }

void JobWorkers::start() {
  for (std::size_t i = 0; i < options_.threads; ++i)
    workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  conductor_ = std::jthread([this](const std::stop_token& stop) { conduct(stop); });
}

void JobWorkers::stop() {
  if (!conductor_.joinable()) return;
  for (std::jthread& worker : workers_) worker.request_stop();
  {
    const std::scoped_lock lock{mutex_};
    ending_ = true;
    for (const RunningJob& job : running_) job->stopping = true;
  }
  changed_.notify_all();
  options_.interrupt();
  // The conductor keeps the leases until the last job has ended.
  workers_.clear();
  conductor_.request_stop();
  bell_.ring();
  conductor_.join();
}

void JobWorkers::wake_workers() {
  const std::scoped_lock lock{mutex_};
  ++calls_;
  changed_.notify_all();
}

bool JobWorkers::tell(const Result<void>& done, std::string_view what) const {
  if (done) return true;
  // A database that is away is told of once, by the layer that found it.
  const bool away = done.error().code == ErrorCode::unavailable;
  observer_.observe_at(
      away ? LogLevel::debug : LogLevel::error, event::task_failed,
      {{"task", what}, {"code", to_string(done.error().code)}, {"detail", done.error().detail}});
  return false;
}

// -- Workers --------------------------------------------------------------------------------------

void JobWorkers::work(const std::stop_token& stop) {
  std::uint64_t answered = 0;
  while (!stop.stop_requested()) {
    std::uint64_t call = 0;
    {
      const std::scoped_lock lock{mutex_};
      call = calls_;
    }
    if (const RunningJob running = take()) {
      run(*running);
      const std::scoped_lock lock{mutex_};
      std::erase(running_, running);
      continue;
    }
    answered = call;
    std::unique_lock lock{mutex_};
    changed_.wait(lock, stop, [&] { return calls_ != answered; });
  }
}

JobWorkers::RunningJob JobWorkers::take() {
  auto jobs = store::take_jobs(database_, kinds_, options_.holder, 1, options_.lease);
  if (!jobs) {
    tell(std::unexpected(jobs.error()), "job_take");
    return nullptr;
  }
  if (jobs->empty()) return nullptr;
  auto running = std::make_shared<Running>();
  running->job = std::move(jobs->front());
  const std::scoped_lock lock{mutex_};
  running->stopping = ending_;
  running_.push_back(running);
  return running;
}

Result<JobYield> JobWorkers::call(Running& running, JobRun& run) {
  try {
    return handlers_.at(running.job.kind)(run);
  } catch (const std::exception& error) {
    return fail(ErrorCode::internal, error.what());
  }
}

void JobWorkers::run(Running& running) {
  const auto begun = steady_clock::now();
  JobRun job_run(database_, running.job, running.stopping, options_.service_retry);
  const Result<JobYield> outcome = call(running, job_run);
  const store::JobSettlement settlement = settlement_of(
      running, outcome, job_run.unanswered_ ? options_.service_retry : options_.retry);
  auto settled = outcome && job_run.settled_
                     ? Result<void>{}
                     : store::settle_job(database_, running.job, settlement);
  // Its transaction with done_with() was committed, though the answer to that was lost.
  const bool lost = !settled && settled.error().reason == "lease_lost";
  if (lost && !job_run.settled_)
    observer_.observe(event::job_lost, {{"job", running.job.id}, {"kind", running.job.kind}});
  if (!lost) tell(settled, "job_settle");
  report(running.job, settlement, steady_clock::now() - begun);
  const bool all_rest = settlement.delay >= kLongRest && !job_run.rests_alone_;
  if (settled && settlement.end == JobEnd::given_back && all_rest)
    if (auto rest = store::put_off_jobs_like(database_, running.job, settlement); !rest)
      tell(std::unexpected(rest.error()), "job_put_off");
}

store::JobSettlement JobWorkers::settlement_of(const Running& running,
                                               const Result<JobYield>& outcome,
                                               const JobRetry& retry) {
  store::JobSettlement settlement;
  if (outcome) {
    settlement.processed = outcome->processed;
    settlement.failed = outcome->failed;
    settlement.error = outcome->trouble;
    if (outcome->again_after) {
      settlement.end = JobEnd::goes_on;
      settlement.delay = *outcome->again_after;
    }
    return settlement;
  }
  settlement.error = outcome.error();
  const std::scoped_lock lock{mutex_};
  if (running.canceled) {
    settlement.end = JobEnd::canceled;
  } else if (running.stopping) {
    settlement.end = JobEnd::given_back;
  } else if (const auto wait = wait_for_service(outcome.error())) {
    // Those that wait come back at different moments.
    const double chance = std::uniform_real_distribution<double>{}(random_);
    settlement.end = JobEnd::given_back;
    settlement.delay =
        milliseconds(*wait) + milliseconds{static_cast<std::int64_t>(kSpread * chance)};
  } else {
    const double chance = std::uniform_real_distribution<double>{}(random_);
    const auto delay = retry.delay(outcome.error(), running.job, chance);
    settlement.end = delay ? JobEnd::retry : JobEnd::failed;
    settlement.delay = delay.value_or(milliseconds{0});
  }
  return settlement;
}

void JobWorkers::report(const store::Job& job, const store::JobSettlement& settlement,
                        steady_clock::duration took) {
  Metrics& metrics = observer_.metrics();
  metrics.counter(Metric::job_runs_total, {job.kind, result_name(settlement.end)}).add();
  metrics.histogram(Metric::job_run_seconds, {job.kind})
      .observe(std::chrono::duration<double>(took).count());
  const auto tell_of = [&](const Event& what, LogLevel level) {
    observer_.observe_at(level, what,
                         {{"job", job.id},
                          {"kind", job.kind},
                          {"attempt", job.attempts},
                          {"code", to_string(settlement.error->code)},
                          {"detail", settlement.error->detail}});
  };
  if (settlement.end == JobEnd::failed) tell_of(event::job_failed, event::job_failed.level);
  if (settlement.end == JobEnd::retry) tell_of(event::job_retried, event::job_retried.level);
  // All that ask the service wait with it: the alarm is the service's, one for all of them.
  if (settlement.end == JobEnd::given_back) tell_of(event::job_retried, LogLevel::debug);
}

// -- The conductor --------------------------------------------------------------------------------

void JobWorkers::conduct(const std::stop_token& stop) {
  auto renewed = steady_clock::now();
  auto shown = renewed - options_.gauge_interval;
  while (!stop.stop_requested()) {
    options_.beat(kLoop);
    const auto now = steady_clock::now();
    // After an outage our own jobs are renewed first: reclaimed, they would run a second time.
    const bool held = now - renewed < options_.renewal || keep_leases();
    if (held && now - renewed >= options_.renewal) renewed = now;
    if (now - shown >= options_.gauge_interval) {
      show_gauges();
      shown = now;
    }
    Result<std::int64_t> reclaimed = 0;
    if (held) reclaimed = store::reclaim_jobs(database_);
    auto fired =
        guarded([&] { return store::fire_schedules(database_, options_.zone, options_.holder); });
    auto next = store::until_next_job(database_, kinds_);
    const bool well =
        tell(reclaimed ? Result<void>{} : std::unexpected(reclaimed.error()), "job_reclaim") &&
        tell(fired ? Result<void>{} : std::unexpected(fired.error()), "schedules") &&
        tell(next ? Result<void>{} : std::unexpected(next.error()), "job_next");
    wake_workers();
    milliseconds wait = well ? next->value_or(kLongestWait) : kPause;
    wait = std::min({wait, kLongestWait, options_.renewal, options_.gauge_interval});
    wait = std::max(wait, kShortestWait);
    if (!stop.stop_requested()) bell_.wait(wait);
  }
}

bool JobWorkers::keep_leases() {
  std::vector<store::Job> jobs;
  {
    const std::scoped_lock lock{mutex_};
    for (const RunningJob& running : running_)
      if (!running->lost) jobs.push_back(running->job);
  }
  auto renewal = store::renew_jobs(database_, jobs, options_.lease);
  if (!renewal) {
    tell(std::unexpected(renewal.error()), "job_renew");
    return false;
  }
  const std::scoped_lock lock{mutex_};
  for (const RunningJob& running : running_) {
    running->lost = running->lost || std::ranges::count(renewal->lost, running->job.id) > 0;
    running->canceled =
        running->canceled || std::ranges::count(renewal->canceled, running->job.id) > 0;
    if (running->lost || running->canceled) running->stopping = true;
  }
  return true;
}

void JobWorkers::show_gauges() {
  auto depths = store::job_depths(database_);
  if (!depths) {
    tell(std::unexpected(depths.error()), "job_gauges");
    return;
  }
  Metrics& metrics = observer_.metrics();
  for (auto& [kind, here] : shown_) here = false;
  const auto show = [&](const store::JobDepth& depth) {
    const std::array<std::int64_t, kStates.size()> counts = {depth.queued, depth.running,
                                                             depth.dead};
    for (std::size_t i = 0; i < kStates.size(); ++i)
      metrics.gauge(Metric::jobs, {depth.kind, kStates[i]}).set(static_cast<double>(counts[i]));
    metrics.gauge(Metric::job_oldest_due_age_seconds, {depth.kind})
        .set(std::chrono::duration<double>(depth.oldest_due).count());
    shown_[depth.kind] = true;
  };
  for (const store::JobDepth& depth : *depths) show(depth);
  // A kind seen once stays as a series with 0.
  for (const auto& [kind, here] : shown_)
    if (!here) show({.kind = kind});
}

}  // namespace c360::daemon
