#include <algorithm>
#include <array>
#include <string>

#include "store/draft.h"
#include "store/model/resources.h"
#include "store/model/task_steps.h"
#include "store/operations/step_tasks.h"

namespace c360::store {
namespace {

bool is_actor(const Draft& draft, std::optional<std::string_view> user) {
  return user && draft.actor().user_id && *user == std::to_string(*draft.actor().user_id);
}

// The roles as they are before the change: a change does not give itself a right.
struct Roles {
  bool initiator = false;
  bool performer = false;
  bool verifier = false;
};

Roles roles_of(const Draft& draft) {
  const auto group = draft.before("performer_group_id");
  return {is_actor(draft, draft.before("initiator_id")),
          is_actor(draft, draft.before("performer_user_id")) ||
              (group && draft.actor().in_group(*group)),
          is_actor(draft, draft.before("verifier_id"))};
}

bool holds(const Roles& roles, const TaskStep& step) {
  if (step.user_field == "performer_user_id") return roles.performer;
  return step.user_field == "initiator_id" ? roles.initiator : roles.verifier;
}

// Who is asked in a status takes the steps it is asked for (domain.md 14.3); the initiator reopens.
bool may_step(const Draft& draft, const Roles& roles, std::string_view from, std::string_view to) {
  for (const TaskStep& step : task_steps("assignment")) {
    if (step.status != from) continue;
    return holds(roles, step) && std::ranges::any_of(step.outcomes, [&](const TaskOutcome& each) {
             return leads_to(each, draft.has("verifier_id")) == to;
           });
  }
  return from == "complete" && to == "created" && roles.initiator;
}

void check_attributes(Draft& draft, const Roles& roles, std::string_view from) {
  constexpr std::array<std::string_view, 6> kOfInitiator = {
      "due_at",      "priority",        "performer_user_id", "performer_group_id",
      "verifier_id", "parent_record_id"};
  constexpr std::array<std::string_view, 2> kOfPerformer = {"title", "description"};
  const auto changed = [&](std::string_view field) { return draft.changed(field); };
  if (changed("initiator_id")) {
    draft.refuse(ErrorCode::forbidden, "Only administrators change the initiator.",
                 "administrators_only");
  }
  const bool texts = std::ranges::any_of(kOfPerformer, changed);
  const bool terms = std::ranges::any_of(kOfInitiator, changed);
  if ((texts || terms) && (from == "complete" || from == "archive")) {
    draft.refuse(ErrorCode::conflict, "A completed assignment is not changed; reopen it first.",
                 "assignment_complete");
  }
  if (terms && !roles.initiator) {
    draft.refuse(ErrorCode::forbidden,
                 "Only the initiator changes deadline, priority, performer and verifier.",
                 "initiator_only");
  }
  if (texts && !roles.initiator && !roles.performer) {
    draft.refuse(ErrorCode::forbidden,
                 "Only the initiator and the performer change title and description.",
                 "performer_only");
  }
}

void fill_in(Draft& draft) {
  if (!draft.is_given("initiator_id") && draft.actor().user_id) {
    draft.set("initiator_id", std::to_string(*draft.actor().user_id));
  } else if (draft.has("initiator_id") && !draft.may_administer() &&
             !is_actor(draft, draft.get("initiator_id"))) {
    draft.refuse(ErrorCode::forbidden, "Only administrators name another initiator.",
                 "administrators_only");
  }
  if (!draft.has("performer_user_id") && !draft.has("performer_group_id")) {
    const auto initiator = draft.get("initiator_id");
    if (initiator) draft.set("performer_user_id", std::string(*initiator));
  }
  if (draft.get("status") != "created" && !draft.may_administer()) {
    draft.wrong("status", "status_not_allowed", "A new one is in status created.");
  }
}

void check_assignment(Draft& draft) {
  if (draft.creating()) {
    fill_in(draft);
  } else if (!draft.may_administer()) {
    const Roles roles = roles_of(draft);
    const std::string from(draft.before("status").value_or(""));
    check_attributes(draft, roles, from);
    if (draft.changed("status") &&
        !may_step(draft, roles, from, draft.get("status").value_or(""))) {
      draft.wrong("status", "status_not_allowed",
                  "You do not take it from " + from + " to " +
                      std::string(draft.get("status").value_or("")) + ".");
    }
  }
  // A new performer takes the place of the old one, person or group.
  if (!draft.creating() && draft.changed("performer_user_id") && draft.has("performer_user_id") &&
      !draft.changed("performer_group_id")) {
    draft.set("performer_group_id", std::nullopt);
  }
  if (!draft.creating() && draft.changed("performer_group_id") && draft.has("performer_group_id") &&
      !draft.changed("performer_user_id")) {
    draft.set("performer_user_id", std::nullopt);
  }
  if (draft.has("performer_user_id") == draft.has("performer_group_id") &&
      (draft.has("performer_user_id") || !draft.creating())) {
    draft.wrong("performer_user_id", "one_performer", "Name one performer, a user or a group.");
  }
  if (const auto priority = draft.get("priority");
      priority && priority != "1" && priority != "2" && priority != "3") {
    draft.wrong("priority", "out_of_range", "1 is high, 2 medium, 3 low.");
  }
  if (!draft.creating() && !draft.changed("status")) return;
  if (draft.get("status") == "complete") {
    draft.set_now("completed_at");
  } else if (draft.get("status") != "archive" && !draft.creating()) {
    draft.set("completed_at", std::nullopt);
  }
}

}  // namespace

Resource assignment() {
  const std::vector<std::string_view> open = {"created", "clarification", "in_progress",
                                              "verification"};
  const std::vector<std::string_view> under_way = {"clarification", "in_progress", "verification"};
  return {
      .kind = "assignment",
      .path = "assignments",
      .table = "crm.assignment",
      .doc = "Something one colleague asks of another, of a record or alone.",
      .label = {"Поручение", "Assignment"},
      .label_plural = {"Поручения", "Assignments"},
      .sequence = "crm.assignment_number",
      .name_field = "title",
      .statuses =
          {
              {.code = "created", .label = {"Новое", "New"}},
              {.code = "clarification", .label = {"Уточнение", "Clarification"}},
              {.code = "in_progress", .label = {"В работе", "In progress"}},
              {.code = "verification", .label = {"Проверка", "Verification"}},
              {.code = "complete", .label = {"Выполнено", "Complete"}, .is_final = true},
              {.code = "archive",
               .label = {"Архив", "Archive"},
               .on_board = false,
               .is_final = true,
               .administrators_only = true},
          },
      .fields =
          Fields()
              .add(number_field())
              .add(text("title").required().max_length(500).searchable().sortable().labels(
                  "Название", "Title"))
              .add(html("description").max_length(65'536).labels("Описание", "Description"))
              .add(text("status")
                       .defaults_to("created")
                       .sortable()
                       .evented("status_changed")
                       .labels("Статус", "Status"))
              .add(timestamp("due_at").sortable().labels("Срок", "Deadline"))
              .add(integer("priority")
                       .of_small_type("smallint")
                       .defaults_to("2")
                       .sortable()
                       .labels("Приоритет", "Priority")
                       .described("1 high, 2 medium, 3 low."))
              .add(reference("initiator_id", "user")
                       .required()
                       .filterable()
                       .labels("Инициатор", "Initiator")
                       .described("Not sent: the caller."))
              .add(reference("performer_user_id", "user")
                       .filterable()
                       .evented("responsible_changed")
                       .labels("Исполнитель", "Performer")
                       .described("Not sent, nor a group: the initiator."))
              .add(directory("performer_group_id", "group")
                       .filterable()
                       .evented("responsible_changed")
                       .labels("Исполнитель (группа)", "Performing group"))
              .add(reference("verifier_id", "user").filterable().labels("Проверяющий", "Verifier"))
              .add(reference("parent_record_id", "record")
                       .of_writers()
                       .filterable()
                       .labels("Связан с", "Associated with"))
              .add(timestamp("completed_at")
                       .read_only()
                       .untracked()
                       .sortable()
                       .labels("Выполнено", "Completed"))
              .list(),
      // The matrix of domain.md 3.4.
      .access =
          {
              .grants = {{Role::named, Right::write, {}, "initiator_id"},
                         {Role::named, Right::write, open, "performer_user_id"},
                         {Role::in_named_group, Right::write, open, "performer_group_id"},
                         {Role::named, Right::write, under_way, "verifier_id"},
                         {Role::everyone, Right::read, {}},
                         {Role::crm_administrators, Right::write, {}}},
              .employees_create = true,
          },
      .default_sort = "-id",
      .before_write = check_assignment,
      .consequence = step_tasks(),
  };
}

}  // namespace c360::store
