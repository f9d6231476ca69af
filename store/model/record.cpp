#include "store/model/resources.h"

namespace c360::store {

Fields record_fields() {
  return Fields()
      .add(timestamp("created_at")
               .defaults_to("now")
               .read_only()
               .untracked()
               .sortable()
               .labels("Дата создания", "Created"))
      .add(reference("created_by", "user")
               .read_only()
               .untracked()
               .filterable()
               .labels("Создатель", "Creator")
               .described("Null: the service itself."))
      .add(timestamp("updated_at")
               .defaults_to("now")
               .read_only()
               .untracked()
               .sortable()
               .labels("Изменено", "Modified"))
      .add(reference("updated_by", "user")
               .read_only()
               .untracked()
               .filterable()
               .labels("Кем изменено", "Modified by"))
      .add(row_version_field().untracked().described("The ETag; every change adds one."))
      .add(
          timestamp("deleted_at").read_only().untracked().filterable().labels("Удалено", "Deleted"))
      .add(code("origin", {{"api", {"API", "API"}},
                           {"mail", {"Почта", "Mail"}},
                           {"job", {"Задание", "Job"}},
                           {"import", {"Импорт", "Import"}},
                           {"portal", {"Портал", "Portal"}},
                           {"system", {"Система", "System"}}})
               .defaults_to("api")
               .read_only()
               .untracked()
               .filterable()
               .labels("Источник записи", "Origin"))
      .add(json("external_ids")
               .defaults_to("{}")
               .labels("Внешние идентификаторы", "External ids")
               .described("An object, such as {\"bitrix24\": \"17\"}."))
      .add(json("custom")
               .defaults_to("{}")
               .labels("Дополнительные поля", "Custom fields")
               .described("An object."));
}

Collection observer_collection() {
  return {.name = "observers",
          .kind = "user",
          .doc = "Who may read it besides.",
          .link_table = "crm.record_observer",
          .parent_column = "record_id",
          .child_column = "user_id",
          .link_columns = "added_at",
          .order_by = "l.added_at, c.id"};
}

Access satellite_access(std::string_view owner_field) {
  return {
      .grants = {{Role::creator, Right::write, {}},
                 {Role::cco, Right::write, {}},
                 {Role::crm_administrators, Right::write, {}},
                 {Role::all_crm_managers, Right::read, {}},
                 {Role::viewers, Right::read, {}}},
      .inherits_from = owner_field,
      .employees_create = true,
  };
}

Field row_version_field() {
  return integer("row_version")
      .of_small_type("integer")
      .defaults_to("1")
      .read_only()
      .labels("Версия", "Version");
}

Fields version_fields() {
  return Fields()
      .add(timestamp("updated_at").defaults_to("now").read_only().labels("Изменено", "Modified"))
      .add(row_version_field());
}

Field number_field() {
  return integer("number").required().read_only().unique().sortable().untracked().labels("Номер",
                                                                                         "Number");
}

}  // namespace c360::store
