// Fields that an installation adds to its records without a change of the schema (domain.md 16).
#include <string>

#include "daemon/base/json.h"
#include "store/array.h"
#include "store/custom_fields.h"
#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

bool is_code(std::string_view code) {
  if (code.empty() || code.size() > kMaxCustomCodeBytes || code[0] < 'a' || code[0] > 'z') {
    return false;
  }
  return code.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

void check_definition(Draft& draft) {
  if (draft.has("section_code") && draft.get("record_kind") != "custom") {
    draft.wrong("section_code", "not_of_a_section", "Only fields of kind custom have a section.");
  }
  const auto code_value = draft.get("code");
  if (code_value && !is_code(*code_value)) {
    draft.wrong("code", "invalid_code",
                "Expected a-z, then a-z, 0-9 and _, at most " +
                    std::to_string(kMaxCustomCodeBytes) + " characters.");
  }
  const bool lists_values = draft.get("type") == "enum";
  const bool has_values =
      draft.has("enum_values") && !decode_array(*draft.get("enum_values")).empty();
  if (lists_values && !has_values) {
    draft.wrong("enum_values", "enum_values_required", "A field of type enum lists its values.");
  }
  if (!lists_values && has_values) {
    draft.wrong("enum_values", "not_an_enum", "Only a field of type enum has values.");
  }
  if (!draft.problems().empty() || !draft.has("default_value")) return;
  const CustomField field = custom_field_of(draft);
  const auto value = Json::parse(*draft.get("default_value"));
  if (!value) return;
  if (const auto fault = fault_of(field, *value)) {
    draft.wrong("default_value", fault->code, fault->detail);
  }
}

// Those of crm.record.
std::vector<Choice> record_kinds() {
  return {{"counterparty", {"Контрагент", "Counterparty"}},
          {"contact", {"Контактное лицо", "Contact"}},
          {"lead", {"Лид", "Lead"}},
          {"deal", {"Сделка", "Deal"}},
          {"product", {"Продукт", "Product"}},
          {"order", {"Заказ", "Order"}},
          {"payment", {"Платеж", "Payment"}},
          {"contract", {"Договор", "Contract"}},
          {"agreement", {"Доп. соглашение", "Agreement"}},
          {"document", {"Документ", "Document"}},
          {"folder", {"Папка", "Folder"}},
          {"activity", {"Активность", "Activity"}},
          {"assignment", {"Поручение", "Assignment"}},
          {"support_request", {"Заявка", "Support request"}},
          {"correspondence_in", {"Входящая корреспонденция", "Incoming correspondence"}},
          {"correspondence_out", {"Исходящая корреспонденция", "Outgoing correspondence"}},
          {"project", {"Проект", "Project"}},
          {"release", {"Релиз", "Release"}},
          {"personal_account", {"Лицевой счёт", "Personal account"}},
          {"legal_entity", {"Юридическое лицо", "Legal entity"}},
          {"own_organisation", {"Наша организация", "Own organisation"}},
          {"custom", {"Раздел", "Section"}}};
}

}  // namespace

Resource custom_field_def() {
  return {
      .kind = "custom_field_def",
      .path = "custom-fields",
      .table = "crm.custom_field_def",
      .doc = "A field that this installation adds to records of one kind: a member of `custom`.",
      .label = {"Дополнительное поле", "Custom field"},
      .label_plural = {"Дополнительные поля", "Custom fields"},
      .is_record = false,
      .name_field = "name_ru",
      .fields = Fields()
                    .add(code("record_kind", record_kinds())
                             .required()
                             .writable_by(WriteRule::creation)
                             .filterable()
                             .sortable()
                             .labels("Вид записи", "Record kind"))
                    .add(directory("section_code", "section")
                             .writable_by(WriteRule::creation)
                             .filterable()
                             .labels("Раздел", "Section")
                             .described("Of kind custom: of this section alone; null: of all."))
                    .add(text("code")
                             .required()
                             .max_length(kMaxCustomCodeBytes)
                             .writable_by(WriteRule::creation)
                             .filterable()
                             .sortable()
                             .labels("Код", "Code")
                             .described("The member of `custom`; a filter is custom.CODE."))
                    .add(text("name_ru").required().max_length(300).searchable().labels(
                        "Название", "Name (Russian)"))
                    .add(text("name_en").required().max_length(300).searchable().labels(
                        "Название (англ.)", "Name (English)"))
                    .add(code("type", {{"text", {"Текст", "Text"}},
                                       {"number", {"Число", "Number"}},
                                       {"money", {"Деньги", "Money"}},
                                       {"bool", {"Да или нет", "Yes or no"}},
                                       {"date", {"Дата", "Date"}},
                                       {"datetime", {"Дата и время", "Date and time"}},
                                       {"enum", {"Список", "List"}},
                                       {"user", {"Пользователь", "User"}},
                                       {"record", {"Запись", "Record"}}})
                             .required()
                             .writable_by(WriteRule::creation)
                             .filterable()
                             .labels("Тип", "Type"))
                    .add(text_array("enum_values")
                             .labels("Значения", "Values")
                             .described("Of type enum: what may be chosen."))
                    .add(boolean("is_required")
                             .filterable()
                             .labels("Обязательное", "Required")
                             .described("Asked of people when they create a record."))
                    .add(json("default_value").labels("По умолчанию", "Default"))
                    .add(boolean("is_searchable")
                             .filterable()
                             .labels("Участвует в поиске", "Searchable")
                             .described("Part of `q=`, which then reads the whole list."))
                    .add(integer("sort_order")
                             .of_small_type("integer")
                             .defaults_to("0")
                             .sortable()
                             .labels("Порядок", "Order"))
                    .add(boolean("is_active")
                             .defaults_to("t")
                             .filterable()
                             .labels("Действует", "Active")
                             .described("False: kept where it is set, and not taken any more."))
                    .add(version_fields())
                    .list(),
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}}},
      // Never deleted: the values would lose their meaning.
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::history},
      .default_sort = "sort_order",
      .soft_delete = false,
      .before_write = check_definition,
  };
}

}  // namespace c360::store
