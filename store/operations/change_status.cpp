// The status of a record, by itself or of many at once (domain.md 3.5, 6.3, 7.2, 9, 10; R-159,
// The guards are the resource's own: those of every write.
#include "store/operations/action.h"

namespace c360::store {
namespace {

Result<ActionResult> change_status(ActionCall& call) {
  Json changes = call.fields;
  changes.set("status", std::string(*call.value("status")));
  auto view =
      call.records.update(call.tx, call.resource, call.key(), changes, call.actor, call.write);
  if (!view) return std::unexpected(view.error());
  return ActionResult{.json = std::move(view->json), .version = view->version, .id = view->id};
}

}  // namespace

Action change_status_action(const Resource& resource) {
  Field status = resource.field("status");
  status.required();
  status.default_value.reset();
  return {.name = "status",
          .label = {"Изменить статус", "Change status"},
          .doc = "To any status its guards let it into; what a guard asks for may be sent along.",
          .parameters = {status},
          .fields_of = "self",
          .answers = "self",
          .in_bulk = true,
          .handler = change_status};
}

}  // namespace c360::store
