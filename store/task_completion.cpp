// Tasks completed with one of their outcomes, and what that does to the record they are about
// (domain.md 6.4, 7.2, 11.1, 14.1, 14.3; R-193).
#include <algorithm>

#include "store/history.h"
#include "store/operations/action.h"
#include "store/operations/step_tasks.h"
#include "store/records_state.h"
#include "store/retried.h"

namespace c360::store {
namespace {

constexpr Sql kReadTask{"c360_task_read", R"sql(
SELECT t.kind, t.record_id, t.status, r.kind, t.outcomes @> jsonb_build_array(
           jsonb_build_object('id', $2::text)), coalesce(t.assignee_group_id, '')
FROM crm.task t LEFT JOIN crm.record r ON r.id = t.record_id
WHERE t.id = $1::bigint
)sql"};
constexpr Sql kCompleteTask{"c360_task_complete", R"sql(
UPDATE crm.task SET status = 'completed', outcome = $2::text, comment = nullif($3::text, ''),
                    completed_by = $4::bigint, completed_at = now()
WHERE id = $1::bigint AND status = 'active'
)sql"};

}  // namespace

// One task, how it is completed, and what was sent besides.
struct Records::State::Completion {
  std::int64_t task_id = 0;
  std::string_view outcome;
  const Actor& actor;
  const WriteOptions& options;
  std::string comment;
  Json fields = Json(Json::Object{});  // of the record
  std::string kind;
  std::string group;                   // asked; empty: a person
  const Resource* resource = nullptr;  // of the record; none: about nothing
  std::string key;                     // of the record

  Completion(std::int64_t task, std::string_view the_outcome, const Json& details,
             const Actor& the_actor, const WriteOptions& the_options)
      : task_id(task), outcome(the_outcome), actor(the_actor), options(the_options) {
    if (!details.is_object()) return;
    for (const auto& [name, value] : details.as_object()) {
      if (name == "comment" && value.is_string()) {
        comment = value.as_string();
      } else {
        fields.set(name, value);
      }
    }
  }

  void queue(Transaction& tx) const {
    Params params;
    params.add(task_id).add(outcome).add(std::string_view(comment)).add(actor.user_id);
    tx.queue(kCompleteTask, std::move(params));
  }
  void queue_event(Transaction& tx, std::optional<std::int64_t> version) const {
    queue_history(tx, subject_of(*resource, key), {{"task_completed", "[]"}}, version, actor,
                  task_id, outcome, comment);
  }
};

namespace {

std::int64_t version_of(const Draft& record) {
  return std::stoll(std::string(*record.before("row_version")));
}

// Of the row of kReadTask, read under its lock.
Result<void> still_asked(const Rows& task, std::string_view kind, bool of_record) {
  if (task.text(0, 2) != "active") {
    return fail(ErrorCode::conflict, "The task is already " + std::string(task.text(0, 2)) + ".",
                "task_not_active");
  }
  if (kind == "quarantine_review") {
    return fail(ErrorCode::conflict,
                "The task is done once the mail leaves the quarantine: retry, release or discard "
                "it there.",
                "decided_in_quarantine");
  }
  if (!task.boolean(0, 4) || (kind != "custom" && !of_record)) {
    return fail(ErrorCode::validation_failed, "The task has no such outcome.", "unknown_outcome");
  }
  return {};
}

Error unknown_fields(const Json& fields) {
  Error error{.code = ErrorCode::validation_failed,
              .detail = "The task takes an outcome and a comment.",
              .reason = "unknown_field"};
  for (const auto& [name, value] : fields.as_object()) {
    error.fields.push_back(
        {pointer_segment(name), "unknown_field", "The action has no such parameter."});
  }
  return error;
}

}  // namespace

Result<RecordView> Records::complete_task(std::int64_t task_id, std::string_view outcome,
                                          const Json& details, const Actor& actor,
                                          const WriteOptions& options) {
  return retried(state_->database, [&](Transaction& tx) {
    return complete_task(tx, task_id, outcome, details, actor, options);
  });
}

Result<RecordView> Records::complete_task(Transaction& tx, std::int64_t task_id,
                                          std::string_view outcome, const Json& details,
                                          const Actor& actor, const WriteOptions& options) {
  const Resource& tasks = state_->registry.get("task");
  const std::string task_key = std::to_string(task_id);
  if (!actor.user_id) {
    return fail(ErrorCode::forbidden, "Tasks are completed by users.", "user_required");
  }
  State::Completion done(task_id, outcome, details, actor, options);
  const auto known = tx.query(kReadTask, Params{}.add(task_id).add(outcome));
  if (!known) return std::unexpected(known.error());
  if ((*known)->empty()) return no_such(tasks, task_key);
  done.kind = (*known)->text(0, 0);
  done.group = (*known)->text(0, 5);
  done.resource = (*known)->is_null(0, 3) ? nullptr : state_->registry.find((*known)->text(0, 3));
  done.key = (*known)->text(0, 1);

  // The record before its task: every other write takes them in this order. What people ask of each
  // other leaves the record as it is.
  std::optional<State::Locked> locked;
  if (done.resource && done.kind != "custom") {
    locked = state_->queue_lock(tx, *done.resource, done.key, actor);
  }
  const State::Locked locked_task = state_->queue_lock(tx, tasks, task_key, actor);
  const Ticket read_task = tx.queue(kReadTask, Params{}.add(task_id).add(outcome));
  if (auto ran = tx.run(); !ran) return std::unexpected(ran.error());
  const WriteContext context = state_->context(actor, options);
  Draft task(tasks, actor, context);
  if (auto read = state_->read_lock(tx, locked_task, task, task_key, {}); !read) {
    return std::unexpected(read.error());
  }
  if (auto asked = still_asked(tx.rows(read_task), done.kind, locked.has_value()); !asked) {
    return std::unexpected(asked.error());
  }
  if (!locked) return state_->complete_asked(*this, tx, done);
  Draft record(*done.resource, actor, context);
  if (auto read = state_->read_lock(tx, *locked, record, done.key, options); !read) {
    return std::unexpected(read.error());
  }
  if (done.kind == "take_to_work") return state_->complete_taking(*this, tx, done, record);
  return state_->complete_step(*this, tx, done, record);
}

// Somebody takes what nobody is responsible for, or says that it is nothing (domain.md 6.4, 7.2).
Result<RecordView> Records::State::complete_taking(Records& records, Transaction& tx,
                                                   const Completion& done, Draft& record) {
  read_body(record, done.fields);
  if (done.outcome == "take_to_work") {
    record.set("responsible_id", std::to_string(*done.actor.user_id));
    record.set("status", std::string(done.resource->taken_status));
  } else {
    record.set("status", std::string(done.resource->refusal_status));
  }
  if (auto completed = records.complete(tx, record); !completed) {
    return std::unexpected(completed.error());
  }
  if (auto error = error_of(record)) return std::unexpected(std::move(*error));
  done.queue(tx);
  done.queue_event(tx, version_of(record) + 1);
  return write_update(tx, record, done.key, done.options);
}

// The answer leads the record to another status, by the rules of every change of it, or to whoever
// is asked next in the same one.
Result<RecordView> Records::State::complete_step(Records& records, Transaction& tx,
                                                 const Completion& done, const Draft& record) {
  const std::string_view status = record.before("status").value_or("");
  const TaskStep* step = step_of_task(done.resource->kind, status, done.kind, done.group);
  const TaskOutcome* outcome = nullptr;
  if (step != nullptr) {
    const auto found = std::ranges::find(step->outcomes, done.outcome, &TaskOutcome::id);
    if (found != step->outcomes.end()) outcome = &*found;
  }
  if (outcome == nullptr) {
    return fail(ErrorCode::conflict,
                "The record is in status " + std::string(status) + ", where it does not ask this.",
                "status_moved_on");
  }
  const bool verified = done.resource->has_field("verifier_id") && record.has("verifier_id");
  const std::string_view to = leads_to(*outcome, verified);
  done.queue(tx);
  done.queue_event(tx, version_of(record) + (to.empty() ? 0 : 1));
  Json changes = done.fields;
  if (!to.empty()) {
    changes.set("status", to);
  } else if (const TaskStep* next = step_after(done.resource->kind, *step)) {
    queue_step_task(tx, record, *next, std::stoll(done.key),
                    record.get(done.resource->name_field).value_or(""));
  }
  return records.update(tx, *done.resource, done.key, changes, done.actor, done.options);
}

// What one colleague asked of another; its answer changes nothing else.
Result<RecordView> Records::State::complete_asked(Records& records, Transaction& tx,
                                                  const Completion& done) {
  if (!done.fields.as_object().empty()) return std::unexpected(unknown_fields(done.fields));
  const Resource& tasks = registry.get("task");
  const std::string task_key = std::to_string(done.task_id);
  done.queue(tx);
  queue_history(tx, subject_of(tasks, task_key), {{"task_completed", "[]"}}, std::nullopt,
                done.actor, done.task_id, done.outcome, done.comment);
  if (done.resource) done.queue_event(tx, std::nullopt);
  auto view = read_in(records, tx, tasks, done.task_id, done.actor);
  if (!view) return view;
  if (auto finished = finish(tx, done.options, tasks); !finished) {
    return std::unexpected(finished.error());
  }
  return view;
}

}  // namespace c360::store
