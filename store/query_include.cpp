// `include=`: rows of other resources as one JSON column each, so that a page with its references
// and collections stays one statement.
#include <algorithm>

#include "daemon/base/text.h"
#include "store/query_parts.h"

namespace c360::store {
namespace {

constexpr int kMaxIncluded = 100;  // rows of a collection shown with each record

// "responsible" of "responsible_id", "segment" of "segment_code".
std::string_view include_name(const Field& field) {
  for (const std::string_view suffix : {"_id", "_code"}) {
    if (field.name.ends_with(suffix))
      return field.name.substr(0, field.name.size() - suffix.size());
  }
  return field.name;
}

std::string value_as_json(const Field& field, std::string_view alias) {
  std::string expression = std::string(alias) + "." + std::string(field.name);
  switch (field.type) {
    case FieldType::money:
    case FieldType::decimal:
    case FieldType::interval:
      return expression + "::text";
    case FieldType::timestamp:
      // RFC 3339 as record_json writes it.
      return "to_char(" + expression + ", 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    case FieldType::bytes:
      return "encode(" + expression + ", 'hex')";
    default:
      return expression;
  }
}

std::string named_row(const Resource& resource, std::string_view alias) {
  std::string sql = "json_build_object('" + std::string(resource.key) + "', " + std::string(alias) +
                    "." + std::string(resource.key);
  std::vector<std::string_view> names = {"number", "name_en", "status", "email"};
  std::erase(names, resource.name_field);  // a name stands once in an object
  names.insert(names.begin(), resource.name_field);
  for (const std::string_view name : names) {
    const Field* field = name.empty() ? nullptr : resource.find(name);
    // A user shows who he is; only records show more.
    if (!field || (!resource.is_record && name != resource.name_field && name != "name_en"))
      continue;
    const std::string value = field->expression.empty()
                                  ? value_as_json(*field, alias)
                                  : "(" + moved_to(field->expression, alias) + ")";
    sql += ", '" + std::string(name) + "', " + value;
  }
  return sql + ")";
}

std::string whole_row(const Resource& resource, std::string_view alias) {
  // json_build_object takes at most 100 arguments; contacts have 27 fields.
  std::string sql = "json_build_object(";
  bool first = true;
  for (const Field& field : resource.fields) {
    if (field.is_secret || field.is_large || !field.expression.empty()) continue;
    if (field.name == "custom" || field.name == "external_ids") continue;
    sql += (first ? "'" : ", '") + std::string(field.name) + "', " + value_as_json(field, alias);
    first = false;
  }
  return sql + ")";
}

// What is attached to a record is shown to whom it is shown by itself.
IncludeColumn attached_column(const Registry& registry, const Resource& resource,
                              const Collection& collection, const Reader& reader) {
  IncludeColumn column{.name = std::string(collection.name)};
  const Resource& child = registry.get(collection.kind);
  const Predicate seen =
      reader.access.predicate(reader.actor, child, Right::read, "c", reader.user);
  if (seen.never) {
    column.sql = "'[]'::json";
    return column;
  }
  column.asks_user = !seen.always;
  column.sql = "(SELECT coalesce(json_agg(s.o), '[]') FROM (SELECT " + whole_row(child, "c") +
               " AS o FROM " + std::string(child.rows_from()) + " c WHERE c." +
               std::string(collection.parent_column) + " = t." + std::string(resource.key) +
               (child.soft_delete ? " AND c.deleted_at IS NULL" : "") +
               (seen.always ? "" : " AND " + seen.sql) + " ORDER BY " +
               std::string(collection.order_by) + " LIMIT " + std::to_string(kMaxIncluded) + ") s)";
  return column;
}

// Where the record stands: the stage of its status, with labels.
std::string stage_column(const Resource& resource) {
  std::string sql = "(CASE t.status";
  for (const Status& status : resource.statuses) {
    const Stage* stage = resource.find_stage(status.stage);
    if (stage == nullptr || stage->code.empty()) continue;
    sql += " WHEN '" + std::string(status.code) + "' THEN json_build_object('code', '" +
           std::string(stage->code) + "', 'percent', " +
           (stage->percent ? std::to_string(*stage->percent) : "NULL") + ", 'ru', '" +
           std::string(stage->label.ru) + "', 'en', '" + std::string(stage->label.en) + "')";
  }
  return sql + " END)";
}

std::string marketing_column(const Resource& resource) {
  std::string sql;
  for (const std::string_view name : resource.marketing) {
    sql += (sql.empty() ? "json_build_object('" : ", '") + std::string(name) + "', " +
           value_as_json(resource.field(name), "t");
  }
  return sql + ")";
}

// Blocks of the record itself; none: there is no such block.
std::optional<std::string> block_column(const Resource& resource, std::string_view name) {
  if (name == "stage" && !resource.stages.empty()) return stage_column(resource);
  if (name == "marketing" && !resource.marketing.empty()) return marketing_column(resource);
  return std::nullopt;
}

std::string collection_column(const Registry& registry, const Resource& resource,
                              const Collection& collection) {
  const Resource& child = registry.get(collection.kind);
  // People are shown by name; contacts and versions whole.
  const bool whole = child.kind == "contact" || child.kind == "line_item" ||
                     child.kind == "personal_account_product" || child.kind == "release_stage" ||
                     child.kind == "document_version" || child.kind == "mail_attachment";
  std::string object = whole ? whole_row(child, "c") : named_row(child, "c");
  for (const std::string_view column : split(collection.link_columns, ',')) {
    if (column.empty()) continue;
    const std::string value = column == "added_at"
                                  ? "to_char(l.added_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
                                  : "l." + std::string(column);
    // The link's own value wins: is_main of a contact on this record.
    object = "(" + object + "::jsonb || jsonb_build_object('" + std::string(column) + "', " +
             value + "))";
  }
  std::string from;
  if (collection.link_table.empty()) {
    from = std::string(child.rows_from()) + " c WHERE c." + std::string(collection.parent_column) +
           " = t." + std::string(resource.key);
  } else {
    from = std::string(collection.link_table) + " l JOIN " + std::string(child.rows_from()) +
           " c ON c." + std::string(child.key) + " = l." + std::string(collection.child_column) +
           " WHERE l." + std::string(collection.parent_column) + " = t." +
           std::string(resource.key);
  }
  if (child.soft_delete) from += " AND c.deleted_at IS NULL";
  return "(SELECT coalesce(json_agg(s.o), '[]') FROM (SELECT " + object + " AS o FROM " + from +
         " ORDER BY " + std::string(collection.order_by) + " LIMIT " +
         std::to_string(kMaxIncluded) + ") s)";
}

// What is told of a row the reader may not read: no more than the reference itself says, but that
// a record may always say whose it is.
std::string hidden_row(const Resource& target, std::string_view alias) {
  const std::string row(alias);
  const std::string key(target.key);
  std::string sql = "json_build_object('" + key + "', " + row + "." + key + ", 'kind', '" +
                    std::string(target.kind) + "'";
  if (target.kind == "counterparty") sql += ", 'name', " + row + ".name";
  return sql + ")";
}

IncludeColumn reference_column(const Resource& target, const Field& field, const Reader& reader) {
  IncludeColumn column;
  std::string object = named_row(target, "r");
  // People are known to everybody by name.
  if (target.kind != "user") {
    const Predicate seen =
        reader.access.predicate(reader.actor, target, Right::read, "r", reader.user);
    if (seen.never) object = hidden_row(target, "r");
    if (!seen.always && !seen.never) {
      object =
          "CASE WHEN " + seen.sql + " THEN " + object + " ELSE " + hidden_row(target, "r") + " END";
      column.asks_user = true;
    }
  }
  column.sql = "(SELECT " + object + " FROM " + std::string(target.rows_from()) + " r WHERE r." +
               std::string(target.key) + " = " + expression_of(field) + ")";
  return column;
}

std::string known_includes(const Resource& resource) {
  std::string known = shown_names(resource);
  for (const Field& field : resource.fields) {
    if (field.target.empty() || field.target == "record") continue;
    known += (known.empty() ? "" : ", ") + std::string(include_name(field));
  }
  for (const Part& part : resource.parts) {
    known += (known.empty() ? "-" : ", -") + std::string(part.name);
  }
  return known;
}

// A part of the list itself, asked for or, with a minus, left out.
bool is_part(const Resource& resource, std::string_view name) {
  if (name.starts_with('-')) name.remove_prefix(1);
  return resource.find_part(name) != nullptr;
}

}  // namespace

std::string shown_names(const Resource& resource) {
  std::string names;
  const auto add = [&](std::string_view name) {
    names.append(names.empty() ? "" : ", ").append(name);
  };
  for (const Collection& each : resource.collections) add(each.name);
  for (const Collection* each : resource.attached()) add(each->name);
  if (!resource.stages.empty()) add("stage");
  if (!resource.marketing.empty()) add("marketing");
  return names;
}

std::string parts_left_out(const Resource& resource, std::optional<std::string_view> include) {
  std::string condition;
  if (!include) return condition;
  for (std::string_view name : split(*include, ',')) {
    name = trimmed(name);
    if (!name.starts_with('-')) continue;
    const Part* part = resource.find_part(name.substr(1));
    if (part == nullptr) continue;
    condition.append(" AND NOT (").append(part->condition).append(")");
  }
  return condition;
}

Result<std::vector<IncludeColumn>> include_columns(const Registry& registry,
                                                   const Resource& resource,
                                                   std::optional<std::string_view> include,
                                                   const Reader& reader) {
  std::vector<IncludeColumn> columns;
  if (!include || include->empty()) return columns;
  for (std::string_view name : split(*include, ',')) {
    name = trimmed(name);
    const auto twice = std::any_of(columns.begin(), columns.end(),
                                   [&](const IncludeColumn& each) { return each.name == name; });
    if (twice || is_part(resource, name)) continue;
    if (const Collection* collection = resource.find_collection(name)) {
      columns.push_back({std::string(name), collection_column(registry, resource, *collection)});
      continue;
    }
    if (const Collection* attached = resource.find_shown(name)) {
      columns.push_back(attached_column(registry, resource, *attached, reader));
      continue;
    }
    if (auto block = block_column(resource, name)) {
      columns.push_back({std::string(name), std::move(*block)});
      continue;
    }
    const auto field =
        std::find_if(resource.fields.begin(), resource.fields.end(), [&](const Field& each) {
          return !each.target.empty() && include_name(each) == name && registry.find(each.target);
        });
    if (field == resource.fields.end()) {
      return fail(ErrorCode::invalid_request,
                  "Parameter include: unknown \"" + std::string(utf8_prefix(name, 60)) +
                      "\"; known: " + known_includes(resource) + ".",
                  "unknown_include");
    }
    const Resource& target = registry.get(field->target);
    std::string key(name);
    if (key == field->name) key += "_label";  // "currency" beside its object
    columns.push_back(reference_column(target, *field, reader));
    columns.back().name = std::move(key);
  }
  return columns;
}

bool asks_user(const std::vector<IncludeColumn>& columns) {
  return std::ranges::any_of(columns, &IncludeColumn::asks_user);
}

}  // namespace c360::store
