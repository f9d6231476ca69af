// Sections that an installation adds: records of kind `custom` under the code of a section, with
// the fields that custom_field_def gives them (design.md 11, domain.md 16; R-113).
#include <string>

#include "store/draft.h"
#include "store/model/resources.h"
#include "store/sections.h"

namespace c360::store {
namespace {

bool is_code(std::string_view code) {
  return !code.empty() && code.size() <= kMaxSectionCodeBytes && code[0] >= 'a' && code[0] <= 'z' &&
         code.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

void check_section(Draft& draft) {
  const auto code = draft.get("code");
  if (code && !is_code(*code)) {
    draft.wrong("code", "invalid_code",
                "Expected a-z, then a-z, 0-9 and _, at most " +
                    std::to_string(kMaxSectionCodeBytes) + " characters.");
  }
  if (draft.get("writers") == "everyone" && draft.get("readers") != "everyone") {
    draft.wrong("writers", "writers_may_not_read", "Who may write a section may read it.");
  }
}

constexpr std::string_view kReadByEveryone =
    "crm.section v WHERE v.code = %.section_code AND v.readers = 'everyone'";
constexpr std::string_view kReadByManagers =
    "crm.section v WHERE v.code = %.section_code AND v.readers = 'managers'";
constexpr std::string_view kWrittenByEveryone =
    "crm.section v WHERE v.code = %.section_code AND v.writers = 'everyone'";

Field order_of(std::string_view column) {
  return integer(column).of_small_type("integer").defaults_to("0").sortable().labels("Порядок",
                                                                                     "Order");
}

}  // namespace

Resource section() {
  return {
      .kind = "section",
      .path = "sections",
      .table = "crm.section",
      .doc =
          "A section that this installation added, and whose its records are. Its fields are "
          "custom fields of kind `custom`, of this section or of all.",
      .label = {"Раздел", "Section"},
      .label_plural = {"Разделы", "Sections"},
      .is_record = false,
      .key = "code",
      .key_type = KeyType::text,
      .name_field = "name_ru",
      .fields =
          Fields()
              .add(text("name_ru").required().max_length(200).searchable().sortable().labels(
                  "Название", "Name (Russian)"))
              .add(text("name_en").required().max_length(200).searchable().sortable().labels(
                  "Название (англ.)", "Name (English)"))
              .add(text("plural_ru")
                       .required()
                       .max_length(200)
                       .labels("Множественное число", "Plural (Russian)"))
              .add(text("plural_en")
                       .required()
                       .max_length(200)
                       .labels("Множественное число (англ.)", "Plural (English)"))
              .add(code("readers",
                        {{"everyone", {"Все сотрудники", "Every employee"}},
                         {"managers",
                          {"Менеджеры и ответственный", "Managers and the responsible person"}},
                         {"responsible", {"Ответственный", "The responsible person"}}})
                       .defaults_to("everyone")
                       .filterable()
                       .labels("Кто видит", "Readers"))
              .add(code("writers", {{"everyone", {"Все сотрудники", "Every employee"}},
                                    {"responsible", {"Ответственный", "The responsible person"}}})
                       .defaults_to("responsible")
                       .filterable()
                       .labels("Кто изменяет", "Writers"))
              .add(order_of("sort_order"))
              .add(boolean("is_active")
                       .defaults_to("t")
                       .filterable()
                       .labels("Действует", "Active")
                       .described("False: takes no new records."))
              .add(version_fields())
              .list(),
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}}},
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::remove, Operation::history},
      .default_sort = "sort_order",
      .soft_delete = false,
      .before_write = check_section,
  };
}

Resource custom() {
  return {
      .kind = "custom",
      .path = "custom-records",
      .table = "crm.custom",
      .doc = "A record of a section that this installation added.",
      .label = {"Запись раздела", "Record of a section"},
      .label_plural = {"Записи разделов", "Records of sections"},
      .fields = Fields()
                    .add(directory("section_code", "section")
                             .required()
                             .writable_by(WriteRule::creation)
                             .filterable()
                             .sortable()
                             .labels("Раздел", "Section"))
                    .add(text("name").required().max_length(500).searchable().sortable().labels(
                        "Название", "Name"))
                    .add(html("description").max_length(65'536).labels("Описание", "Description"))
                    .add(reference("responsible_id", "user")
                             .filterable()
                             .evented("responsible_changed")
                             .labels("Ответственный", "Responsible"))
                    .list(),
      .access = {.grants = {{Role::named, Right::write, {}, "responsible_id"},
                            {Role::creator, Right::read, {}},
                            {Role::everyone, Right::read, {}, {}, {}, kReadByEveryone},
                            {Role::everyone, Right::write, {}, {}, {}, kWrittenByEveryone},
                            {Role::all_crm_managers, Right::read, {}, {}, {}, kReadByManagers},
                            {Role::cco, Right::write, {}},
                            {Role::crm_administrators, Right::write, {}}},
                 .employees_create = true},
      .default_sort = "name",
  };
}

}  // namespace c360::store
