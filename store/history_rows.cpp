#include "store/history_rows.h"

#include <utility>

#include "daemon/base/json.h"
#include "store/record_json.h"

namespace c360::store {

std::string history_json(const Rows& rows, int size) {
  static const Field kTime = timestamp("happened_at");
  static const Field kNumber = integer("id");
  static const Field kText = text("text");
  static const Field kJson = json("changes");
  constexpr std::pair<std::string_view, const Field*> kShown[] = {
      {"id", &kNumber},       {"event", &kText},     {"happened_at", &kTime},
      {"actor_id", &kNumber}, {"actor", &kText},     {"on_behalf_of_id", &kNumber},
      {"role", &kText},       {"task_id", &kNumber}, {"outcome", &kText},
      {"version", &kNumber},  {"comment", &kText},   {"changes", &kJson},
      {"request_id", &kText}, {"origin", &kText},    {"mail_message_id", &kNumber}};
  JsonWriter out;
  out.begin_array();
  for (int row = 0; row < size; ++row) {
    out.begin_object();
    int column = 0;
    for (const auto& [name, field] : kShown) {
      out.key(name);
      write_value(out, *field, rows.optional_text(row, column++));
    }
    out.end_object();
  }
  out.end_array();
  return out.take();
}

}  // namespace c360::store
