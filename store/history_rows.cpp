#include "store/history_rows.h"

#include <utility>

#include "daemon/base/json.h"
#include "store/record_json.h"

namespace c360::store {

std::string shown_changes(const AccessRules& access, const Resource& resource, const Actor& actor,
                          std::string_view event, std::string_view key, std::string_view user) {
  std::string changes = std::string(event) + ".changes";
  std::string personal;
  for (const Field& field : resource.fields) {
    if (!field.is_personal) continue;
    personal += (personal.empty() ? "'" : ", '") + std::string(field.name) + "'";
  }
  const Predicate shown = access.personal(actor, resource, "t", user);
  if (personal.empty() || shown.always) return changes;
  const std::string others =
      "(SELECT coalesce(jsonb_agg(c.change ORDER BY c.place), '[]') FROM "
      "jsonb_array_elements(" +
      changes +
      ") WITH ORDINALITY AS c(change, place)"
      " WHERE c.change ->> 'field' NOT IN (" +
      personal + "))";
  return "CASE WHEN EXISTS (SELECT FROM " + std::string(resource.table) + " t WHERE t." +
         std::string(resource.key) + " = " + std::string(key) + " AND " + shown.sql + ") THEN " +
         changes + " ELSE " + others + " END";
}

std::string history_columns(std::string_view changes) {
  constexpr std::string_view kAll = "h.changes";
  std::string columns(kHistoryColumns);
  return columns.replace(columns.find(kAll), kAll.size(), changes);
}

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
