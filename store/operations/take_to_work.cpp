// Whoever takes a record nobody is responsible for becomes so, and the open task is done with it
// (domain.md 6.4, 7.2).
#include <string>

#include "store/draft.h"
#include "store/history.h"
#include "store/operations/action.h"

namespace c360::store {
namespace {

constexpr Sql kTakeTask{"c360_task_taken", R"sql(
UPDATE crm.task SET status = 'completed', outcome = 'take_to_work', completed_by = $2::bigint,
                    completed_at = now()
WHERE record_id = $1::bigint AND kind = 'take_to_work' AND status = 'active'
RETURNING id
)sql"};

Result<ActionResult> take(ActionCall& call) {
  if (!call.actor.user_id) {
    return fail(ErrorCode::forbidden, "Only a user takes something to work.", "user_required");
  }
  const auto task = call.tx.query(kTakeTask, Params{}.add(call.id).add(call.actor.user_id));
  if (!task) return std::unexpected(task.error());
  WriteOptions write = call.write;
  write.also = [&](Draft& draft) {
    if (!(*task)->empty()) {
      const std::int64_t version = std::stoll(std::string(*draft.before("row_version"))) + 1;
      queue_history(call.tx, subject_of(call.resource, call.key()), {{"task_completed", "[]"}},
                    version, call.actor, (*task)->int64(0, 0), "take_to_work");
    }
    draft.set("responsible_id", std::to_string(*call.actor.user_id));
    // Somebody may have moved it on before: only what nobody touched begins.
    if (draft.before("status") == call.resource.statuses.front().code) {
      draft.set("status", std::string(call.resource.taken_status));
    }
  };
  auto view = call.records.update(call.tx, call.resource, call.key(), Json(Json::Object{}),
                                  call.actor, write);
  if (!view) return std::unexpected(view.error());
  return ActionResult{.json = std::move(view->json), .version = view->version, .id = view->id};
}

}  // namespace

Action take_to_work_action() {
  return {.name = "take-to-work",
          .label = {"Взять в работу", "Take to work"},
          .doc = "The caller becomes responsible; the task is completed, the first status left.",
          .condition = "t.responsible_id IS NULL",
          .refusal = "already_taken",
          .refusal_detail = "Somebody is responsible for it already.",
          .answers = "self",
          .handler = take};
}

}  // namespace c360::store
