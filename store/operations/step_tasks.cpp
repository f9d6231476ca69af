#include "store/operations/step_tasks.h"

#include <algorithm>
#include <string>

#include "daemon/base/json.h"
#include "store/draft.h"
#include "store/history.h"
#include "store/records.h"

namespace c360::store {
namespace {

// Of a record one at most: task_step_key.
constexpr Sql kActiveTask{"c360_step_task_active", R"sql(
SELECT t.id, t.kind, coalesce(t.assignee_group_id, '')
FROM crm.task t
WHERE t.record_id = $1::bigint AND t.status = 'active'
  AND t.kind IN ('assignment_execute', 'assignment_clarify', 'assignment_verify',
                 'contract_approve', 'contract_sign')
)sql"};
constexpr Sql kOpenTask{"c360_step_task_open", R"sql(
INSERT INTO crm.task (kind, record_id, title_ru, title_en, assignee_user_id, assignee_group_id,
                      outcomes, due_at, created_by)
VALUES ($1::text, $2::bigint, $3::text, $4::text, $5::bigint, $6::text, $7::jsonb,
        $8::timestamptz, $9::bigint)
)sql"};
constexpr Sql kCloseTask{"c360_step_task_close", R"sql(
UPDATE crm.task
SET status = CASE WHEN $2::text IS NULL THEN 'canceled' ELSE 'completed' END, outcome = $2::text,
    completed_by = CASE WHEN $2::text IS NULL THEN NULL ELSE $3::bigint END, completed_at = now()
WHERE id = $1::bigint AND status = 'active'
)sql"};
constexpr Sql kDescribeTask{"c360_step_task_describe", R"sql(
UPDATE crm.task SET title_ru = $2::text, title_en = $3::text, due_at = $4::timestamptz
WHERE id = $1::bigint AND status = 'active'
)sql"};

std::optional<std::string_view> due_at(const Draft& draft) {
  return draft.resource().has_field("due_at") ? draft.get("due_at") : std::nullopt;
}

std::string titled(std::string_view title, std::string_view name) {
  const std::size_t mark = title.find('%');
  return std::string(title.substr(0, mark)) + std::string(name) +
         std::string(title.substr(mark + 1));
}

std::string outcomes_json(const TaskStep& step) {
  Json::Array outcomes;
  for (const TaskOutcome& each : step.outcomes) {
    outcomes.push_back(Json::Object{
        {"id", Json(each.id)}, {"ru", Json(each.label.ru)}, {"en", Json(each.label.en)}});
  }
  return Json(std::move(outcomes)).dump();
}

const TaskStep* first_step(const Draft& draft) {
  const auto steps = task_steps(draft.resource().kind);
  const auto found = std::ranges::find(steps, draft.get("status").value_or(""), &TaskStep::status);
  return found == steps.end() ? nullptr : &*found;
}

bool asks_another(const Draft& draft) {
  const TaskStep* step = first_step(draft);
  return step != nullptr && ((!step->user_field.empty() && draft.changed(step->user_field)) ||
                             (!step->group_field.empty() && draft.changed(step->group_field)));
}

bool moves_on(const Draft& draft) {
  return draft.changed("status") || draft.changed("deleted_at") || asks_another(draft);
}

bool renames(const Draft& draft) {
  return draft.changed(draft.resource().name_field) ||
         (draft.resource().has_field("due_at") && draft.changed("due_at"));
}

// A number may have come from the database.
std::string name_of(const Draft& draft, const RecordView& written) {
  const std::string_view field = draft.resource().name_field;
  if (const auto name = draft.get(field)) return std::string(*name);
  const auto json = Json::parse(written.json);
  const Json* name = json ? json->find(field) : nullptr;
  return name != nullptr && name->is_string() ? name->as_string() : std::string();
}

// The outcome that the change of status amounts to; none for a change that no task leads to.
const TaskOutcome* outcome_of(const Draft& draft, const TaskStep& step) {
  if (!draft.changed("status")) return nullptr;
  const Resource& resource = draft.resource();
  const bool verified = resource.has_field("verifier_id") && draft.has("verifier_id");
  const auto found = std::ranges::find_if(step.outcomes, [&](const TaskOutcome& each) {
    return leads_to(each, verified) == draft.get("status");
  });
  return found == step.outcomes.end() ? nullptr : &*found;
}

void queue_close(Transaction& tx, const Draft& draft, const RecordView& written, const Rows& task) {
  const std::int64_t id = task.int64(0, 0);
  const TaskStep* step = step_of_task(draft.resource().kind, draft.before("status").value_or(""),
                                      task.text(0, 1), task.text(0, 2));
  const TaskOutcome* outcome = step == nullptr ? nullptr : outcome_of(draft, *step);
  Params params;
  params.add(id);
  if (outcome != nullptr) {
    params.add(outcome->id);
  } else {
    params.add_null();
  }
  params.add(draft.actor().user_id);
  tx.queue(kCloseTask, std::move(params));
  if (outcome == nullptr) return;
  queue_history(tx, subject_of(draft.resource(), written.key), {{"task_completed", "[]"}},
                written.version, draft.actor(), id, outcome->id);
}

void queue_description(Transaction& tx, const Draft& draft, const RecordView& written,
                       const Rows& task) {
  const TaskStep* step = step_of_task(draft.resource().kind, draft.get("status").value_or(""),
                                      task.text(0, 1), task.text(0, 2));
  if (step == nullptr) return;
  const std::string name = name_of(draft, written);
  Params params;
  params.add(task.int64(0, 0)).add(titled(step->title.ru, name)).add(titled(step->title.en, name));
  params.add(due_at(draft));
  tx.queue(kDescribeTask, std::move(params));
}

Result<RecordView> follow(Records&, Transaction& tx, const Draft& draft, RecordView written) {
  const bool begins = draft.creating();
  if (!begins) {
    const auto active = tx.query(kActiveTask, Params{}.add(written.id));
    if (!active) return std::unexpected(active.error());
    const Rows& task = **active;
    if (!task.empty() && moves_on(draft)) queue_close(tx, draft, written, task);
    if (!task.empty() && !moves_on(draft)) queue_description(tx, draft, written, task);
  }
  const TaskStep* step = first_step(draft);
  if (step != nullptr && !draft.has("deleted_at") && (begins || moves_on(draft))) {
    queue_step_task(tx, draft, *step, written.id, name_of(draft, written));
  }
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  return written;
}

}  // namespace

Consequence step_tasks() {
  return {.due =
              [](const Draft& draft) {
                return draft.creating() ? first_step(draft) != nullptr
                                        : moves_on(draft) || renames(draft);
              },
          .bring_about = follow};
}

const TaskStep* step_of_task(std::string_view kind_of_record, std::string_view status,
                             std::string_view task_kind, std::string_view group) {
  const auto steps = task_steps(kind_of_record);
  const auto found = std::ranges::find_if(steps, [&](const TaskStep& each) {
    return each.status == status && each.kind == task_kind &&
           (each.group.empty() || each.group == group);
  });
  return found == steps.end() ? nullptr : &*found;
}

const TaskStep* step_after(std::string_view kind_of_record, const TaskStep& step) {
  const auto steps = task_steps(kind_of_record);
  const auto next = static_cast<std::size_t>(&step - steps.data()) + 1;
  return next < steps.size() && steps[next].status == step.status ? &steps[next] : nullptr;
}

void queue_step_task(Transaction& tx, const Draft& draft, const TaskStep& step,
                     std::int64_t record_id, std::string_view name) {
  const auto user = step.user_field.empty() ? std::nullopt : draft.get(step.user_field);
  std::optional<std::string_view> group;
  if (!step.group.empty()) {
    group = step.group;
  } else if (!user && !step.group_field.empty()) {
    group = draft.get(step.group_field);
  }
  if (!user && !group) return;
  Params params;
  params.add(step.kind).add(record_id);
  params.add(titled(step.title.ru, name)).add(titled(step.title.en, name));
  params.add(user).add(group).add(outcomes_json(step)).add(due_at(draft));
  params.add(draft.actor().user_id);
  tx.queue(kOpenTask, std::move(params));
}

}  // namespace c360::store
