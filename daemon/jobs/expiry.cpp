#include "daemon/jobs/expiry.h"

#include <array>

namespace c360::daemon {

namespace {

using store::Params;
using store::Pool;

constexpr int kPage = 200;
// Has a handler of its own (support_sla.h).
constexpr std::string_view kSupportJob = "support_sla";

// $1 ids above, $2 how many, $3 the time zone of the business.
struct Expiry {
  std::string_view job;
  std::string_view kind;
  std::string_view status;  // it gets
  store::Sql due;           // id, row_version
};

constexpr std::array kExpiries = {
    Expiry{"payments_overdue", "payment", "expired", {"expiry_payments", R"sql(
SELECT id, row_version FROM crm.payment
 WHERE id > $1 AND status IN ('planned', 'confirmed') AND deleted_at IS NULL
   AND planned_payment_date < (now() AT TIME ZONE $3)::date
 ORDER BY id LIMIT $2)sql"}},
    // A reminder is not over before somebody was reminded.
    Expiry{"activities_overdue", "activity", "expired", {"expiry_activities", R"sql(
SELECT id, row_version FROM crm.activity
 WHERE id > $1 AND status = 'planned' AND deleted_at IS NULL AND $3 <> ''
   AND activity_date < now()
   AND greatest(activity_date, remind_at) + coalesce(duration, interval '0') < now()
   AND (type <> 'reminder' OR reminded_at IS NOT NULL)
 ORDER BY id LIMIT $2)sql"}},
    Expiry{"contracts_archive", "contract", "archive", {"expiry_contracts", R"sql(
SELECT id, row_version FROM crm.contract
 WHERE id > $1 AND status = 'active' AND deleted_at IS NULL
   AND valid_until < (now() AT TIME ZONE $3)::date
 ORDER BY id LIMIT $2)sql"}},
    Expiry{"contracts_archive", "agreement", "archive", {"expiry_agreements", R"sql(
SELECT id, row_version FROM crm.agreement
 WHERE id > $1 AND status = 'active' AND deleted_at IS NULL
   AND valid_until < (now() AT TIME ZONE $3)::date
 ORDER BY id LIMIT $2)sql"}},
    Expiry{"assignments_archive", "assignment", "archive", {"expiry_assignments", R"sql(
SELECT id, row_version FROM crm.assignment
 WHERE id > $1 AND status = 'complete' AND deleted_at IS NULL AND $3 <> ''
   AND completed_at < now() - interval '14 days'
 ORDER BY id LIMIT $2)sql"}},
    Expiry{kSupportJob, "support_request", "closed", {"expiry_support_close", R"sql(
SELECT r.id, r.row_version FROM crm.support_alarm AS a JOIN crm.support_request AS r
    ON r.id = a.request_id
 WHERE r.id > $1 AND a.kind = 'close' AND a.rung_at IS NULL AND a.at <= now() AND $3 <> ''
   AND r.status = 'approve' AND r.deleted_at IS NULL
 ORDER BY r.id LIMIT $2)sql"}},
    Expiry{kSupportJob, "support_request", "first_line", {"expiry_support_return", R"sql(
SELECT r.id, r.row_version FROM crm.support_alarm AS a JOIN crm.support_request AS r
    ON r.id = a.request_id
 WHERE r.id > $1 AND a.kind = 'return' AND a.rung_at IS NULL AND a.at <= now() AND $3 <> ''
   AND r.status = 'clarification' AND r.deleted_at IS NULL
 ORDER BY r.id LIMIT $2)sql"}},
};

// One record; what keeps it from changing is told and the others go on, except where the database
// is away.
Result<void> expire_one(store::Records& records, const Expiry& expiry, const store::Rows& due,
                        int row, JobYield& yield) {
  Json change{Json::Object{}};
  change.set("status", expiry.status);
  store::WriteOptions options;
  options.expected_version = due.int64(row, 1);
  auto done = records.update(records.registry().get(expiry.kind), due.text(row, 0), change,
                             store::Actor::system("job"), options);
  if (done) {
    ++yield.processed;
    return {};
  }
  if (done.error().temporary()) return std::unexpected(done.error());
  // Somebody was faster: if it is still due, the next run sees it.
  if (done.error().code == ErrorCode::precondition_failed ||
      done.error().code == ErrorCode::not_found)
    return {};
  ++yield.failed;
  if (!yield.trouble)
    yield.trouble =
        with_context(done.error(), std::string(expiry.kind) + " " + std::string(due.text(row, 0)))
            .error();
  return {};
}

Result<void> expire_all(store::Database& database, store::Records& records, const Expiry& expiry,
                        JobRun& run, JobYield& yield) {
  std::int64_t above = 0;
  for (int found = kPage; found == kPage;) {
    auto due = database.execute(
        Pool::work, expiry.due,
        std::move(Params{}.add(above).add(kPage).add(records.options().limits.time_zone)));
    if (!due) return std::unexpected(due.error());
    found = due->size();
    for (int row = 0; row < found; ++row) {
      if (run.stopping()) return fail(ErrorCode::unavailable, "told to stop");
      above = due->int64(row, 0);
      if (auto done = expire_one(records, expiry, *due, row, yield); !done) return done;
    }
    if (auto shown = run.progress(yield.processed + yield.failed); !shown) return shown;
  }
  return {};
}

}  // namespace

Result<void> expire_due(std::string_view job, store::Database& database, store::Records& records,
                        JobRun& run, JobYield& yield) {
  for (const Expiry& each : kExpiries) {
    if (each.job != job) continue;
    if (auto done = expire_all(database, records, each, run, yield); !done) return done;
  }
  return {};
}

void add_expiry_jobs(JobHandlers& handlers, store::Database& database,
                     const std::function<std::shared_ptr<store::Records>()>& records) {
  for (const Expiry& expiry : kExpiries) {
    if (expiry.job == kSupportJob) continue;
    handlers[std::string(expiry.job)] = [&database, records,
                                         job = expiry.job](JobRun& run) -> Result<JobYield> {
      const auto in_use = records();
      if (!in_use) return fail(ErrorCode::unavailable, "the records are being replaced");
      JobYield yield;
      if (auto done = expire_due(job, database, *in_use, run, yield); !done)
        return std::unexpected(done.error());
      return yield;
    };
  }
}

}  // namespace c360::daemon
