#include "store/draft.h"
#include "store/model/resources.h"
#include "store/operations/answer_request.h"
#include "store/operations/place_call.h"
#include "store/portal.h"

namespace c360::store {
namespace {

void check_activity(Draft& draft) {
  const auto type = draft.get("type");
  if (draft.creating() && !draft.is_set("activity_date")) draft.set_now("activity_date");
  if (draft.creating() && !draft.is_set("status")) {
    const auto date = draft.get("activity_date");
    const bool ahead = date && *date > timestamp_text(draft.context().now);
    const bool created = type == "comment" || type == "assignment";
    draft.set("status", created                       ? "created"
                        : ahead || type == "reminder" ? "planned"
                                                      : "completed");
  }
  if (draft.creating() && draft.actor().is_person() && !draft.is_set("responsible_id")) {
    draft.set("responsible_id", std::to_string(*draft.actor().user_id));
  }
  if (draft.get("status") == "created" && type != "comment" && type != "assignment") {
    draft.wrong("status", "status_not_of_type",
                "Only comments and assignments are in status created.");
  }
  if (type == "reminder" && !draft.has("remind_at")) {
    draft.wrong("remind_at", "remind_at_required", "A reminder needs a time.");
  }
  // Another time is another reminder.
  if (!draft.creating() && draft.changed("remind_at")) draft.set("reminded_at", std::nullopt);
  if (draft.has("direction") && type != "email" && type != "call") {
    draft.wrong("direction", "direction_not_allowed", "Only e-mails and calls have a direction.");
  }
}

void check_comment(Draft& draft) {
  if (draft.creating() && draft.actor().user_id) {
    draft.set("author_id", std::to_string(*draft.actor().user_id));
  }
  // The customer's side has nothing to hide from itself.
  if (is_portal(draft.actor())) draft.set("is_internal", "f");
  if (!draft.creating() && draft.before("source") == "call") {
    draft.wrong("text", "comment_of_call", "It follows its call: change that activity.");
  }
  if (!draft.creating() && draft.changed("text")) draft.set("edited", "t");
}

}  // namespace

Resource activity() {
  return {
      .kind = "activity",
      .path = "activities",
      .table = "crm.activity",
      .doc = "A mail, call, meeting, comment, reminder or assignment on a record.",
      .label = {"Активность", "Activity"},
      .label_plural = {"Активности", "Activities"},
      .name_field = "topic",
      .fields =
          Fields()
              .add(reference("parent_record_id", "record")
                       .required()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Объект", "Parent"))
              .add(code("type", {{"email", {"Письмо", "E-mail"}},
                                 {"call", {"Звонок", "Call"}},
                                 {"meeting", {"Встреча", "Meeting"}},
                                 {"comment", {"Комментарий", "Comment"}},
                                 {"reminder", {"Напоминание", "Reminder"}},
                                 {"assignment", {"Поручение", "Assignment"}}})
                       .required()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Тип активности", "Type"))
              .add(code("status", {{"planned", {"Запланирована", "Planned"}},
                                   {"completed", {"Выполнена", "Completed"}},
                                   {"expired", {"Просрочена", "Expired"}},
                                   {"canceled", {"Отменена", "Canceled"}},
                                   {"created", {"Создано", "Created"}}})
                       .required()
                       .filterable()
                       .evented("status_changed")
                       .labels("Статус", "Status"))
              .add(text("topic").max_length(1000).searchable().labels("Тема", "Topic"))
              .add(html("text").max_length(1'000'000).large().labels("Текст", "Text"))
              .add(timestamp("activity_date")
                       .required()
                       .sortable()
                       .labels("Дата активности", "Date"))
              .add(interval("duration").labels("Продолжительность", "Duration"))
              .add(reference("responsible_id", "user")
                       .filterable()
                       .evented("responsible_changed")
                       .labels("Ответственный", "Responsible"))
              .add(integer_array("participant_user_ids").labels("Участники", "Participants"))
              .add(integer_array("participant_contact_ids")
                       .labels("Участники (контакты)", "Participating contacts"))
              .add(text("result").max_length(10'000).searchable().labels("Результат", "Result"))
              .add(code("direction",
                        {{"in", {"Входящий", "Incoming"}}, {"out", {"Исходящий", "Outgoing"}}})
                       .filterable()
                       .labels("Направление", "Direction"))
              .add(reference("contact_id", "contact").filterable().labels("Контакт", "Contact"))
              .add(phone("phone_number").filterable().labels("Телефон", "Phone"))
              .add(integer("call_duration_s")
                       .of_small_type("integer")
                       .sortable()
                       .labels("Длительность, с", "Duration, s"))
              .add(url("recording_url").labels("Запись", "Recording"))
              .add(reference("mail_message_id", "mail_message")
                       .read_only()
                       .filterable()
                       .labels("Письмо", "Mail"))
              .add(code("link_grade", link_grades())
                       .read_only()
                       .filterable()
                       .labels("Достоверность письма", "Grade of the mail")
                       .described("Of an e-mail: how sure it is that its sender has to do with the "
                                  "record."))
              .add(reference("comment_id", "comment")
                       .read_only()
                       .filterable()
                       .labels("Комментарий", "Comment"))
              .add(reference("assignment_id", "assignment")
                       .read_only()
                       .filterable()
                       .labels("Поручение", "Assignment"))
              .add(timestamp("remind_at").sortable().labels("Напомнить", "Remind at"))
              .add(code("remind_channel", {{"email", {"Эл. почта", "E-mail"}},
                                           {"telegram", {"Telegram", "Telegram"}},
                                           {"sms", {"SMS", "SMS"}},
                                           {"none", {"Нет", "None"}}})
                       .labels("Канал напоминания", "Reminder channel"))
              .add(timestamp("reminded_at")
                       .read_only()
                       .untracked()
                       .labels("Напомнено", "Reminded at"))
              .list(),
      .access = {.grants = {{Role::manager, Right::read, {}},
                            {Role::creator, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}},
                 .inherits_from = "parent_record_id",
                 .employees_create = true},
      .collections = {{.name = "documents",
                       .kind = "document",
                       .doc = "Attachments of the mail.",
                       .link_table = "crm.activity_document",
                       .parent_column = "activity_id",
                       .child_column = "document_id",
                       .order_by = "c.id"}},
      .default_sort = "-activity_date",
      .find_missing = place_call,
      .before_write = check_activity,
  };
}

Resource comment() {
  return {
      .kind = "comment",
      .path = "comments",
      .table = "crm.comment",
      .doc = "What somebody wrote on a record; it is shown among its activities too.",
      .label = {"Комментарий", "Comment"},
      .label_plural = {"Комментарии", "Comments"},
      .is_record = false,
      .name_field = "",
      .fields =
          Fields()
              .add(reference("record_id", "record")
                       .required()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Объект", "Record"))
              .add(html("text").required().max_length(65'536).labels("Текст", "Text"))
              .add(
                  reference("author_id", "user").read_only().filterable().labels("Автор", "Author"))
              .add(reference("author_contact_id", "contact")
                       .read_only()
                       .filterable()
                       .labels("Автор (контакт)", "Author (contact)"))
              .add(boolean("is_internal")
                       .filterable()
                       .labels("Внутренний", "Internal")
                       .described("Hidden from the customer side."))
              .add(text_array("tags").filterable().labels("Метки", "Tags"))
              .add(code("source", {{"user", {"Пользователь", "User"}},
                                   {"mail", {"Письмо", "Mail"}},
                                   {"merge", {"Объединение", "Merge"}},
                                   {"system", {"Система", "System"}},
                                   {"call", {"Звонок", "Call"}}})
                       .defaults_to("user")
                       .read_only()
                       .filterable()
                       .labels("Источник", "Source"))
              .add(
                  reference("activity_id", "activity").read_only().labels("Активность", "Activity"))
              .add(reference("mail_message_id", "mail_message")
                       .read_only()
                       .filterable()
                       .labels("Письмо", "Mail"))
              .add(timestamp("created_at")
                       .defaults_to("now")
                       .read_only()
                       .sortable()
                       .labels("Дата создания", "Created"))
              .add(reference("created_by", "user")
                       .read_only()
                       .filterable()
                       .labels("Создатель", "Creator"))
              .add(timestamp("updated_at")
                       .defaults_to("now")
                       .read_only()
                       .sortable()
                       .labels("Изменено", "Modified"))
              .add(
                  reference("updated_by", "user").read_only().labels("Кем изменено", "Modified by"))
              .add(row_version_field())
              .add(boolean("edited").read_only().labels("Изменён", "Edited"))
              .add(timestamp("deleted_at").read_only().filterable().labels("Удалено", "Deleted"))
              .list(),
      // Everybody who sees the record may comment on it; only the author and administrators change.
      .access = {.grants = {{Role::author, Right::write, {}},
                            {Role::crm_administrators, Right::write, {}}},
                 .inherits_from = "record_id",
                 .employees_create = true},
      // Calls that took place are read here too (design.md 11).
      .parts = {{"calls", "t.source = 'call'", "without the calls"}},
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::remove, Operation::history},
      .before_write = check_comment,
      .consequence = answers_request(),
  };
}

}  // namespace c360::store
