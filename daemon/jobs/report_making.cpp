#include "daemon/jobs/report_making.h"

#include <utility>

namespace c360::daemon {

namespace {

using adapters::NoAnswer;
using adapters::Outcome;
using store::Actor;
using store::ReportTarget;
using store::Transaction;

Actor actor() { return Actor::system("job"); }

std::unexpected<ReportTrouble> trouble(Error error) {
  return std::unexpected(ReportTrouble{.error = std::move(error), .none = {}, .target = {}});
}

std::unexpected<ReportTrouble> stopped() {
  return trouble({.code = ErrorCode::unavailable, .detail = "told to stop"});
}

}  // namespace

ReportMaking::ReportMaking(const ExpressReportPorts& ports, JobRun& run, std::int64_t id,
                           int attempt, WithEnd with_end)
    : ports_(ports),
      run_(run),
      id_(id),
      attempt_(attempt),
      with_end_(std::move(with_end)),
      records_(ports.records()) {}

std::expected<ReportEnd, ReportTrouble> ReportMaking::make() {
  if (!records_)
    return trouble({.code = ErrorCode::unavailable, .detail = "the records are being replaced"});
  std::optional<ReportTarget> target;
  auto begun = in_step([&](Transaction& tx) -> Result<void> {
    auto found = store::begin_express_report(tx, id_);
    if (!found) return std::unexpected(found.error());
    target = std::move(*found);
    return {};
  });
  if (!begun) return trouble(std::move(begun).error());
  if (!target) return ReportEnd::gone;
  return report_on(*target);
}

std::expected<ReportEnd, ReportTrouble> ReportMaking::report_on(const ReportTarget& target) {
  const adapters::FocusQuery query{.id = target.inn,
                                   .known_ogrn = target.ogrn,
                                   .subject = "counterparty " + std::to_string(id_),
                                   .attempt = attempt_};
  if (run_.stopping()) return stopped();
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
  if (!noted) return trouble(std::move(noted).error());
  if (run_.stopping()) return stopped();
  const auto pdf = ports_.reports.report(query, target.not_before);
  if (!pdf) return without(target, pdf.error());
  const store::ReportFile file{
      .sha256 = pdf->sha256,
      .size_bytes = pdf->size_bytes,
      .file_name = adapters::express_report_name(target.inn, day_of(pdf->obtained_at)),
      .obtained_at = pdf->obtained_at};
  return ended(ReportEnd::ready, in_step([&](Transaction& tx) -> Result<void> {
                 auto effect =
                     store::finish_express_report(*records_, tx, id_, target, level, file, actor());
                 if (effect) with_end_(tx, ReportEnd::ready);
                 return effect;
               }));
}

// No answer: known to be unknown, or for the caller to judge.
std::expected<ReportEnd, ReportTrouble> ReportMaking::without(const ReportTarget& target,
                                                              NoAnswer none) {
  if (none.outcome == Outcome::not_found)
    return ended(ReportEnd::unknown, in_step([&](Transaction& tx) -> Result<void> {
                   auto effect = store::note_report_unknown(*records_, tx, id_, target, actor());
                   if (effect) with_end_(tx, ReportEnd::unknown);
                   return effect;
                 }));
  if (run_.stopping()) return stopped();
  Error error = adapters::to_error(none, SystemClock{}.now());
  return std::unexpected(
      ReportTrouble{.error = std::move(error), .none = std::move(none), .target = target});
}

Result<void> ReportMaking::give_up(const ReportTrouble& trouble,
                                   const std::function<void(Transaction& tx)>& also) {
  return in_step([&](Transaction& tx) -> Result<void> {
    auto noted = store::note_report_failed(*records_, tx, id_, trouble.target,
                                           trouble.none ? trouble.none->reason : "",
                                           trouble.error.detail, actor());
    if (noted && also) also(tx);
    return noted;
  });
}

std::expected<ReportEnd, ReportTrouble> ReportMaking::ended(ReportEnd end, Result<void> done) {
  if (!done) return trouble(std::move(done).error());
  return end;
}

template <typename Body>
Result<void> ReportMaking::in_step(Body body) {
  return store::in_transaction(ports_.database, store::Pool::work, [&](Transaction& tx) {
    run_.check(tx);
    return body(tx);
  });
}

std::chrono::year_month_day ReportMaking::day_of(Instant instant) const {
  const auto local = ports_.zone.local(std::chrono::floor<std::chrono::seconds>(instant));
  return std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(local)};
}

}  // namespace c360::daemon
