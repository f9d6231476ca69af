#include "store/operations/merge_comment.h"

#include <algorithm>
#include <array>

#include "store/operations/merge_parts.h"

namespace c360::store {
namespace {

// Of no meaning to a reader, or said otherwise.
constexpr std::array<std::string_view, 17> kSkipped = {"id",
                                                       "row_version",
                                                       "source_sync_attempts",
                                                       "number_of_users_min",
                                                       "number_of_users_max",
                                                       "match_candidates",
                                                       "merged_into_id",
                                                       "updated_at",
                                                       "updated_by",
                                                       "deleted_at",
                                                       "origin",
                                                       "status_changed_at",
                                                       "created_automatically",
                                                       "name_key",
                                                       "created_by",
                                                       "created_at",
                                                       "mail_message_id"};

std::string quoted(std::string_view text) {
  std::string sql = "'";
  for (const char c : text) sql += c == '\'' ? std::string("''") : std::string(1, c);
  return sql + "'";
}

std::string escaped(const std::string& sql) {
  return "replace(replace(replace(" + sql + ", '&', '&amp;'), '<', '&lt;'), '>', '&gt;')";
}

std::string local_time(const std::string& column, std::string_view time_zone) {
  return "to_char(" + column + " AT TIME ZONE " + quoted(time_zone) + ", 'DD.MM.YYYY HH24:MI')";
}

template <typename Codes>
std::string labelled(const std::string& column, const Codes& codes) {
  if (codes.empty()) return column;
  std::string sql = "CASE " + column;
  for (const auto& each : codes) {
    sql += " WHEN " + quoted(each.code) + " THEN " + quoted(each.label.ru);
  }
  return sql + " ELSE " + column + " END";
}

std::string name_of_target(const Registry& registry, const Field& field,
                           const std::string& column) {
  const Resource* target = registry.find(field.target);
  if (target == nullptr) return column + "::text";
  std::string name;
  if (target->kind == "user") {
    name = "concat_ws(' ', r.last_name, r.first_name)";
  } else if (target->has_field("name_ru")) {
    name = "r.name_ru";
  } else if (!target->name_field.empty() && target->field(target->name_field).has_column()) {
    name = "r." + std::string(target->name_field);
  } else {
    return column + "::text";
  }
  return "(SELECT coalesce(" + name + "::text, '') FROM " + std::string(target->table) +
         " r WHERE r." + std::string(target->key) + " = " + column + ")";
}

// The value as a person reads it, NULL where it says nothing; HTML.
std::string shown_value(const Registry& registry, const Resource& resource, const Field& field,
                        std::string_view time_zone) {
  std::string column = "t." + std::string(field.name);
  switch (field.type) {
    case FieldType::html:
      return column;
    case FieldType::timestamp:
      return local_time(column, time_zone);
    case FieldType::boolean:
      return "CASE WHEN " + column + " THEN 'Да' END";
    case FieldType::reference:
    case FieldType::directory:
      return escaped(name_of_target(registry, field, column));
    case FieldType::money:
      return "nullif(" + column + ", 0)::text";
    case FieldType::json:
      return escaped("nullif(nullif(" + column + "::text, '{}'), '[]')");
    case FieldType::code:
      if (field.name == "status") return escaped(labelled(column, resource.statuses));
      return escaped(labelled(column, field.choices));
    default:
      return escaped("left(" + column + "::text, " + std::to_string(kMaxCommentValue) + ")");
  }
}

std::string contacts_table() {
  return "coalesce((SELECT '<table><tbody><tr><th>№</th><th>ФИО</th><th>Должность</th><th>"
         "Департамент</th><th>Телефон</th><th>E-mail</th><th>Комментарий</th></tr>' || "
         "string_agg('<tr><td>' || n || '</td><td>' || " +
         escaped("full_name") + " || '</td><td>' || " + escaped("position") +
         " || '</td><td>' || " + escaped("department") + " || '</td><td>' || " + escaped("phone") +
         " || '</td><td>' || " + escaped("email") + " || '</td><td>' || " + escaped("comment") +
         " || '</td></tr>', '' ORDER BY n) || '</tbody></table>' FROM (SELECT row_number() OVER "
         "(ORDER BY l.is_main DESC, l.position, c.id) AS n, coalesce(c.full_name, '') AS "
         "full_name, coalesce(c.position, '') AS position, coalesce(c.department, '') AS "
         "department, coalesce(c.phone, '') AS phone, coalesce(c.email::text, '') AS email, "
         "coalesce(c.comment, '') AS comment FROM crm.record_contact l JOIN crm.contact c ON c.id "
         "= l.contact_id WHERE l.record_id = t.id) k), '')";
}

std::string numbers_of(std::string_view label, std::string_view table, std::string_view sign) {
  return "coalesce((SELECT '<p>" + std::string(label) + ": ' || string_agg('" + std::string(sign) +
         "' || o.number, ', ' ORDER BY o.number) || '</p>' FROM " + std::string(table) +
         " o WHERE o.deal_id = t.id AND o.deleted_at IS NULL), '')";
}

std::string items_line() {
  return "coalesce((SELECT '<p>Продукты и услуги/Products and services: ' || string_agg(" +
         escaped("i.name") +
         " || ' × ' || i.quantity || ' = ' || i.amount_with_vat, '; ' ORDER BY i.position) || "
         "'</p>' FROM crm.line_item i WHERE i.parent_id = t.id), '')";
}

}  // namespace

std::string merge_comment_sql(const Registry& registry, const Resource& resource,
                              std::string_view time_zone, bool items_stay) {
  std::string sql = "SELECT " + quoted("<p>" + std::string(merge_words(resource).nominative) +
                                       " объединен(а) успешно.</p>");
  for (const Field& field : resource.fields) {
    if (!field.has_column() || field.is_secret ||
        std::ranges::find(kSkipped, field.name) != kSkipped.end()) {
      continue;
    }
    const std::string label =
        "<p>" + std::string(field.label.ru) + "/" + std::string(field.label.en) + ": ";
    sql += " || coalesce(" + quoted(label) + " || nullif(" +
           shown_value(registry, resource, field, time_zone) + ", '') || '</p>', '')";
  }
  sql += " || " + contacts_table();
  if (resource.kind == "deal") {
    sql += " || " + numbers_of("Заказы", "crm.order", "№") + " || " +
           numbers_of("Платежи", "crm.payment", "№");
    if (items_stay) sql += " || " + items_line();
  }
  return sql + " FROM " + std::string(resource.table) + " t WHERE t.id = $1::bigint";
}

}  // namespace c360::store
