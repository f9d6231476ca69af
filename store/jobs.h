// The job queue: work that is due, taken by one of many workers and done once (design.md 7).
//
//   queue_job(tx, {.kind = "express_report", .record_id = id});   // commits with its reason
//
// A worker takes a job under a lease with a fencing number, as mailboxes have (lease.h). What it
// writes on behalf of the job begins with queue_job_check(), or ends with queue_job_done(): both
// fail the transaction (conflict, reason lease_lost) when the job is not its any more. A job whose
// lease ran out goes back to the queue and counts as tried.
//
// Any thread. Times are the database's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "store/database.h"

namespace c360::store {

inline constexpr std::chrono::milliseconds kJobLease{60'000};
inline constexpr std::chrono::milliseconds kJobRenewal{15'000};
inline constexpr int kJobAttempts = 10;
inline constexpr std::size_t kMaxJobErrorBytes = 2'000;

struct JobRequest {
  std::string kind;                       // of a handler
  std::string payload = "{}";             // JSON
  std::string dedupe_key;                 // one unfinished job of the kind and key; empty: any
  std::optional<std::int64_t> record_id;  // what it is about
  std::optional<Instant> run_at;          // not before; none: now
  int priority = 0;                       // larger goes first
  int max_attempts = kJobAttempts;
  std::optional<std::int64_t> created_by;  // a user
  std::string trigger = "event";           // schedule, api, event
};

struct EnqueuedJob {
  std::int64_t id = 0;
  bool fresh = true;  // false: an unfinished job with the dedupe key was there
};

// Within the caller's transaction; no round trip. After it ran: enqueued(tx.rows(ticket)).
Ticket queue_job(Transaction& tx, const JobRequest& request);
EnqueuedJob enqueued(const Rows& rows);
// In a transaction of its own.
Result<EnqueuedJob> enqueue_job(Database& database, const JobRequest& request);

// A job that is ours.
struct Job {
  std::int64_t id = 0;
  std::string kind;
  std::string payload;
  std::string name;  // of its schedule, else the kind
  std::optional<std::int64_t> record_id;
  std::optional<Instant> planned_at;
  int attempts = 0;  // with this one
  int max_attempts = 0;
  std::int64_t run_id = 0;  // in ops.job_run
  std::string holder;
  std::int64_t fence = 0;
};

// Up to `limit` due jobs of these kinds, by priority, then age. Each leaves a row in ops.job_run.
Result<std::vector<Job>> take_jobs(Database& database, const std::vector<std::string>& kinds,
                                   std::string_view holder, int limit,
                                   std::chrono::milliseconds lease = kJobLease);

// What renewing found: the jobs not ours any more, and those somebody wants canceled.
struct JobRenewal {
  std::vector<std::int64_t> lost;
  std::vector<std::int64_t> canceled;
};
Result<JobRenewal> renew_jobs(Database& database, const std::vector<Job>& jobs,
                              std::chrono::milliseconds lease = kJobLease);

// How an attempt ended.
enum class JobEnd : std::uint8_t {
  done,
  retry,   // again after `delay`
  failed,  // the dead letter list
  canceled,
  given_back,  // not tried: free for others after `delay`
  goes_on,     // a piece of it is done, the rest after `delay`; its attempts count anew
};
struct JobSettlement {
  JobEnd end = JobEnd::done;
  std::chrono::milliseconds delay{0};
  std::optional<Error> error;
  std::int64_t processed = 0;
  std::int64_t failed = 0;
};

// conflict, reason lease_lost, when the job is not ours any more; nothing is changed then. A job to
// be tried again that somebody wants canceled is canceled.
Result<void> settle_job(Database& database, const Job& job, const JobSettlement& settlement);

// First in a transaction that writes on behalf of the job. No round trip.
void queue_job_check(Transaction& tx, const Job& job);
// Last in it: done together with its effect, or not at all. No round trip.
void queue_job_done(Transaction& tx, const Job& job, std::int64_t processed = 0);

// Shows how far it is; `total` none: not known. True: somebody wants it canceled.
Result<bool> note_progress(Database& database, const Job& job, std::int64_t done,
                           std::optional<std::int64_t> total);

// Jobs whose lease ran out go back to the queue, or to the dead letters after their last attempt;
// how many.
Result<std::int64_t> reclaim_jobs(Database& database);

// A queued one is canceled at once (true), a running one is asked to stop (false). not_found;
// conflict, reason job_finished.
Result<bool> cancel_job(Database& database, std::int64_t id);
// A queued one is taken by nobody until it is resumed; a running one that works in pieces rests
// after the piece under way, of another the next attempt waits. not_found; conflict, reason
// job_finished.
Result<void> pause_job(Database& database, std::int64_t id);
// It goes on, at once also where it waits for its time. The same errors.
Result<void> resume_job(Database& database, std::int64_t id);
// A failed or canceled one goes back to the queue with all its attempts. not_found; conflict,
// reason job_not_finished, or job_dedupe_key when another one does the same by now.
Result<void> retry_job(Database& database, std::int64_t id);
// All dead letters of a kind (empty: of every kind) once more, `limit` at most; how many. One whose
// work another one does by now stays.
Result<std::int64_t> retry_failed_jobs(Database& database, std::string_view kind, int limit);

// Until the next job of these kinds or the next schedule is due, or a lease runs out; none when
// nothing waits for its time. Of jobs and leases, what is due already does not count.
Result<std::optional<std::chrono::milliseconds>> until_next_job(
    Database& database, const std::vector<std::string>& kinds);

// Finished jobs and runs older than `age`, `limit` of each at most; how many.
Result<std::int64_t> purge_jobs(Database& database, std::chrono::hours age, std::int64_t limit);

// Of one kind, for the gauges.
struct JobDepth {
  std::string kind;
  std::int64_t queued = 0;
  std::int64_t running = 0;
  std::int64_t dead = 0;
  std::chrono::milliseconds oldest_due{0};  // how long the one due longest has waited
};
Result<std::vector<JobDepth>> job_depths(Database& database);

}  // namespace c360::store
