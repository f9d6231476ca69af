// How an installation shows its CRM (domain.md 16): saved views, names of sections.
#include <string>

#include "store/custom_fields.h"
#include "store/draft.h"
#include "store/model/resources.h"
#include "store/records.h"
#include "store/sections.h"

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

// A filter of everybody's list, as one without any right could send it.
void check_default_filter(const Records& records, Draft& draft, const Resource& resource,
                          const std::string& filter, const Json& value) {
  const std::string pointer = "/default_filters" + pointer_segment(filter);
  if (!value.is_string()) {
    draft.wrong_at(pointer, "wrong_type", "Expected a text, as in the URL of the list.");
    return;
  }
  const Field* field = resource.find(std::string_view(filter).substr(0, filter.find('.')));
  if (field == nullptr || !field->is_filterable) {
    std::string known;
    for (const Field& each : resource.fields) {
      if (each.is_filterable) known += (known.empty() ? "" : ", ") + std::string(each.name);
    }
    draft.wrong_at(pointer, "unknown_field", "There is no such filter; filters: " + known + ".");
    return;
  }
  Actor anybody;
  anybody.user_id = 0;
  const auto plan =
      records.queries().list(resource, {{filter, value.as_string()}}, anybody, CustomFields{});
  if (!plan) draft.wrong_at(pointer, plan.error().reason, plan.error().detail);
}

void check_section(const Records& records, Draft& draft) {
  const auto kind = draft.get("record_kind");
  const Resource* resource = kind ? records.registry().find(*kind) : nullptr;
  if (kind && (resource == nullptr || !resource->offers(Operation::list))) {
    std::string known;
    for (const auto& each : records.registry().all()) {
      if (each->offers(Operation::list))
        known += (known.empty() ? "" : ", ") + std::string(each->kind);
    }
    draft.wrong("record_kind", "unknown_kind",
                "There is no such section; sections: " + known + ".");
    return;
  }
  if (resource == nullptr || !draft.changed("default_filters")) return;
  const auto filters = Json::parse(draft.get("default_filters").value_or("{}"));
  if (!filters || !filters->is_object()) return;  // refused already
  if (filters->as_object().size() > kMaxDefaultFilters) {
    draft.wrong("default_filters", "too_many",
                "At most " + std::to_string(kMaxDefaultFilters) + " filters.");
    return;
  }
  for (const auto& [name, value] : filters->as_object()) {
    check_default_filter(records, draft, *resource, name, value);
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
      .doc =
          "What this installation calls a section, such as partners for counterparties; whether "
          "it hides it, and how it filters its list by default.",
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
              .add(boolean("is_hidden")
                       .filterable()
                       .labels("Скрыт", "Hidden")
                       .described("Not shown in the workspace; takes nobody a right."))
              .add(json("default_filters")
                       .defaults_to("{}")
                       .labels("Фильтры по умолчанию", "Default filters")
                       .described("Of its list, where the request does not name the field: "
                                  "{\"types\": \"partner\"}."))
              .add(version_fields())
              .list(),
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}}},
      .operations = editable(),
      .default_sort = "record_kind",
      .soft_delete = false,
      .check_among = check_section,
  };
}

}  // namespace c360::store
