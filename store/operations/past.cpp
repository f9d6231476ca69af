#include "store/operations/past.h"

#include <algorithm>
#include <array>

#include "store/query_parts.h"

namespace c360::store {
namespace {

constexpr Sql kSetMoment{"c360_past_moment", R"sql(
SELECT set_config('c360.as_of', $1::text, true), set_config('c360.card', $2::text, true)
)sql"};

// Never changed once written, or no part of what a record says.
constexpr std::array<std::string_view, 7> kFixed = {"id",     "number", "created_at", "created_by",
                                                    "origin", "code",   "activity_id"};

std::string subject_of_row(const Resource& kind, std::string_view key) {
  if (kind.is_record) return "h.record_id = " + std::string(key);
  return "h.record_kind = '" + std::string(kind.kind) + "' AND h.record_key = " + std::string(key) +
         "::text";
}

// Field to old value: of each field the first change after the moment. Bytes are hex in history,
// which is no input of theirs.
std::string values_of_then(const Resource& kind, std::string_view key) {
  std::string unreadable;
  for (const Field& field : kind.fields) {
    if (field.type != FieldType::bytes) continue;
    unreadable += (unreadable.empty() ? "'" : ", '") + std::string(field.name) + "'";
  }
  return "(SELECT coalesce(jsonb_object_agg(f.field, f.old), '{}') AS old FROM (SELECT DISTINCT ON "
         "(c.change ->> 'field') c.change ->> 'field' AS field, c.change -> 'old' AS old FROM "
         "crm.history_event h CROSS JOIN jsonb_array_elements(h.changes) c(change) WHERE " +
         subject_of_row(kind, key) + " AND h.happened_at > " + std::string(kPastMoment) +
         " AND c.change ? 'field'" +
         (unreadable.empty() ? "" : " AND c.change ->> 'field' NOT IN (" + unreadable + ")") +
         " ORDER BY c.change ->> 'field', h.id) f)";
}

// Deleted and restored since, it was what the first of these events found; and while it was merged
// into another it was not there.
std::string was_there(const Resource& kind) {
  const std::string moment(kPastMoment);
  std::string sql;
  if (kind.has_field("created_at")) sql = "n.created_at <= " + moment;
  if (kind.soft_delete) {
    sql += (sql.empty() ? "" : " AND ") +
           ("coalesce((SELECT h.event = 'deleted' FROM crm.history_event h WHERE " +
            subject_of_row(kind, "n." + std::string(kind.key)) +
            " AND h.event IN ('deleted', 'restored') AND h.happened_at > " + moment +
            " ORDER BY h.id LIMIT 1), n.deleted_at IS NULL OR n.deleted_at > " + moment + ")");
  }
  if (kind.has_field("merged_into_id")) {
    sql += " AND NOT EXISTS (SELECT FROM crm.merge g WHERE g.source_id = n.id AND g.merged_at <= " +
           moment + " AND g.undone_at > " + moment + ")";
  }
  return sql.empty() ? "TRUE" : sql;
}

// Rows gone for good have nothing left but their history, which has all of their values.
std::string gone_rows(const Resource& kind, std::string_view candidates) {
  const std::string table(kind.table);
  const std::string then = values_of_then(kind, "g.record_key");
  return " UNION ALL SELECT n.*, n AS past FROM (SELECT g.record_key FROM crm.history_event g "
         "WHERE "
         "g.record_kind = '" +
         std::string(kind.kind) + "' AND g.event = 'deleted' AND g.happened_at > " +
         std::string(kPastMoment) +
         " AND g.record_key IS NOT NULL OFFSET 0) g CROSS JOIN LATERAL " + then +
         " o CROSS JOIN LATERAL jsonb_populate_record(NULL::" + table +
         ", o.old || jsonb_build_object('" + std::string(kind.key) +
         "', g.record_key)) n WHERE n.created_at <= " + std::string(kPastMoment) + " AND (" +
         std::string(candidates) + ")";
}

}  // namespace

void queue_past_moment(Transaction& tx, std::string_view moment, std::int64_t record_id) {
  tx.queue(kSetMoment, Params{}.add(moment).add(std::to_string(record_id)));
}

std::string past_rows(const Resource& kind, std::string_view candidates) {
  const std::string table(kind.table);
  // OFFSET 0 keeps the planner from making the row anew for each of its columns.
  return "(SELECT n.*, jsonb_populate_record(n, o.old) AS past FROM " + table +
         " n CROSS JOIN LATERAL " + values_of_then(kind, "n." + std::string(kind.key)) +
         " o WHERE (" + std::string(candidates) + ") AND " + was_there(kind) +
         (kind.is_record || kind.soft_delete || !kind.offers(Operation::remove)
              ? std::string()
              : gone_rows(kind, candidates)) +
         " OFFSET 0)";
}

std::string taken_away(const Resource& kind, std::string_view column, std::string_view owner) {
  const std::string name(column);
  return "SELECT " + std::string(kind.is_record ? "h.record_id" : "h.record_key::bigint") +
         " FROM crm.history_event h WHERE h.record_kind = '" + std::string(kind.kind) +
         "' AND h.happened_at > " + std::string(kPastMoment) +
         " AND h.changes @> '[{\"field\": \"" + name +
         "\"}]' AND h.changes @> jsonb_build_array(jsonb_build_object('field', '" + name +
         "', 'old', " + std::string(owner) + "))";
}

std::string once_owned(const Resource& kind, std::string_view column, std::string_view owner) {
  return "n." + std::string(kind.key) + " IN (SELECT x." + std::string(kind.key) + " FROM " +
         std::string(kind.table) + " x WHERE x." + std::string(column) + " = " +
         std::string(owner) + " UNION " + taken_away(kind, column, owner) + ")";
}

std::string expression_of_then(std::string_view expression) {
  std::string text = moved_to(expression, "(t.past)");
  constexpr std::string_view kNow = "now()";
  for (std::size_t at = 0; (at = text.find(kNow, at)) != std::string::npos;) {
    text.replace(at, kNow.size(), kPastMoment);
    at += kPastMoment.size();
  }
  return text;
}

Resource as_it_was(const Resource& kind, std::string_view view) {
  Resource then = kind;
  then.view = view;
  then.soft_delete = false;
  for (Field& field : then.fields) {
    field.expression = expression_of_then(field.has_column() ? "t." + std::string(field.name)
                                                             : std::string_view(field.expression));
    // Merged only later it leads nowhere yet.
    if (field.name == "merged_into_id") {
      field.expression = "CASE WHEN t.deleted_at <= " + std::string(kPastMoment) +
                         " THEN (t.past).merged_into_id END";
    }
    if (field.name == "deleted_at") field.expression = "NULL::timestamptz";
  }
  return then;
}

std::vector<std::string_view> fields_without_history(const Resource& kind) {
  std::vector<std::string_view> names;
  for (const Field& field : kind.fields) {
    const bool fixed = std::ranges::find(kFixed, field.name) != kFixed.end() ||
                       field.name == "deleted_at" || field.name == "merged_into_id";
    const bool traced = field.has_column() && field.is_tracked && field.type != FieldType::bytes;
    const bool derived = !field.has_column();
    if (!fixed && !traced && !derived && !field.is_secret && !field.is_large) {
      names.push_back(field.name);
    }
  }
  return names;
}

}  // namespace c360::store
