#include "daemon/jobs/express_report.h"

#include <utility>

#include "store/operations/express_report.h"

namespace c360::daemon {

namespace {

using adapters::NoAnswer;
using adapters::Outcome;
using store::Actor;
using store::ReportTarget;
using store::Transaction;

constexpr int kRecheckPerRun = 500;
// Answers that are none of one job (adapters.md, 0.1).
constexpr int kMalformedAttempts = 2;

class ExpressReportJob {
 public:
  ExpressReportJob(const ExpressReportPorts& ports, JobRun& run)
      : ports_(ports), run_(run), id_(run.job().record_id.value_or(0)) {}

  Result<JobYield> make() {
    records_ = ports_.records();
    if (!records_) return fail(ErrorCode::unavailable, "the records are being replaced");
    std::optional<ReportTarget> target;
    auto begun = in_step([&](Transaction& tx) -> Result<void> {
      auto found = store::begin_express_report(tx, id_);
      if (!found) return std::unexpected(found.error());
      target = std::move(*found);
      return {};
    });
    if (!begun) return std::unexpected(begun.error());
    if (!target) return JobYield{};
    return report_on(*target);
  }

 private:
  Result<JobYield> report_on(const ReportTarget& target) {
    const adapters::FocusQuery query{.id = target.inn,
                                     .known_ogrn = target.ogrn,
                                     .subject = "counterparty " + std::to_string(id_)};
    if (run_.stopping()) return fail(ErrorCode::unavailable, "told to stop");
    const auto risk = ports_.reports.risk(query, target.not_before);
    if (!risk) return without(target, risk.error());
    const store::ReportLevel level{.green = risk->risk.green,
                                   .yellow = risk->risk.yellow,
                                   .red = risk->risk.red,
                                   .level = adapters::to_string(risk->risk.level()),
                                   .obtained_at = risk->obtained_at};
    auto noted = in_step([&](Transaction& tx) {
      return store::note_risk_level(*records_, tx, id_, target, level, actor());
    });
    if (!noted) return std::unexpected(noted.error());
    if (run_.stopping()) return fail(ErrorCode::unavailable, "told to stop");
    const auto pdf = ports_.reports.report(query, target.not_before);
    if (!pdf) return without(target, pdf.error());
    const store::ReportFile file{
        .sha256 = pdf->sha256,
        .size_bytes = pdf->size_bytes,
        .file_name = adapters::express_report_name(target.inn, day_of(pdf->obtained_at)),
        .obtained_at = pdf->obtained_at};
    return at_last([&](Transaction& tx) {
      return store::finish_express_report(*records_, tx, id_, target, level, file, actor());
    });
  }

  // No answer: known to be unknown, later, or never.
  Result<JobYield> without(const ReportTarget& target, NoAnswer none) {
    if (none.outcome == Outcome::not_found)
      return at_last([&](Transaction& tx) {
        return store::note_report_unknown(*records_, tx, id_, target, actor());
      });
    const int attempts = run_.job().attempts;
    if (none.reason == "malformed" && attempts >= kMalformedAttempts)
      none.outcome = Outcome::permanent;
    Error error = adapters::to_error(none, SystemClock{}.now());
    const bool comes_again = none.outcome != Outcome::permanent &&
                             (none.outcome == Outcome::quota || attempts < run_.job().max_attempts);
    if (run_.stopping() || comes_again) return std::unexpected(std::move(error));
    auto noted = in_step([&](Transaction& tx) {
      return store::note_report_failed(*records_, tx, id_, target, none.reason, none.detail,
                                       actor());
    });
    if (!noted) return std::unexpected(noted.error());
    return std::unexpected(std::move(error));
  }

  template <typename Body>
  Result<void> in_step(Body body) {
    return store::in_transaction(ports_.database, store::Pool::work, [&](Transaction& tx) {
      run_.check(tx);
      return body(tx);
    });
  }
  // The effect and the end of the job, both or neither.
  template <typename Body>
  Result<JobYield> at_last(Body body) {
    auto done = in_step([&](Transaction& tx) -> Result<void> {
      if (auto effect = body(tx); !effect) return effect;
      run_.done_with(tx);
      return {};
    });
    if (!done) return std::unexpected(done.error());
    return JobYield{.processed = 1};
  }

  static Actor actor() { return Actor::system("job"); }
  std::chrono::year_month_day day_of(Instant instant) const {
    const auto local = ports_.zone.local(std::chrono::floor<std::chrono::seconds>(instant));
    return std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(local)};
  }

  const ExpressReportPorts& ports_;
  JobRun& run_;
  const std::int64_t id_;
  std::shared_ptr<store::Records> records_;
};

}  // namespace

void add_express_report_jobs(JobHandlers& handlers, const ExpressReportPorts& ports) {
  handlers[std::string(store::kExpressReportJob)] = [ports](JobRun& run) {
    return ExpressReportJob(ports, run).make();
  };
  handlers["express_report_recheck"] = [ports](JobRun&) -> Result<JobYield> {
    if (!ports.reports.options().recheck) return JobYield{};
    auto queued = store::queue_stale_reports(ports.database, kRecheckPerRun);
    if (!queued) return std::unexpected(queued.error());
    return JobYield{.processed = *queued};
  };
}

}  // namespace c360::daemon
