// How an installation shows its CRM (domain.md 16): saved views, names of sections.
#include <string>

#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

// A view is its maker's; a shared one, without owner, is made by those who write everything.
void check_saved_view(Draft& draft) {
  if (draft.creating() && !draft.is_set("owner_id") && draft.actor().user_id) {
    draft.set("owner_id", std::to_string(*draft.actor().user_id));
  }
  const bool everywhere = draft.may_administer() || draft.context().is_cco;
  const auto owner = draft.get("owner_id");
  const bool own =
      owner && draft.actor().user_id && *owner == std::to_string(*draft.actor().user_id);
  if ((draft.creating() || draft.changed("owner_id")) && !own && !everywhere) {
    draft.refuse(ErrorCode::forbidden,
                 "Only the commercial director and CRM administrators share views.",
                 "may_not_share");
  }
  const auto is_name = [](std::string_view kind) {
    return !kind.empty() &&
           kind.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos;
  };
  if (draft.has("record_kind") && !is_name(*draft.get("record_kind"))) {
    draft.wrong("record_kind", "invalid_value", "The kind of a resource, such as deal.");
  }
}

std::vector<Operation> editable() {
  return {Operation::list,   Operation::get,    Operation::create,
          Operation::update, Operation::remove, Operation::history};
}

}  // namespace

Resource saved_view() {
  return {
      .kind = "saved_view",
      .path = "saved-views",
      .table = "crm.saved_view",
      .doc = "Columns, filters and order of a list, kept under a name.",
      .label = {"Сохранённое представление", "Saved view"},
      .label_plural = {"Сохранённые представления", "Saved views"},
      .is_record = false,
      .fields =
          Fields()
              .add(reference("owner_id", "user")
                       .filterable()
                       .labels("Владелец", "Owner")
                       .described("Not sent: the caller; null: shared with everybody."))
              .add(text("record_kind")
                       .required()
                       .max_length(50)
                       .filterable()
                       .labels("Вид записей", "Kind of records"))
              .add(text("name").required().max_length(200).sortable().labels("Название", "Name"))
              .add(json("columns")
                       .defaults_to("[]")
                       .labels("Колонки", "Columns")
                       .described("In order: [{\"field\": …, \"visible\": …, \"width\": …}]."))
              .add(json("filters").defaults_to("{}").labels("Фильтры", "Filters"))
              .add(json("visible_filters")
                       .defaults_to("[]")
                       .labels("Показываемые фильтры", "Visible filters"))
              .add(json("sort").defaults_to("[]").labels("Сортировка", "Sort"))
              .add(boolean("is_default").filterable().labels("По умолчанию", "Default"))
              .add(boolean("is_board").filterable().labels("Доска", "Board"))
              .add(timestamp("created_at")
                       .defaults_to("now")
                       .read_only()
                       .labels("Дата создания", "Created"))
              .add(version_fields())
              .list(),
      .access = {.grants = {{Role::named, Right::write, {}, "owner_id"},
                            {Role::everyone,
                             Right::read,
                             {},
                             {},
                             {},
                             "crm.saved_view v WHERE v.id = %.id AND v.owner_id IS NULL"},
                            {Role::cco,
                             Right::write,
                             {},
                             {},
                             {},
                             "crm.saved_view v WHERE v.id = %.id AND v.owner_id IS NULL"},
                            {Role::crm_administrators, Right::write, {}}},
                 .employees_create = true},
      .operations = editable(),
      .default_sort = "name",
      .soft_delete = false,
      .before_write = check_saved_view,
  };
}

Resource section_label() {
  return {
      .kind = "section_label",
      .path = "section-labels",
      .table = "crm.section_label",
      .doc = "What this installation calls a section, such as partners for counterparties.",
      .label = {"Название раздела", "Section label"},
      .label_plural = {"Названия разделов", "Section labels"},
      .is_record = false,
      .key = "record_kind",
      .key_type = KeyType::text,
      .name_field = "name_ru",
      .fields =
          Fields()
              .add(text("name_ru").required().max_length(200).labels("Название", "Name (Russian)"))
              .add(text("name_en").required().max_length(200).labels("Название (англ.)",
                                                                     "Name (English)"))
              .add(text("plural_ru")
                       .required()
                       .max_length(200)
                       .labels("Множественное число", "Plural (Russian)"))
              .add(text("plural_en")
                       .required()
                       .max_length(200)
                       .labels("Множественное число (англ.)", "Plural (English)"))
              .add(boolean("is_hidden").filterable().labels("Скрыт", "Hidden"))
              .add(json("default_filters")
                       .defaults_to("{}")
                       .labels("Фильтры по умолчанию", "Default filters")
                       .described("An object, such as {\"types\": \"partner\"}."))
              .add(version_fields())
              .list(),
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}}},
      .operations = editable(),
      .default_sort = "record_kind",
      .soft_delete = false,
  };
}

}  // namespace c360::store
