// How an installation shows its CRM (domain.md 16): saved views, names of sections.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "store/custom_fields.h"
#include "store/draft.h"
#include "store/model/resources.h"
#include "store/records.h"
#include "store/saved_views.h"
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
}

// The section that the draft names; nothing where it names none, or one that is none.
const Resource* section_of(const Records& records, Draft& draft) {
  const auto kind = draft.get("record_kind");
  const Resource* resource = kind ? records.registry().find(*kind) : nullptr;
  if (!kind || (resource != nullptr && resource->offers(Operation::list))) return resource;
  if (!draft.creating() && !draft.changed("record_kind")) return nullptr;  // stored before
  std::string known;
  for (const auto& each : records.registry().all()) {
    if (each->offers(Operation::list))
      known += (known.empty() ? "" : ", ") + std::string(each->kind);
  }
  draft.wrong("record_kind", "unknown_kind", "There is no such section; sections: " + known + ".");
  return nullptr;
}

// Of the list whole, and no filters of it.
constexpr std::string_view kNoFilters[] = {"limit",   "cursor", "count", "fields",
                                           "include", "sort",   "view",  "lang"};

void check_view_filters(const Records& records, Draft& draft, const Resource& resource,
                        const Json& filters) {
  if (!filters.is_object()) {
    draft.wrong("filters", "wrong_type", R"(Expected an object: {"FILTER": "VALUE"}.)");
    return;
  }
  if (filters.as_object().size() > kMaxViewFilters) {
    draft.wrong("filters", "too_many", "At most " + std::to_string(kMaxViewFilters) + " filters.");
    return;
  }
  for (const auto& [name, value] : filters.as_object()) {
    const std::string at = "/filters" + pointer_segment(name);
    if (!value.is_string()) {
      draft.wrong_at(at, "wrong_type", "Expected a text, as in the URL of the list.");
    } else if (std::ranges::find(kNoFilters, name) != std::end(kNoFilters)) {
      draft.wrong_at(at, "unknown_parameter", "This is no filter.");
    } else if (const auto checked =
                   records.check_list(resource, {{name, value.as_string()}}, draft.actor());
               !checked) {
      draft.wrong_at(at, checked.error().reason, checked.error().detail);
    }
  }
}

bool is_view_column(const Json& column) {
  const auto is_of = [&](std::string_view member, bool (Json::*type)() const) {
    const Json* value = column.find(member);
    return value == nullptr || (value->*type)();
  };
  return column.is_object() && column.find("field") != nullptr &&
         is_of("field", &Json::is_string) && is_of("visible", &Json::is_bool) &&
         is_of("width", &Json::is_number);
}

void check_view_columns(const Records& records, Draft& draft, const Resource& resource,
                        const Json& columns) {
  if (!columns.is_array() || !std::ranges::all_of(columns.as_array(), is_view_column)) {
    draft.wrong("columns", "wrong_type",
                R"(Expected a list of {"field": "NAME", "visible": true, "width": 120}.)");
    return;
  }
  if (columns.as_array().size() > kMaxViewColumns) {
    draft.wrong("columns", "too_many", "At most " + std::to_string(kMaxViewColumns) + " columns.");
    return;
  }
  for (std::size_t i = 0; i < columns.as_array().size(); ++i) {
    const std::string& name = columns.as_array()[i].find("field")->as_string();
    const bool custom = name.starts_with(kCustomPrefix);
    // A custom field is one that can be filtered by; the answer shows them all together.
    const Parameters shown =
        custom ? Parameters{{name + ".null", "true"}} : Parameters{{"fields", name}};
    const auto checked = records.check_list(resource, shown, draft.actor());
    if (checked && name.find(',') == std::string::npos) continue;
    draft.wrong_at("/columns/" + std::to_string(i) + "/field", "unknown_field",
                   checked ? "One field for a column." : checked.error().detail);
  }
}

void check_view_sort(const Records& records, Draft& draft, const Resource& resource,
                     const Json& sort) {
  if (!sort.is_array() || !std::ranges::all_of(sort.as_array(), &Json::is_string)) {
    draft.wrong("sort", "wrong_type", R"(Expected a list of texts: ["-created_at", "name"].)");
    return;
  }
  const std::string keys = view_sort(sort.dump());
  if (keys.empty()) return;
  const auto checked = records.check_list(resource, {{"sort", keys}}, draft.actor());
  if (!checked) draft.wrong("sort", checked.error().reason, checked.error().detail);
}

void check_visible_filters(Draft& draft, const Json& names) {
  if (!names.is_array() || !std::ranges::all_of(names.as_array(), &Json::is_string)) {
    draft.wrong("visible_filters", "wrong_type", R"(Expected a list of texts: ["status"].)");
  }
}

// What a view holds is what `view=` of the list will take.
void check_view_parts(const Records& records, Draft& draft) {
  const Resource* resource = section_of(records, draft);
  if (resource == nullptr) return;
  const auto changed = [&](std::string_view field) -> std::optional<Json> {
    if (!draft.creating() && !draft.changed(field) && !draft.changed("record_kind")) return {};
    const auto text = draft.get(field);
    auto json = text ? Json::parse(*text) : Result<Json>(fail(ErrorCode::not_found, ""));
    if (!json) return {};
    return std::move(*json);
  };
  if (const auto columns = changed("columns"))
    check_view_columns(records, draft, *resource, *columns);
  if (const auto filters = changed("filters"))
    check_view_filters(records, draft, *resource, *filters);
  if (const auto sort = changed("sort")) check_view_sort(records, draft, *resource, *sort);
  if (const auto names = changed("visible_filters")) check_visible_filters(draft, *names);
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
  const Resource* resource = section_of(records, draft);
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
      .doc =
          "Columns, filters and order of a list, kept under a name; `view=ID` of the list, "
          "board or export applies them.",
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
              .add(json("filters")
                       .defaults_to("{}")
                       .labels("Фильтры", "Filters")
                       .described("As in the URL of the list: {\"amount.gte\": \"1000\"}."))
              .add(json("visible_filters")
                       .defaults_to("[]")
                       .labels("Показываемые фильтры", "Visible filters"))
              .add(json("sort")
                       .defaults_to("[]")
                       .labels("Сортировка", "Sort")
                       .described("In order, '-' in front descends: [\"-created_at\"]."))
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
      .check_among = check_view_parts,
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
