// The express report asked for by a person (domain.md 5.1; R-032, R-033): a job, not an answer.
#include "daemon/base/json.h"
#include "store/draft.h"
#include "store/jobs.h"
#include "store/operations/action.h"
#include "store/operations/express_report.h"
#include "store/service_switches.h"

namespace c360::store {
namespace {

// One that is queued or runs already is the one that was asked for.
constexpr Sql kAsk{"express_ask", R"sql(
INSERT INTO crm.express_report AS r (counterparty_id, inn, wants_fresh, requested_by)
SELECT c.id, c.inn, $2, $3 FROM crm.counterparty AS c WHERE c.id = $1
ON CONFLICT (counterparty_id) DO UPDATE
   SET status = 'queued', inn = excluded.inn, wants_fresh = excluded.wants_fresh,
       requested_at = now(), requested_by = excluded.requested_by
 WHERE r.status NOT IN ('queued', 'running') OR r.inn <> excluded.inn
    OR NOT EXISTS (SELECT FROM ops.job AS j WHERE j.kind = $4 AND j.record_id = r.counterparty_id
                                              AND j.status IN ('queued', 'running')))sql"};
constexpr Sql kCard{"express_card", R"sql(
SELECT inn, check_status IN ('none', 'failed', 'not_found') FROM crm.counterparty WHERE id = $1
)sql"};

Result<ActionResult> request_report(ActionCall& call) {
  const auto on = is_service_on(call.tx, "kontur");
  if (!on) return std::unexpected(on.error());
  if (!*on)
    return fail(ErrorCode::conflict, "Kontur.Focus is off: no key is set, or it is switched off.",
                "adapter_off");
  const auto card = call.tx.query(kCard, std::move(Params{}.add(call.id)));
  if (!card) return std::unexpected(card.error());
  const std::string inn((*card)->text(0, 0));
  if ((*card)->boolean(0, 1)) {
    // What an earlier check found stays on the card until this one has found something.
    WriteOptions write = call.write;
    write.also = [](Draft& draft) { draft.set("check_status", "pending"); };
    auto pending = call.records.update(call.tx, call.resource, call.key(), Json(Json::Object{}),
                                       call.actor, write);
    if (!pending) return std::unexpected(std::move(pending).error());
  }
  call.tx.queue(kAsk, std::move(Params{}
                                    .add(call.id)
                                    .add(call.flag("refresh"))
                                    .add(call.actor.user_id)
                                    .add(kExpressReportJob)));
  const Ticket job = queue_job(call.tx, {.kind = std::string(kExpressReportJob),
                                         .dedupe_key = call.key() + ":" + inn,
                                         .record_id = call.id,
                                         .priority = 10,
                                         .created_by = call.actor.user_id,
                                         .trigger = "api"});
  if (auto done = call.tx.run(); !done) return std::unexpected(done.error());
  const EnqueuedJob queued = enqueued(call.tx.rows(job));
  JsonWriter json;
  json.begin_object().member("job_id", queued.id).member("fresh", queued.fresh).end_object();
  return ActionResult{.json = json.take()};
}

}  // namespace

Action express_report_action() {
  return {.name = "express-report",
          .label = {"Запросить экспресс-отчет", "Get the express report"},
          .doc = "Queues the express report of Kontur.Focus; the job in the answer does the rest.",
          .parameters = {boolean("refresh")
                             .labels("Запросить заново", "Ask again")
                             .described("Default false: an answer that is kept will do.")},
          .condition = "t.inn IS NOT NULL",
          .refusal = "inn_required",
          .refusal_detail = "The counterparty has no INN to ask about.",
          .answer_schema = R"({"type":"object","properties":{
              "job_id":{"type":"integer","description":"See /jobs/{id}"},
              "fresh":{"type":"boolean","description":"false: it was queued already"}},
              "required":["job_id","fresh"]})",
          .queues = true,
          .handler = request_report};
}

}  // namespace c360::store
