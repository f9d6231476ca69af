// What must be there when people create a record, where it is not as declared (domain.md 5.1, 16;
//
#include "store/required_fields.h"

#include <string>

#include "store/draft.h"
#include "store/model/resources.h"
#include "store/records.h"

namespace c360::store {
namespace {

void check_required_field(const Records& records, Draft& draft) {
  if (!draft.creating() || !draft.has("record_kind") || !draft.has("field")) return;
  const Resource* resource = records.registry().find(*draft.get("record_kind"));
  if (resource == nullptr || !resource->is_record || !resource->offers(Operation::create)) {
    std::string known;
    for (const auto& each : records.registry().all()) {
      if (!each->is_record || !each->offers(Operation::create)) continue;
      known += (known.empty() ? "" : ", ") + std::string(each->kind);
    }
    draft.wrong("record_kind", "unknown_kind",
                "There is no such kind of record; kinds: " + known + ".");
    return;
  }
  const Field* field = resource->find(*draft.get("field"));
  if (field != nullptr && may_be_asked_for(*resource, *field)) return;
  std::string askable;
  for (const Field& each : resource->fields) {
    if (!may_be_asked_for(*resource, each)) continue;
    askable += (askable.empty() ? "" : ", ") + std::string(each.name);
  }
  draft.wrong("field", field == nullptr || field->is_secret ? "unknown_field" : "not_askable",
              "This field cannot be asked for; those that can: " + askable + ".");
}

}  // namespace

Resource required_field() {
  return {
      .kind = "required_field",
      .path = "required-fields",
      .table = "crm.required_field",
      .doc =
          "A field that this installation asks of people who create a record, or does not ask "
          "for although it is declared so.",
      .label = {"Обязательное поле", "Required field"},
      .label_plural = {"Обязательные поля", "Required fields"},
      .is_record = false,
      .name_field = "field",
      .fields = Fields()
                    .add(text("record_kind")
                             .required()
                             .max_length(50)
                             .writable_by(WriteRule::creation)
                             .filterable()
                             .sortable()
                             .labels("Вид записи", "Record kind"))
                    .add(text("field")
                             .required()
                             .max_length(100)
                             .writable_by(WriteRule::creation)
                             .filterable()
                             .sortable()
                             .labels("Поле", "Field"))
                    .add(code("profile", {{"none", {"Не требуется", "Not asked for"}},
                                          {"requisites", {"Для реквизитов", "For requisites"}},
                                          {"full", {"Всегда", "Always"}}})
                             .required()
                             .filterable()
                             .labels("Профиль", "Profile")
                             .described(
                                 "By which profile of a creation it is asked for: full, or "
                                 "requisites, which asks for those of full too; none: by neither."))
                    .add(version_fields())
                    .list(),
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}}},
      // Deleted: as declared again.
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::remove, Operation::history},
      .default_sort = "record_kind",
      .soft_delete = false,
      .check_among = check_required_field,
  };
}

}  // namespace c360::store
