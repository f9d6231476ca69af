#include "daemon/jobs/autofill.h"

#include "adapters/register_facts.h"
#include "daemon/jobs/quota_reserve.h"
#include "store/operations/autofill.h"
#include "store/operations/queue_autofill.h"

namespace c360::daemon {

namespace {

using adapters::Outcome;
using store::Actor;

constexpr int kMissingPerNight = 500;
constexpr int kRefreshesPerDay = 2'000;
// Jobs are tried again by the queue.
constexpr adapters::RetryPolicy kOnce{.attempts = 1};
constexpr int kMalformedAttempts = 2;

// A company nobody knows is no failure.
Result<JobYield> without(adapters::NoAnswer none, JobRun& run, Instant now) {
  if (none.outcome == Outcome::not_found) return JobYield{};
  if (none.reason == "malformed" && run.job().attempts >= kMalformedAttempts)
    none.outcome = Outcome::permanent;
  return std::unexpected(run.unanswered(none, now));
}

// The card got another INN, or went, since the job was made: what is true now has its own job.
bool is_overtaken(const Error& error) {
  return error.reason == "inn_changed" || error.code == ErrorCode::not_found;
}

using FactsOrNone = adapters::CallResult<store::RegisterFacts>;

// Whether Kontur.Focus is to say what DaData did not, for the reason `first`. It knows divisions by
// their head office only.
bool asks_second(const AutofillPorts& ports, const store::AutofillTarget& target,
                 const adapters::NoAnswer& first) {
  const bool has_nothing = first.outcome == Outcome::not_found || first.outcome == Outcome::auth ||
                           first.reason == "off";
  return has_nothing && target.kpp.empty() && ports.second.options().is_on();
}

// What it says, as whose word it is kept; where it knows no more `first` stands.
FactsOrNone ask_second(const AutofillPorts& ports, const store::AutofillTarget& target,
                       const store::Job& job, const adapters::NoAnswer& first) {
  const auto obtained =
      ports.second.requisites({.id = target.id,
                               .known_ogrn = {},
                               .subject = "counterparty " + std::to_string(*job.record_id),
                               .attempt = job.attempts});
  if (obtained)
    return adapters::register_facts(obtained->requisites, "kontur", obtained->obtained_at);
  // A key that is refused is mended, and then DaData is asked again.
  const bool unknown = obtained.error().outcome == Outcome::not_found;
  return std::unexpected(unknown && first.outcome == Outcome::auth ? first : obtained.error());
}

Result<JobYield> fill_card(const AutofillPorts& ports, JobRun& run, std::int64_t id) {
  const auto records = ports.records();
  if (!records) return fail(ErrorCode::unavailable, "the records are being replaced");
  const Actor actor = Actor::system("job");
  const auto target = store::autofill_target(ports.database, *records, id, actor);
  if (!target && is_overtaken(target.error())) return JobYield{};
  if (!target) return std::unexpected(target.error());
  if (target->id.empty() || run.stopping()) return JobYield{};
  // Where there are two registers, each card is asked of the one or of both.
  if (ports.second.options().is_on()) run.rests_alone();
  const auto found = ports.parties.find({.id = target->id,
                                         .kpp = target->kpp,
                                         .subject = "counterparty " + std::to_string(id),
                                         .typed_kpp = target->typed_kpp,
                                         .attempt = run.job().attempts},
                                        /*fresh=*/false, kOnce);
  FactsOrNone facts = std::unexpected(found ? adapters::NoAnswer{} : found.error());
  if (found) {
    facts = adapters::register_facts(found->party.requisites, "dadata", found->obtained_at);
  } else if (asks_second(ports, *target, found.error())) {
    const auto may = store::may_ask_service(ports.database, "kontur", id);
    if (!may) return std::unexpected(may.error());
    if (!*may) return without(found.error(), run, ports.clock.now());
    if (auto left = keep_reserve(ports.database, run.job(), kRequisitesReserve); !left)
      return std::unexpected(left.error());
    facts = ask_second(ports, *target, run.job(), found.error());
  }
  if (!facts) return without(facts.error(), run, ports.clock.now());
  const store::AutofillRequest request{
      .id = id, .policy = ports.policy, .only_changes = run.job().kind == store::kRefreshJob};
  auto done = store::in_transaction(
      ports.database, store::Pool::work, [&](store::Transaction& tx) -> Result<void> {
        run.check(tx);
        auto filled = store::autofill_counterparty(*records, tx, request, *facts, actor);
        if (!filled) return std::unexpected(filled.error());
        run.done_with(tx);
        return {};
      });
  if (done) return JobYield{.processed = 1};
  if (is_overtaken(done.error())) return JobYield{};
  return std::unexpected(done.error());
}

}  // namespace

void add_autofill_jobs(JobHandlers& handlers, const AutofillPorts& ports) {
  const auto add = [&](std::string_view kind, auto queue, int limit) {
    handlers[std::string(kind)] = [ports, queue, limit](JobRun& run) -> Result<JobYield> {
      if (run.job().record_id) {
        if (auto left = keep_reserve(ports.database, run.job(), kDadataReserve); !left)
          return std::unexpected(left.error());
        return fill_card(ports, run, *run.job().record_id);
      }
      auto queued = queue(ports.database, limit);
      if (!queued) return std::unexpected(queued.error());
      return JobYield{.processed = *queued};
    };
  };
  add(store::kAutofillJob, store::queue_missing_autofills, kMissingPerNight);
  add(store::kRefreshJob, store::queue_due_refreshes, kRefreshesPerDay);
}

}  // namespace c360::daemon
