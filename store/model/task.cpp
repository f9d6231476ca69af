// Tasks: what a person or a group is asked to decide (domain.md 14.1). Most are opened by records
// (store/record_effects, store/operations/step_tasks) and by the quarantine; those of kind custom
// by people.
#include <array>
#include <optional>
#include <set>
#include <string>

#include "daemon/base/json.h"
#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

constexpr std::size_t kMaxOutcomes = 10;
constexpr std::size_t kMaxOutcomeBytes = 200;  // of an id or a name

bool is_short_text(const Json* value) {
  return value != nullptr && value->is_string() && !value->as_string().empty() &&
         value->as_string().size() <= kMaxOutcomeBytes;
}

bool is_outcome(const Json& value) {
  return value.is_object() && value.as_object().size() == 3 && is_short_text(value.find("id")) &&
         is_short_text(value.find("ru")) && is_short_text(value.find("en"));
}

void check_outcomes(Draft& draft) {
  if (!draft.is_given("outcomes") || !draft.has("outcomes")) {
    draft.set("outcomes", R"([{"id": "done", "ru": "Выполнено", "en": "Done"}])");
    return;
  }
  const auto sent = Json::parse(draft.get("outcomes").value_or("null"));
  std::set<std::string> ids;
  bool right = sent && sent->is_array() && !sent->as_array().empty() &&
               sent->as_array().size() <= kMaxOutcomes;
  if (right) {
    for (const Json& each : sent->as_array()) {
      right = right && is_outcome(each) && ids.insert(each.find("id")->as_string()).second;
    }
  }
  if (right) return;
  draft.wrong("outcomes", "invalid_outcomes",
              "Outcomes are a list of at most " + std::to_string(kMaxOutcomes) +
                  " objects with id, ru and en, each a text of at most " +
                  std::to_string(kMaxOutcomeBytes) + " bytes, no id twice.");
}

void check_task(Draft& draft) {
  if (!draft.has("assignee_user_id") && !draft.has("assignee_group_id") && draft.actor().user_id) {
    draft.set("assignee_user_id", std::to_string(*draft.actor().user_id));
  }
  if (draft.has("assignee_user_id") == draft.has("assignee_group_id")) {
    draft.wrong("assignee_user_id", "one_assignee", "Name one assignee, a user or a group.");
  }
  if (!draft.has("title_en") && draft.has("title_ru")) {
    draft.set("title_en", std::string(*draft.get("title_ru")));
  }
  check_outcomes(draft);
}

}  // namespace

Resource task() {
  return {
      .kind = "task",
      .path = "tasks",
      .table = "crm.task",
      .doc = "Something a person or a group is asked to decide.",
      .label = {"Задача", "Task"},
      .label_plural = {"Задачи", "Tasks"},
      .is_record = false,
      .name_field = "title_ru",
      .fields =
          Fields()
              .add(code("kind",
                        {{"take_to_work", {"Взятие в работу", "Take to work"}},
                         {"assignment_execute", {"Исполнение поручения", "Assignment: execute"}},
                         {"assignment_clarify", {"Уточнение поручения", "Assignment: clarify"}},
                         {"assignment_verify", {"Проверка поручения", "Assignment: verify"}},
                         {"contract_approve", {"Согласование договора", "Contract: approve"}},
                         {"contract_sign", {"Подписание договора", "Contract: sign"}},
                         {"quarantine_review", {"Разбор карантина", "Quarantine: review"}},
                         {"custom", {"Задача", "Task"}}})
                       .defaults_to("custom")
                       .read_only()
                       .filterable()
                       .labels("Вид", "Kind"))
              .add(reference("record_id", "record").filterable().labels("Объект", "Record"))
              .add(text("title_ru")
                       .required()
                       .max_length(1000)
                       .labels("Название", "Title (Russian)"))
              .add(text("title_en")
                       .generated()
                       .max_length(1000)
                       .labels("Название (англ.)", "Title (English)")
                       .described("Not sent: the Russian one."))
              .add(reference("assignee_user_id", "user")
                       .filterable()
                       .labels("Исполнитель", "Assignee")
                       .described("Not sent, nor a group: the caller."))
              .add(directory("assignee_group_id", "group")
                       .filterable()
                       .labels("Группа исполнителей", "Assigned group"))
              .add(json("outcomes")
                       .defaults_to("[]")
                       .labels("Варианты решения", "Outcomes")
                       .described("A list of {id, ru, en}; not sent: done."))
              .add(code("status", {{"active", {"Активна", "Active"}},
                                   {"completed", {"Выполнена", "Completed"}},
                                   {"canceled", {"Отменена", "Canceled"}}})
                       .defaults_to("active")
                       .read_only()
                       .filterable()
                       .labels("Статус", "Status"))
              .add(text("outcome").read_only().filterable().labels("Решение", "Outcome"))
              .add(text("comment").read_only().labels("Комментарий", "Comment"))
              .add(timestamp("due_at").sortable().labels("Срок", "Due"))
              .add(reference("completed_by", "user")
                       .read_only()
                       .filterable()
                       .labels("Кем выполнена", "Completed by"))
              .add(
                  timestamp("completed_at").read_only().sortable().labels("Выполнена", "Completed"))
              .add(timestamp("created_at")
                       .defaults_to("now")
                       .read_only()
                       .sortable()
                       .labels("Дата создания", "Created"))
              .add(reference("created_by", "user")
                       .read_only()
                       .filterable()
                       .labels("Создатель", "Creator")
                       .described("Who asked for it; null: the service."))
              .list(),
      .access = {.grants = {{Role::assignee, Right::write, {}},
                            {Role::completer, Right::read, {}},
                            {Role::creator, Right::read, {}},
                            {Role::line_manager, Right::read, {}},
                            {Role::cco, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}},
                 .inherits_from = "record_id",
                 .employees_create = true},
      .operations = {Operation::list, Operation::get, Operation::create, Operation::history},
      // domain.md 14.1; R-133, R-134, R-135, R-197.
      .scopes =
          {{"current",
            "t.status = 'active' AND (t.assignee_user_id = % OR t.assignee_group_id IN (WITH "
            "RECURSIVE g(id) AS (SELECT m.group_id FROM crm.group_member m WHERE m.user_id = % "
            "UNION SELECT n.parent_id FROM crm.group_nesting n JOIN g ON n.child_id = g.id) SELECT "
            "g.id FROM g))",
            ""},
           {"completed", "t.completed_by = %", ""},
           {"subordinates",
            "EXISTS (SELECT FROM crm.user m WHERE m.line_manager_id = % AND m.id IN "
            "(t.assignee_user_id, t.completed_by))",
            ""},
           {"record", "t.record_id IS NOT NULL", "record_id"}},
      .has_versions = false,
      .soft_delete = false,
      .before_write = check_task,
  };
}

}  // namespace c360::store
