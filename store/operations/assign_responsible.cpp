// Who is responsible, changed by the commercial director (domain.md 3.5, R-212, R-213).
#include "store/operations/action.h"

namespace c360::store {
namespace {

Result<ActionResult> assign(ActionCall& call) {
  const Json changes = Json::Object{{"responsible_id", call.number("user_id")}};
  auto view =
      call.records.update(call.tx, call.resource, call.key(), changes, call.actor, call.write);
  if (!view) {
    Error error = view.error();
    for (FieldError& field : error.fields) {
      if (field.pointer == "/responsible_id") field.pointer = "/user_id";
    }
    return std::unexpected(std::move(error));
  }
  return ActionResult{.json = std::move(view->json), .version = view->version, .id = view->id};
}

}  // namespace

Action assign_action() {
  return {.name = "assign",
          .label = {"Назначить ответственного", "Assign the responsible person"},
          .doc = "For the commercial director and CRM administrators.",
          .parameters =
              {reference("user_id", "user").required().labels("Ответственный", "Responsible")},
          .right = ActionRight::director,
          .answers = "self",
          .in_bulk = true,
          .handler = assign};
}

}  // namespace c360::store
