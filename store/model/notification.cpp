// What people are told of, and by which ways they want it (domain.md 16). The events themselves,
// with their texts and defaults, are a directory (directories.cpp); rows are made by crm.notify().
#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

void check_setting(Draft& draft) {
  const auto& user = draft.actor().user_id;
  if (draft.creating() && !draft.is_given("user_id") && user)
    draft.set("user_id", std::to_string(*user));
  if (draft.may_administer() || !draft.changed("user_id")) return;
  if (draft.get("user_id") != std::to_string(*user)) {
    draft.refuse(ErrorCode::forbidden, "Only administrators decide for somebody else.",
                 "administrators_only");
  }
}

}  // namespace

Resource notification_setting() {
  return {
      .kind = "notification_setting",
      .path = "notification-settings",
      .table = "crm.notification_setting",
      .doc =
          "Whether a person wants to be told of an event by a way; where there is none, the "
          "event's own defaults count.",
      .label = {"Настройка уведомлений", "Notification setting"},
      .label_plural = {"Настройки уведомлений", "Notification settings"},
      .is_record = false,
      .name_field = "",
      .fields = Fields()
                    .add(reference("user_id", "user")
                             .required()
                             .filterable()
                             .writable_by(WriteRule::creation)
                             .labels("Пользователь", "User")
                             .described("Not sent: the caller."))
                    .add(directory("event", "notification_event")
                             .required()
                             .filterable()
                             .writable_by(WriteRule::creation)
                             .labels("Событие", "Event"))
                    .add(code("channel", {{"inbox", {"В системе", "In the application"}},
                                          {"email", {"Эл. почта", "E-mail"}},
                                          {"telegram", {"Telegram", "Telegram"}}})
                             .required()
                             .filterable()
                             .writable_by(WriteRule::creation)
                             .labels("Канал", "Channel"))
                    .add(boolean("enabled").filterable().labels("Включено", "Enabled"))
                    .add(version_fields())
                    .list(),
      .access = {.grants = {{Role::named, Right::write, {}, "user_id"},
                            {Role::crm_administrators, Right::write, {}}},
                 .employees_create = true},
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::remove, Operation::history},
      .soft_delete = false,
      .before_write = check_setting,
  };
}

Resource notification() {
  return {
      .kind = "notification",
      .path = "notifications",
      .table = "crm.notification",
      .view = "crm.inbox",
      .doc = "Something the caller was told; nobody sees those of others.",
      .label = {"Уведомление", "Notification"},
      .label_plural = {"Уведомления", "Notifications"},
      .is_record = false,
      .name_field = "text",
      .fields =
          Fields()
              .add(reference("user_id", "user").read_only().labels("Пользователь", "User"))
              .add(directory("event", "notification_event")
                       .read_only()
                       .filterable()
                       .labels("Событие", "Event"))
              .add(reference("record_id", "record")
                       .read_only()
                       .filterable()
                       .labels("Объект", "Record"))
              .add(text("text").read_only().labels("Текст", "Text"))
              .add(
                  timestamp("created_at").read_only().sortable().labels("Дата создания", "Created"))
              .add(timestamp("read_at")
                       .read_only()
                       .filterable()
                       .labels("Прочитано", "Read")
                       .described("read_at.null=true lists what is unread."))
              .list(),
      .access = {.grants = {{Role::named, Right::read, {}, "user_id"}}},
      .operations = {Operation::list, Operation::get},
      .has_versions = false,
      .soft_delete = false,
  };
}

}  // namespace c360::store
